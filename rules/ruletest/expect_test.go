package ruletest

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSame(t *testing.T) {
	for _, test := range []struct {
		want, got any
		same      bool
	}{
		{"a", "a", true},
		{"a", []any{"a"}, true},
		{[]any{"a", "b"}, []any{"b", "a"}, true},
		{[]any{"a", "a"}, []any{"a"}, false},
		{[]any{}, nil, true},
		{1.0, "1", false},
		{"a", nil, false},
		{map[string]any{"x": 1.0}, []any{map[string]any{"x": 1.0}}, true},
	} {
		if got := same(test.want, test.got); got != test.same {
			t.Errorf("same(%v, %v) is %v", test.want, test.got, got)
		}
	}
}

// TestPairing holds the pairing to the best there is, by trying all orders.
func TestPairing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var expected []expectation
		for range rapid.IntRange(0, 4).Draw(t, "expected") {
			x := expectation{fields: map[string]any{}}
			for _, field := range []string{"a", "b"} {
				if rapid.Bool().Draw(t, "has") {
					x.fields[field] = fmt.Sprint(rapid.IntRange(0, 1).Draw(t, field))
				}
			}
			expected = append(expected, x)
		}
		var alerts []Alert
		for range rapid.IntRange(0, 4).Draw(t, "alerts") {
			alerts = append(alerts, Alert{"a": fmt.Sprint(rapid.IntRange(0, 1).Draw(t, "a")), "b": fmt.Sprint(rapid.IntRange(0, 1).Draw(t, "b"))})
		}
		pairs := pairing(expected, alerts, nil)
		paired := 0
		for x, i := range pairs {
			if i < 0 {
				continue
			}
			paired++
			if d := expected[x].differences(alerts[i], nil); len(d) > 0 {
				t.Fatalf("%v got %v", expected[x].fields, alerts[i])
			}
			if slices.Index(pairs, i) != x {
				t.Fatalf("one alert for two: %v", pairs)
			}
		}
		if best := most(expected, alerts); paired != best {
			t.Fatalf("paired %d, could %d", paired, best)
		}
	})
}

// most is how many expectations can be met, found by trying everything.
func most(expected []expectation, alerts []Alert) int {
	if len(expected) == 0 {
		return 0
	}
	best := most(expected[1:], alerts)
	for i, a := range alerts {
		if len(expected[0].differences(a, nil)) == 0 {
			best = max(best, 1+most(expected[1:], slices.Delete(slices.Clone(alerts), i, i+1)))
		}
	}
	return best
}
