// Package format brings the TOML of rules and views into one canonical form:
// tables and keys in the order of the reference, one space around =, one empty
// line between tables. Values and comments stay as they are spelled.
package format

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Order is the canonical order of keys by table: "rule" to its keys, sub-tables
// among them. Keys that it does not list keep their order, after those it does.
// A table that it does not list keeps all of its keys as they stand.
type Order map[string][]string

// Source returns text in the canonical form. What the text means stays the
// same; where it would not, or the text is no TOML, it returns an error and no
// text. Formatting twice changes nothing more.
func Source(text string, order Order) (string, error) {
	var before map[string]any
	if _, err := toml.Decode(text, &before); err != nil {
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			err = &SyntaxError{syntax.Position.Line, syntax.Message}
		}
		return "", fmt.Errorf("read TOML: %w", err)
	}
	doc, err := read(text)
	if err != nil {
		return "", fmt.Errorf("read TOML: %w", err)
	}
	doc.arrange(order)
	out := doc.String()
	var after map[string]any
	if _, err := toml.Decode(out, &after); err != nil {
		return "", fmt.Errorf("format TOML: the result cannot be read: %w", err)
	}
	if !reflect.DeepEqual(before, after) {
		return "", errors.New("format TOML: the result would mean something else; please report the file")
	}
	return out, nil
}

// arrange sorts the keys of each table, and the tables, two names deep: what
// lies below an array of tables stays with the element it stands under, and
// what is not listed, such as the tables of tests, as it stands.
func (d *document) arrange(order Order) {
	arrays := map[string]bool{}
	for _, t := range d.tables {
		arrays[t.header] = arrays[t.header] || t.array
		if keys, listed := order[t.header]; listed {
			slices.SortStableFunc(t.keys, func(a, b entry) int { return rank(keys, a.key) - rank(keys, b.key) })
		}
	}
	place := func(t *table) [2]int {
		if t.header == "" {
			return [2]int{-1, -1}
		}
		first, rest, _ := strings.Cut(t.header, ".")
		second, _, _ := strings.Cut(rest, ".")
		if second == "" || arrays[first] || !slices.Contains(order[""], first) {
			return [2]int{rank(order[""], first), -1}
		}
		return [2]int{rank(order[""], first), rank(order[first], second)}
	}
	slices.SortStableFunc(d.tables, func(a, b *table) int {
		x, y := place(a), place(b)
		return slices.Compare(x[:], y[:])
	})
}

func rank(keys []string, key string) int {
	if i := slices.Index(keys, key); i >= 0 {
		return i
	}
	return len(keys)
}
