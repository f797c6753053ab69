//go:build race

package parity

const (
	kustoRounds = 4
	chainRounds = 4
)
