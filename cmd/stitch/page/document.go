package page

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// field is a named list of values.
type field struct {
	Name   string
	Values []string
}

// columns are what an alert says of a document, by name.
func columns(d mappings.Document) []field {
	list := make([]field, 0, len(d.Columns))
	for _, name := range slices.Sorted(maps.Keys(d.Columns)) {
		f := field{Name: name}
		for _, v := range d.Columns[name] {
			f.Values = append(f.Values, v.String())
		}
		list = append(list, f)
	}
	return list
}

// fields are all leaves of an alert's document but those that name its
// evidence, which is shown with the stages.
func fields(stored json.RawMessage) ([]field, error) {
	source, err := esq.DecodeSource(stored)
	if err != nil {
		return nil, fmt.Errorf("read alert: %w", err)
	}
	return slices.DeleteFunc(leaves(source), func(f field) bool {
		for _, shown := range []string{"stitch.chain", "kibana.alert.ancestors"} {
			if f.Name == shown || strings.HasPrefix(f.Name, shown+".") {
				return true
			}
		}
		return false
	}), nil
}

// leaves are all values of an object by their dotted names.
func leaves(o map[string]any) []field {
	values := map[string][]string{}
	gather(values, "", o)
	list := make([]field, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, field{name, values[name]})
	}
	return list
}

func gather(values map[string][]string, name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			below := key
			if name != "" {
				below = name + "." + key
			}
			gather(values, below, v[key])
		}
	case []any:
		for _, e := range v {
			gather(values, name, e)
		}
	case nil:
	case string:
		values[name] = append(values[name], v)
	case bool:
		values[name] = append(values[name], strconv.FormatBool(v))
	default:
		values[name] = append(values[name], fmt.Sprint(v))
	}
}
