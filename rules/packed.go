package rules

import (
	"encoding/json"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// unpack returns the values that a source has packed into JSON texts: of each
// text the first of the column's members that it has. What is no JSON object,
// and a member that is an object or null, is no value.
func (c column) unpack(values []esq.Value) []esq.Value {
	if c.json == nil {
		return values
	}
	var out []esq.Value
	for _, v := range values {
		if text, ok := v.Str(); ok {
			out = append(out, c.member(text)...)
		}
	}
	return out
}

func (c column) member(text string) []esq.Value {
	var object map[string]any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&object) != nil {
		return nil
	}
	for _, name := range c.json {
		list, ok := object[name].([]any)
		if !ok {
			list = []any{object[name]}
		}
		var values []esq.Value
		for _, item := range list {
			if v, ok := esq.ValueOf(item); ok && !v.IsNull() {
				values = append(values, v)
			}
		}
		if len(values) > 0 {
			return values
		}
	}
	return nil
}
