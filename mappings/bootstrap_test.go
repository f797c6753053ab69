package mappings_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/test/engines"
)

// admin is a function that answers an administrator's requests.
type admin func(ctx context.Context, method, path string, body, out any) error

func (f admin) Do(ctx context.Context, method, path string, body, out any) error {
	return f(ctx, method, path, body, out)
}

var _ mappings.Admin = admin(nil)

// administer sends requests to a real engine and notes those that are no GET.
func administer(e engines.Engine, changes *[]string) admin {
	return func(ctx context.Context, method, path string, body, out any) error {
		if method != http.MethodGet {
			*changes = append(*changes, method+" "+path)
		}
		text := ""
		if body != nil {
			raw, err := json.Marshal(body)
			if err != nil {
				return err
			}
			text = string(raw)
		}
		status, answer, err := e.Request(ctx, method, path, text)
		if err != nil {
			return err
		}
		if status >= 400 {
			return &esq.ResponseError{Op: method + " " + path, Status: status, Reason: string(answer)}
		}
		if out == nil {
			return nil
		}
		return json.Unmarshal(answer, out)
	}
}

func TestBootstrap(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		names := mappings.Names{Prefix: e.Prefix(t) + "stitch"}
		var requests []string
		bootstrap := func() map[string]string {
			t.Helper()
			requests = nil
			changes, err := mappings.Bootstrap(t.Context(), administer(e, &requests), e.Family, names)
			if err != nil {
				t.Fatal(err)
			}
			return byName(changes)
		}

		want := map[string]string{
			"index template " + names.Alerts(): mappings.Created,
			"index template " + names.Runs():   mappings.Created,
			"index template " + names.State():  mappings.Created,
			"index " + names.State():           mappings.Created,
		}
		if diff := cmp.Diff(want, bootstrap()); diff != "" {
			t.Errorf("first (-want +got):\n%s", diff)
		}

		index := names.AlertIndex(at("00:00:00.000"))
		e.Must(t, "PUT", "/"+index+"/_doc/1?refresh=true", string(document(t, copied())))
		for name := range want {
			want[name] = mappings.Kept
		}
		delete(want, "index "+names.State())
		want["mapping of index "+names.State()] = mappings.Kept
		want["mapping of index "+index] = mappings.Kept
		for range 2 {
			if diff := cmp.Diff(want, bootstrap()); diff != "" {
				t.Errorf("again (-want +got):\n%s", diff)
			}
			if len(requests) > 0 {
				t.Errorf("nothing should change, but: %q", requests)
			}
		}

		// As if an older stitch had been here.
		e.Must(t, "PUT", "/"+index+"/_mapping", `{"_meta":{"version":0}}`)
		e.Must(t, "PUT", "/_index_template/"+names.Runs(), `{"index_patterns":["`+names.RunPattern()+`"],"priority":400}`)
		want["mapping of index "+index] = mappings.Updated
		want["index template "+names.Runs()] = mappings.Updated
		if diff := cmp.Diff(want, bootstrap()); diff != "" {
			t.Errorf("after changes (-want +got):\n%s", diff)
		}
		want["mapping of index "+index] = mappings.Kept
		want["index template "+names.Runs()] = mappings.Kept
		if diff := cmp.Diff(want, bootstrap()); diff != "" {
			t.Errorf("in the end (-want +got):\n%s", diff)
		}

		// As if a newer one had.
		e.Must(t, "PUT", "/"+index+"/_mapping", `{"_meta":{"version":99}}`)
		requests = nil
		_, err := mappings.Bootstrap(t.Context(), administer(e, &requests), e.Family, names)
		var newer *mappings.NewerError
		if !errors.As(err, &newer) || newer.There != 99 || !strings.Contains(newer.Name, index) || len(requests) > 0 {
			t.Errorf("newer: error %v after %q", err, requests)
		}
	})
}

// Alerts must be found by what they hold, on every engine.
func TestAlertsAreFound(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		names := prepare(t, e)
		index := names.AlertIndex(at("00:00:00.000"))
		stored := document(t, copied())
		e.Must(t, "PUT", "/"+index+"/_doc/1?refresh=true", string(edit(t, stored, func(doc map[string]any) { doc["triage"] = "done" })))
		tests := []struct {
			query string
			want  int
		}{
			{`{"range":{"@timestamp":{"gte":"2024-02-22T11:00:00Z","lte":"2024-02-22T11:00:00Z"}}}`, 1},
			{`{"term":{"user.email":"jane@contoso.com"}}`, 1},
			{`{"term":{"user.email":"contoso.com"}}`, 0},
			{`{"term":{"related.ip":"2001:db8::/32"}}`, 1},
			{`{"term":{"source.ip":"203.0.113.0/24"}}`, 1},
			{`{"term":{"kibana.alert.workflow_status":"open"}}`, 1},
			{`{"range":{"kibana.alert.risk_score":{"gt":70}}}`, 1},
			{`{"term":{"threat.technique.subtechnique.id":"T1052.001"}}`, 1},
			{`{"term":{"kibana.alert.rule.threat.tactic.id":"TA0010"}}`, 1},
			{`{"match":{"message":"usb"}}`, 1},
			{`{"range":{"stitch.chain.first":{"gte":"2024-02-22T10:02:00Z"}}}`, 1},
			{`{"term":{"stitch.chain.documents.id":"x2"}}`, 1},
			{`{"term":{"stitch.key.value":"MDCA-17"}}`, 1},
			{`{"term":{"stitch.details.Drive":"E:"}}`, 1},
			{`{"term":{"stitch.details.Host.Name":"laptop-7"}}`, 1},
			{`{"term":{"stitch.details.Host.Name":"E:"}}`, 0},
			{`{"term":{"stitch.details.Host.Seen":"12"}}`, 1},
			{`{"term":{"triage":"done"}}`, 1},
		}
		for _, tt := range tests {
			answer := e.Must(t, "POST", "/"+names.Alerts()+"/_search", `{"query":`+tt.query+`}`)
			var found struct {
				Hits struct{ Hits []json.RawMessage }
			}
			if err := json.Unmarshal(answer, &found); err != nil {
				t.Fatal(err)
			}
			if len(found.Hits.Hits) != tt.want {
				t.Errorf("%s finds %d, want %d", tt.query, len(found.Hits.Hits), tt.want)
			}
		}
	})
}

// An alert must never be lost because of what an event or a rule put into it.
func TestNoAlertIsRefused(t *testing.T) {
	deep := map[string]any{"leaf": true}
	for range 40 {
		deep = map[string]any{"below": deep}
	}
	long := strings.Repeat("é", 40000)
	odd := []esq.Value{
		esq.Str(""), esq.Str("not this type"), esq.Str(long), esq.Integer(-1 << 63), esq.Num(1e300), esq.Num(0.5), esq.Boolean(true),
	}
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		names := prepare(t, e)
		put := func(id string, a mappings.Alert) {
			t.Helper()
			e.Must(t, "PUT", "/"+names.AlertIndex(a.Anchor)+"/_doc/"+id, string(document(t, a)))
		}
		put("plain", copied())

		a := copied()
		for name := range a.Columns {
			a.Columns[name] = odd
		}
		for _, name := range []string{"host.ip", "file.size", "process.pid", "process.parent.pid", "source.ip", "file.hash.md5"} {
			a.Columns[name] = odd
		}
		a.Key = append(a.Key, mappings.KeyValue{Name: "source.ip", Value: esq.Str(long)})
		a.Stages[0].Documents[0].Columns = map[string][]esq.Value{"a": odd, "a.b": odd, "": odd, ".": odd, "a..b": odd}
		a.Rule.Name, a.Rule.Note, a.Rule.Severity = long, long, long
		put("odd", a)

		for i, details := range []map[string]any{
			{"a": "text", "b": int64(1), "c": []any{}, "d": map[string]any{}, "e": ""},
			{"a": map[string]any{"x": 1.5}, "b": "text", "c": []any{"x", int64(1), true, 0.5, nil}, "d": []any{map[string]any{"y": 1}}},
			{"a": []any{"x", "x"}, "b": true, "c": map[string]any{"d": deep}, "a.x": "dotted"},
			{"a": nil, "long": long, "long list": []any{long, long, long}, "é ü": "x"},
		} {
			a := copied()
			a.Details = details
			put(fmt.Sprint("details", i), a)
		}

		// Another tool may add what it likes; the next alert is still written.
		for i := range 30 {
			e.Must(t, "POST", "/"+names.AlertIndex(at("00:00:00.000"))+"/_doc", fmt.Sprintf(`{"x%d":%d,"y":{"z%d":["a"]}}`, i, i, i))
		}
		put("after", copied())
	})
}

// A column that an alert carries has a type in the template.
func TestTheTemplateTypesEveryField(t *testing.T) {
	var wanted map[string]any
	fake := admin(func(_ context.Context, method, path string, body, _ any) error {
		if method == http.MethodPut && strings.HasSuffix(path, ".alerts") {
			raw, err := json.Marshal(body)
			if err != nil {
				return err
			}
			return json.Unmarshal(raw, &wanted)
		}
		return &esq.ResponseError{Status: http.StatusNotFound}
	})
	// The fake refuses the next template; by then the alerts' is there.
	if _, err := mappings.Bootstrap(t.Context(), fake, mappings.Elasticsearch, mappings.Names{}); err == nil || wanted == nil {
		t.Fatalf("error %v, template %v", err, wanted)
	}
	a := copied()
	for _, name := range mappings.Columns() {
		a.Columns[name] = strs("x")
	}
	properties := wanted["template"].(map[string]any)["mappings"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(leaves(decode(t, document(t, a)), ""))) {
		if !typed(properties, strings.Split(path, ".")) {
			t.Errorf("no type for %s", path)
		}
	}
}

// leaves returns the dotted paths of a document's fields.
func leaves(a any, path string) map[string]bool {
	found := map[string]bool{}
	switch a := a.(type) {
	case map[string]any:
		for key, v := range a {
			maps.Copy(found, leaves(v, strings.TrimPrefix(path+"."+key, ".")))
		}
	case []any:
		for _, v := range a {
			maps.Copy(found, leaves(v, path))
		}
	default:
		found[path] = true
	}
	return found
}

// typed reports whether a mapping names the field, or an object above it that
// takes anything.
func typed(mapping map[string]any, path []string) bool {
	if kind := mapping["type"]; kind != nil {
		return kind == "flattened" || mapping["enabled"] == false || len(path) == 0
	}
	properties, _ := mapping["properties"].(map[string]any)
	if len(path) == 0 || properties == nil {
		return false
	}
	inner, ok := properties[path[0]].(map[string]any)
	return ok && typed(inner, path[1:])
}

func TestBootstrapSaysWhatFailed(t *testing.T) {
	refusal := &esq.ResponseError{Op: "x", Status: http.StatusForbidden, Reason: "no"}
	fake := admin(func(context.Context, string, string, any, any) error { return refusal })
	_, err := mappings.Bootstrap(t.Context(), fake, mappings.OpenSearch, mappings.Names{})
	if !errors.Is(err, refusal) || !strings.Contains(err.Error(), "detections-stitch.alerts") {
		t.Errorf("got %v", err)
	}
	if _, err := mappings.Bootstrap(t.Context(), fake, "solr", mappings.Names{}); err == nil || errors.Is(err, refusal) {
		t.Errorf("an unknown family: %v", err)
	}
}

func prepare(t *testing.T, e engines.Engine) mappings.Names {
	t.Helper()
	names := mappings.Names{Prefix: e.Prefix(t) + "stitch"}
	var requests []string
	if _, err := mappings.Bootstrap(t.Context(), administer(e, &requests), e.Family, names); err != nil {
		t.Fatal(err)
	}
	return names
}

func byName(changes []mappings.Change) map[string]string {
	m := map[string]string{}
	for _, c := range changes {
		m[c.Name] = c.Action
	}
	return m
}

func TestCheck(t *testing.T) {
	const state = "detections-stitch.state"
	refused := &esq.ResponseError{Op: "GET", Status: http.StatusForbidden}
	for name, c := range map[string]struct {
		answer string
		err    error
		want   string
	}{
		"prepared":  {answer: `{"` + state + `":{"mappings":{"_meta":{"version":4,"hash":"another"}}}}`},
		"an alias":  {answer: `{"restored-state":{"mappings":{"_meta":{"version":4}}}}`},
		"missing":   {err: &esq.ResponseError{Op: "GET", Status: http.StatusNotFound}, want: "index " + state + " does not exist: run stitch bootstrap first"},
		"old":       {answer: `{"` + state + `":{"mappings":{"_meta":{"version":1}}}}`, want: "index " + state + " was made by an older stitch: run stitch bootstrap"},
		"by others": {answer: `{"` + state + `":{"mappings":{}}}`, want: "index " + state + " was made by an older stitch: run stitch bootstrap"},
		"newer": {answer: `{"` + state + `":{"mappings":{"_meta":{"version":7}}}}`,
			want: "index " + state + " has version 7, this stitch knows versions up to 4: use the newer stitch that prepared the cluster"},
		"refused": {err: refused, want: "check preparation: read mapping of " + state + ": " + refused.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			err := mappings.Check(t.Context(), admin(func(_ context.Context, method, path string, _, out any) error {
				if method != http.MethodGet || path != "/"+state+"/_mapping" {
					t.Errorf("asked %s %s", method, path)
				}
				if c.err != nil {
					return c.err
				}
				return json.Unmarshal([]byte(c.answer), out)
			}), mappings.Names{})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
