package esq

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// maxFieldsText bounds the field names in one request's URL, in bytes: engines
// take 4,096 for the whole first line by default.
const maxFieldsText = 2_000

// FieldCaps returns what the indices know of the fields; a name may hold a *.
// The engine's own fields, whose names start with an underscore, are left out.
func (c *Cluster) FieldCaps(ctx context.Context, indices, fields []string) (map[string]FieldCap, error) {
	caps := map[string]FieldCap{}
	if len(indices) == 0 {
		return caps, nil
	}
	op := describe("read fields of", indices)
	for _, some := range byLength(fields, maxFieldsText) {
		var answer fieldsAnswer
		err := c.transport.do(ctx, call{op: op, build: func() esapi.Request {
			return esapi.FieldCapsRequest{
				Index: escaped(indices), Fields: some,
				IgnoreUnavailable: esapi.BoolPtr(true), AllowNoIndices: esapi.BoolPtr(true),
			}
		}}, &answer)
		if err != nil {
			return nil, err
		}
		if len(answer.Failures) > 0 {
			f := answer.Failures[0]
			reason := fmt.Sprintf("%s did not answer: %s", strings.Join(f.Indices, ","), f.Failure.Error.Reason)
			return nil, &PartialError{Op: op, Reason: oneLine(c.transport.secrets.scrub(reason))}
		}
		for name, types := range answer.Fields {
			if cap, ok := types.merged(); ok && !strings.HasPrefix(name, "_") {
				cap.Silent = c.dialect.silent
				caps[name] = cap
			}
		}
	}
	return caps, nil
}

type fieldsAnswer struct {
	Fields   map[string]fieldTypes `json:"fields"`
	Failures []struct {
		Indices []string `json:"indices"`
		Failure struct {
			Error cause `json:"error"`
		} `json:"failure"`
	} `json:"failures"`
}

// fieldTypes is what the indices say of one field, by its type.
type fieldTypes map[string]struct {
	Metadata     bool `json:"metadata_field"`
	Searchable   bool `json:"searchable"`
	Aggregatable bool `json:"aggregatable"`
}

// merged is ok unless no index maps the field, the engine itself does, or it is
// nothing but an object around fields.
func (ts fieldTypes) merged() (cap FieldCap, ok bool) {
	cap = FieldCap{Searchable: true, Aggregatable: true}
	for name, t := range ts {
		if t.Metadata || name == "unmapped" {
			continue
		}
		cap.Types = append(cap.Types, name)
		cap.Searchable = cap.Searchable && t.Searchable
		cap.Aggregatable = cap.Aggregatable && t.Aggregatable
	}
	slices.Sort(cap.Types)
	return cap, len(cap.Types) > 0 && !slices.Equal(cap.Types, []string{"object"})
}

// byLength splits names into lists that are at most so many bytes long with
// their commas, or of one name.
func byLength(names []string, most int) [][]string {
	var lists [][]string
	var list []string
	used := 0
	for _, name := range names {
		if used > 0 && used+len(name)+1 > most {
			lists, list, used = append(lists, list), nil, 0
		}
		list = append(list, name)
		used += len(name) + 1
	}
	if len(list) > 0 {
		lists = append(lists, list)
	}
	return lists
}
