package mappings

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// missing is the part of wanted, a mapping, that an index lacks; without names
// the fields that have another type there, which cannot be changed.
func (b bootstrap) missing(ctx context.Context, index string, wanted object) (lacks object, without []string, err error) {
	var found map[string]struct {
		Mappings object `json:"mappings"`
	}
	if err := b.admin.Do(ctx, http.MethodGet, "/"+index+"/_mapping", nil, &found); err != nil {
		return nil, nil, fmt.Errorf("read mapping of %s: %w", index, err)
	}
	lacks = maps.Clone(wanted)
	wants, _ := wanted["properties"].(object)
	has, _ := found[index].Mappings["properties"].(object)
	lacks["properties"], without = lacking(wants, has, "")
	return lacks, without, nil
}

// lacking is wants without what has has; without are the fields, below path,
// that has has with another type.
func lacking(wants, has object, path string) (lacks object, without []string) {
	lacks = object{}
	for _, name := range slices.Sorted(maps.Keys(wants)) {
		want, _ := wants[name].(object)
		there, ok := has[name].(object)
		if !ok {
			lacks[name] = want
			continue
		}
		inner, isObject := want["properties"].(object)
		if kindOf(want) != kindOf(there) {
			without = append(without, fmt.Sprintf("%s (%s, not %s)", path+name, kindOf(there), kindOf(want)))
			continue
		}
		if !isObject {
			continue
		}
		innerHas, _ := there["properties"].(object)
		innerLacks, innerWithout := lacking(inner, innerHas, path+name+".")
		without = append(without, innerWithout...)
		if len(innerLacks) > 0 {
			lacks[name] = object{"properties": innerLacks}
		}
	}
	return lacks, without
}

// kindOf is the type of a field; one without a type is an object.
func kindOf(field object) string {
	if kind, ok := field["type"].(string); ok {
		return kind
	}
	return "object"
}
