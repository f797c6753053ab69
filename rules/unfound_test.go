package rules

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

// mapped answers with what a test says of some fields.
type mapped struct {
	*memory.Engine
	change func(map[string]esq.FieldCap)
}

func (m mapped) FieldCaps(ctx context.Context, indices, fields []string) (map[string]esq.FieldCap, error) {
	caps, err := m.Engine.FieldCaps(ctx, indices, fields)
	if err == nil {
		m.change(caps)
	}
	return caps, err
}

func TestValuesThatNoQueryFinds(t *testing.T) {
	r := ruleOf(t, `
[[rule.stage]]
id = "a"
query = 'any where event.action == "a" and (file.path : "*c" or user.name == "u")'
`)
	long := strings.Repeat("b", sureLength+1)
	m := engineOf(t, `
logs-1 1 01:00:00 {"event":{"action":"a"},"file":{"path":["c","`+long+`"]},"user":{"name":"u"},"host":{"name":"h"}}
logs-1 2 02:00:00 {"event":{"action":"a"},"file":{"path":["c","d"]},"user":{"name":["u","v"]}}
logs-1 3 03:00:00 {"event":{"action":"a"},"file":{"path":"`+long+`c"},"host":{"name":"h"}}
logs-1 4 04:00:00 {"event":{"action":"x"},"user":{"name":"u"}}
`)
	for _, test := range []struct {
		name   string
		change func(map[string]esq.FieldCap)
		want   []string
	}{
		{"all is found", func(map[string]esq.FieldCap) {}, nil},
		{"a field that is not mapped, and one that decides nothing", func(caps map[string]esq.FieldCap) {
			delete(caps, "user.name")
			delete(caps, "host.name")
		}, []string{"stage a: 2 documents have values in user.name that may not be found: " + unmapped}},
		{"a long leaf of a flattened object", func(caps map[string]esq.FieldCap) {
			delete(caps, "file.path")
			delete(caps, "user.name")
			caps["file"] = esq.FieldCap{Types: []string{"flattened"}, Searchable: true}
			caps["user"] = esq.FieldCap{Types: []string{"flat_object"}, Searchable: true}
		}, []string{"stage a: 2 documents have values in file.path that may not be found: " + leaf}},
		{"an engine that does not say what it left out", func(caps map[string]esq.FieldCap) {
			for name, c := range caps {
				c.Silent = true
				caps[name] = c
			}
		}, []string{"stage a: 1 documents have values in file.path that may not be found: " + cut}},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := r.Run(context.Background(), mapped{m, test.change}, Window{From: day, To: day.Add(24 * time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, result.Warnings); diff != "" {
				t.Error("warnings (-want +got):\n" + diff)
			}
		})
	}
}
