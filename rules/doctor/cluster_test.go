package doctor

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

// An answering admin answers what a path begins with; what it has no answer for
// it refuses.
type answering map[string]string

func (a answering) Do(_ context.Context, method, path string, _, out any) error {
	for start, answer := range a {
		if strings.HasPrefix(method+" "+path, start) {
			return json.Unmarshal([]byte(answer), out)
		}
	}
	return &esq.ResponseError{Op: method + " " + path, Status: 403, Type: "security_exception", Reason: "not for you"}
}

var _ Admin = answering(nil)

func TestClusterIndices(t *testing.T) {
	engine := engineOf(t, memory.ECS(), "logs-a 11:00:00 {\"n\":1}\nlogs-a 11:01:00 {\"n\":1}\nlogs-b 11:00:00 {\"n\":1}")
	all := answering{
		"GET /_resolve/index/logs-*?": `{"indices":[{"name":"logs-a","attributes":["open"]},{"name":"logs-c","attributes":["closed"]}],"data_streams":[{"name":"logs-s"}]}`,
		"GET /logs-*/_settings?": `{"logs-a":{"settings":{"index.refresh_interval":"30s"}},"logs-c":{"settings":{}},
			".ds-logs-s-1":{"settings":{"index.store.type":"snapshot"}},"partial-x":{"settings":{"index.store.type":"snapshot","index.store.snapshot.partial":"true"}}}`,
		"GET /logs-*/_stats/docs?": `{"indices":{"logs-a":{"primaries":{"docs":{"count":2}}},".ds-logs-s-1":{"primaries":{"docs":{"count":7}}}}}`,
	}
	got, err := Cluster(engine, all, esq.Elasticsearch).Indices(t.Context(), []string{"logs-*"})
	if err != nil {
		t.Fatal(err)
	}
	want := Known[[]Pattern]{Value: []Pattern{{Pattern: "logs-*", Indices: []Index{
		{Name: ".ds-logs-s-1", Documents: 7, State: []string{Mounted}},
		{Name: "logs-a", Documents: 2, Refresh: Duration(30 * time.Second)},
		{Name: "logs-c", State: []string{Closed}},
		{Name: "partial-x", State: []string{Partially}},
	}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with all rights (-want +got):\n%s", diff)
	}

	few := answering{"GET /far:logs-*/_field_caps?": `{"indices":["logs-a","logs-b"]}`}
	if got, err = Cluster(engine, few, esq.OpenSearch).Indices(t.Context(), []string{"far:logs-*"}); err != nil {
		t.Fatal(err)
	}
	want = Known[[]Pattern]{Why: "not for you", Value: []Pattern{{Pattern: "far:logs-*", Remote: "far", Indices: []Index{
		{Name: "logs-a", Documents: 2}, {Name: "logs-b", Documents: 1},
	}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with the right to read alone (-want +got):\n%s", diff)
	}
}

// Where not even the names may be asked for, the refusal is the finding, not
// that there is no index.
func TestRefusedNames(t *testing.T) {
	engine := refusing{engineOf(t, memory.ECS(), `shop-1 11:00:00 {"event":{"kind":"thing"}}`)}
	list := rulesOf(t, map[string]string{"rule.toml": oneStage + `query = 'thing where true'`, "views/thing.toml": thingView})
	own := []OwnIndex{{Name: "state", Missing: []string{"read", "write"}}}
	report, err := Examine(t.Context(), engine, Cluster(engine, answering{}, esq.OpenSearch), list, Options{At: noon, Own: own})
	if err != nil {
		t.Fatal(err)
	}
	const says = "no permissions for [indices:data/read/search] and User [name=stitch]"
	want := []string{
		": the user is refused what a run does with its own indices: state: " + says,
		"made/shop: the engine refuses the user: " + says, "made/mill: the engine refuses the user: " + says,
	}
	if diff := cmp.Diff(want, texts(report.Rules[0].Reasons)); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

func TestClusterRights(t *testing.T) {
	const path = "POST /_security/user/_has_privileges"
	for _, tt := range []struct {
		name, product string
		admin         Admin
		want          Known[[]string]
	}{
		{"all", esq.Elasticsearch, answering{path: `{"index":{"logs-*":{"read":true,"write":true}}}`}, Known[[]string]{}},
		{"some", esq.Elasticsearch, answering{path: `{"index":{"logs-*":{"read":true,"write":false}}}`}, Known[[]string]{Value: []string{"write"}}},
		{"may not ask", esq.Elasticsearch, answering{}, Known[[]string]{Why: "not for you"}},
		{"no security", esq.Elasticsearch, failing{&esq.ResponseError{Status: 405}}, Known[[]string]{}},
		{"OpenSearch", esq.OpenSearch, answering{}, Known[[]string]{Why: "OpenSearch cannot be asked for a user's rights: what is missing shows where it refuses"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Cluster(nil, tt.admin, tt.product).Lacks(t.Context(), "logs-*", []string{"read", "write"})
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	const path = "POST /_security/user/_has_privileges"
	for _, tt := range []struct {
		name  string
		admin Admin
		want  []string
	}{
		{"all", answering{path: `{"index":{"logs-*":{"read":true},"far-*":{"read":true}}}`}, nil},
		{"some", answering{path: `{"index":{"logs-*":{"read":true},"far-*":{"read":false}}}`}, []string{"europe:far-*"}},
		{"may not ask", answering{}, nil},
		{"no security", failing{&esq.ResponseError{Status: 405}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Unreadable(t.Context(), tt.admin, []string{"logs-*", "europe:far-*"})
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// A failing admin fails always.
type failing struct{ err error }

func (f failing) Do(context.Context, string, string, any, any) error { return f.err }

func TestClusterIsGone(t *testing.T) {
	gone := failing{&esq.UnreachableError{Op: "ask", Err: context.DeadlineExceeded}}
	site := Cluster(engineOf(t, memory.ECS(), ""), gone, esq.Elasticsearch)
	if _, err := site.Indices(t.Context(), []string{"logs-*"}); err == nil {
		t.Error("indices are known of a cluster that does not answer")
	}
	if _, err := site.Lacks(t.Context(), "logs-*", []string{"read"}); err == nil {
		t.Error("rights are known of a cluster that does not answer")
	}
	if _, err := Unreadable(t.Context(), gone, []string{"logs-*"}); err == nil {
		t.Error("what may be read is known of a cluster that does not answer")
	}
	if _, err := site.Time(t.Context()); err == nil {
		t.Error("the time is known of a cluster that does not answer")
	}
}

// The cluster's clock is compared with the middle of question and answer.
func TestClock(t *testing.T) {
	calls := 0
	clock := func() time.Time { calls++; return noon.Add(time.Duration(calls-1) * 2 * time.Second) }
	engine := engineOf(t, memory.ECS(), `shop-1 12:02:00 {"event":{"kind":"thing","ingested":"2026-03-10T12:03:00Z"}}
shop-1 11:00:00 {"event":{"kind":"thing","ingested":"2026-03-10T11:00:02Z"}}`)
	admin := answering{
		"GET /_nodes/_local/stats": `{"nodes":{"n":{"timestamp":1773144091000}}}`,
		"GET /_resolve/index/":     `{"indices":[{"name":"shop-1","attributes":["open"]}]}`,
		"POST /_security":          `{"index":{"shop-*":{"read":true},"mill-*":{"read":true}}}`,
	}
	list := rulesOf(t, map[string]string{"rule.toml": oneStage + `query = 'thing where true'`, "views/thing.toml": thingView})
	report, err := Examine(t.Context(), engine, Cluster(engine, admin, esq.Elasticsearch), list, Options{At: noon, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Clock{Ahead: Duration(90 * time.Second), Give: Duration(1001 * time.Millisecond)}, report.Clock); diff != "" {
		t.Errorf("clock (-want +got):\n%s", diff)
	}
	src := report.Rules[0].Stages[0].Sources[0]
	want := []string{"made/shop: 1 document has event.ingested later than now: the clock of the ingest node is ahead of ours", "made/shop: 1 document has @timestamp later than now"}
	if diff := cmp.Diff(want, texts(src.Notes)); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if got := time.Duration(report.Rules[0].AdviseSettle); got != 2*time.Minute {
		t.Errorf("settle %v, want 2m for a clock that is 90s ahead", got)
	}
}
