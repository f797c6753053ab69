//go:build !race

package parity

// How many rounds are run; the race detector makes them several times slower.
const (
	kustoRounds = 30
	chainRounds = 25
)
