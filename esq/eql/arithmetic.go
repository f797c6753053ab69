package eql

import (
	"math"
	"math/bits"

	"github.com/stitchdetect/stitch/esq"
)

// calculate returns "a op b", or null when there is no such number: an operand
// is no number, a division by zero, a result beyond floats. Whole numbers stay
// whole, dividing towards zero, unless float says that an operand was written
// or made as a float; what leaves 64 bits becomes a float.
func calculate(op Op, a, b Value, float bool) Value {
	i, whole := a.Int()
	j, too := b.Int()
	if whole && too && !float {
		if v, ok := calculateWhole(op, i, j); ok {
			return v
		}
	}
	x, ok := a.Number()
	if !ok {
		return Value{}
	}
	y, ok := b.Number()
	if !ok {
		return Value{}
	}
	return finite(calculateFloat(op, x, y))
}

// calculateWhole is calculate for whole numbers; ok is false when the result
// leaves 64 bits.
func calculateWhole(op Op, i, j int64) (v Value, ok bool) {
	switch op {
	case Add:
		sum := i + j
		return esq.Integer(sum), (sum > i) == (j > 0)
	case Sub:
		difference := i - j
		return esq.Integer(difference), (difference < i) == (j > 0)
	case Mul:
		return multiplyWhole(i, j)
	}
	if j == 0 {
		return Value{}, true
	}
	if i == math.MinInt64 && j == -1 {
		return esq.Integer(0), op == Mod
	}
	if op == Div {
		return esq.Integer(i / j), true
	}
	return esq.Integer(i % j), true
}

func multiplyWhole(i, j int64) (v Value, ok bool) {
	high, low := bits.Mul64(magnitude(i), magnitude(j))
	negative := (i < 0) != (j < 0)
	switch {
	case high != 0 || low > 1<<63 || low == 1<<63 && !negative:
		return Value{}, false
	case negative:
		return esq.Integer(-int64(low)), true
	}
	return esq.Integer(int64(low)), true
}

func magnitude(i int64) uint64 {
	if i < 0 {
		return -uint64(i)
	}
	return uint64(i)
}

func calculateFloat(op Op, x, y float64) float64 {
	switch op {
	case Add:
		return x + y
	case Sub:
		return x - y
	case Mul:
		return x * y
	case Div:
		return x / y // by zero: infinite or no number, and so missing
	}
	return math.Mod(x, y)
}

func finite(f float64) Value {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return Value{}
	}
	return esq.Num(f)
}

// negate returns -v, or null if v is no number.
func negate(v Value) Value {
	if i, ok := v.Int(); ok && i != math.MinInt64 {
		return esq.Integer(-i)
	}
	if f, ok := v.Number(); ok {
		return finite(-f)
	}
	return Value{}
}
