package kuery

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// Example returns values of fields, by their names, with which a document
// satisfies n, as far as that can be read off it: of an or its first side, of a
// wildcard the text around it, and of a not nothing, for the field is left out.
// have says which fields have a value already; these are not asked for
// again where n wants any value. The error names a part that no value can be
// read off; whether a document with the values passes is for an engine to say.
func Example(n Node, have func(field string) bool) (map[string]esq.Value, error) {
	values := map[string]esq.Value{}
	err := example(n, have, values)
	return values, err
}

func example(n Node, have func(string) bool, into map[string]esq.Value) error {
	switch n := n.(type) {
	case *And:
		for _, part := range n.Nodes {
			if err := example(part, have, into); err != nil {
				return err
			}
		}
	case *Or:
		return firstExample(n, have, into)
	case *Is:
		return n.example(have, into)
	case *Range:
		return n.example(into)
	case *Nested:
		return fmt.Errorf("%s: objects of a nested field cannot be made up", Print(n))
	}
	return nil
}

func firstExample(n *Or, have func(string) bool, into map[string]esq.Value) (err error) {
	for _, side := range n.Nodes {
		values, sideErr := Example(side, have)
		if sideErr == nil {
			for field, v := range values {
				into[field] = v
			}
			return nil
		}
		err = sideErr
	}
	return err
}

func (n *Is) example(have func(string) bool, into map[string]esq.Value) error {
	if n.everything() {
		return nil
	}
	if n.Field == nil || n.Field.Wildcard() {
		return fmt.Errorf("%s: names no field", Print(n))
	}
	field := n.Field.Name()
	switch {
	case n.Value.Any() && have(field):
	case n.Value.Any() && strings.HasSuffix(field, "ip"):
		into[field] = esq.Str("203.0.113.7")
	case n.Value.Any():
		into[field] = esq.Str("x")
	case n.Value.Wildcard():
		into[field] = esq.Str(strings.Join(n.Value.Parts, "x"))
	default:
		into[field] = n.Value.Value()
	}
	return nil
}

func (n *Range) example(into map[string]esq.Value) error {
	bound, err := strconv.ParseFloat(n.Value.Name(), 64)
	if err != nil || n.Field.Wildcard() {
		return fmt.Errorf("%s: the bound is no number", Print(n))
	}
	switch n.Op {
	case LT:
		bound--
	case GT:
		bound++
	}
	into[n.Field.Name()] = esq.Num(bound)
	return nil
}
