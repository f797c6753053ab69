//go:build !race

package esq_test

// allocationsOfAHit is what reading a hit may take.
const allocationsOfAHit = 20
