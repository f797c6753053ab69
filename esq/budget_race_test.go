//go:build race

package esq_test

// allocationsOfAHit is what reading a hit may take. With the race detector
// pools drop at random what they are given, so more is allocated.
const allocationsOfAHit = 30
