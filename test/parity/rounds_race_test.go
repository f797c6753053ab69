//go:build race

package parity

const (
	kustoRounds = 5
	chainRounds = 5
)
