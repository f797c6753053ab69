package documents

import "math/rand/v2"

// dice is all the chance there is: one generator, by seed.
type dice struct{ *rand.PCG }

func newDice(seed, stream uint64) *dice { return &dice{rand.NewPCG(seed, stream)} }

// below is a number from 0 to n-1.
func (d *dice) below(n int) int { return int(d.Uint64() >> 1 % uint64(n)) }

// one reports true with a probability.
func (d *dice) one(probability float64) bool {
	return float64(d.Uint64()>>11)/(1<<53) < probability
}

const (
	hexAlphabet = "0123456789abcdef"
	idAlphabet  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

func (d *dice) hex(line []byte, n int) []byte { return d.spell(line, n, hexAlphabet, 4) }

func (d *dice) letters(line []byte, n int) []byte { return d.spell(line, n, idAlphabet, 6) }

// spell appends n characters of an alphabet of 1<<bits.
func (d *dice) spell(line []byte, n int, alphabet string, bits int) []byte {
	per := 64 / bits
	for n > 0 {
		word := d.Uint64()
		for range min(per, n) {
			line = append(line, alphabet[word&(1<<bits-1)])
			word >>= bits
		}
		n -= min(per, n)
	}
	return line
}

func (d *dice) guid(line []byte) []byte {
	line = append(d.hex(line, 8), '-')
	line = append(d.hex(line, 4), '-', '4')
	line = append(d.hex(line, 3), '-', '8')
	line = append(d.hex(line, 3), '-')
	return d.hex(line, 12)
}

// pick is one of list.
func pick[T any](d *dice, list []T) T { return list[d.below(len(list))] }
