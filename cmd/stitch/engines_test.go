package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/cmd/stitch/demo"
	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
	"github.com/stitchdetect/stitch/test/engines"
)

// What a user does on a cluster, on all of them: prepare it, run what is due,
// and run it again.
func TestClusters(t *testing.T) {
	shipped, err := filepath.Abs(filepath.Join("..", "..", "rules"))
	if err != nil {
		t.Fatal(err)
	}
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		t.Chdir(t.TempDir())
		removeStitch(t, e)
		t.Cleanup(func() { removeStitch(t, e) })
		prefix := e.Prefix(t)
		// The last file was copied six minutes ago: a first run looks back ten
		// minutes, and a window of the other rule ended five minutes ago at most.
		loadDemo(t, e, prefix, time.Now().UTC().Truncate(time.Second).Add(-demoSoFar))
		folder := rulesOf(t, shipped, prefix)
		on := func(command string, args ...string) result {
			return call{env: map[string]string{"STITCH_URL": e.URL}, patient: true}.run(t, append([]string{command}, args...)...)
		}

		on("once", "--rules", folder).want(t, exitUsage, "", "run stitch bootstrap first")
		first := on("bootstrap")
		first.want(t, exitFine, "created  index template detections-stitch.alerts\n", "")
		if strings.Contains(first.out, "kept") || strings.Contains(first.out, "updated") {
			t.Errorf("nothing was there, but bootstrap says\n%s", first.out)
		}
		again := on("bootstrap")
		again.want(t, exitFine, "kept     index template detections-stitch.alerts\n", "")
		if strings.Contains(again.out, "created") || strings.Contains(again.out, "updated") {
			t.Errorf("all was there, but bootstrap says\n%s", again.out)
		}

		on("check", "--measure", folder).want(t, exitFine, " rules, no problems", "")

		told := newHook(t)
		r := on("once", "--rules", folder, "--notifications", told.routes)
		r.want(t, exitFine, "notified siem: 2 sent\n", "msg=notified route=siem ")
		if got := told.keys(); len(got) != 2 {
			t.Errorf("notified: %q", got)
		}
		r.want(t, exitFine, "ran      Mass download carried off on a USB drive: 1 new, 0 updated, 0 unchanged\n", "run done")
		written := stored(t, e, mappings.Names{}.AlertPattern())
		if diff := cmp.Diff(wantAlerts(), summaryOf(written)); diff != "" {
			t.Errorf("alerts (-want +got):\n%s\n%s%s", diff, r.out, r.err)
		}
		for _, d := range written {
			if drawing := drawn(t, decoded(t, d.Source)); !strings.Contains(drawing, "marta.oliveira") {
				t.Errorf("the timeline of %s does not say who:\n%s", d.ID, drawing)
			}
			on("alerts", "show", d.ID).want(t, exitFine, "  told     siem of the created: sent ", "")
		}
		for _, d := range written {
			on("explain", "--why", d.ID, "--rules", folder).want(t, exitFine, "# the rule finds it again, with as many documents of each stage\n", "")
		}
		if runs := stored(t, e, mappings.Names{}.RunPattern()); len(runs) < 4 {
			t.Errorf("%d run records, want one for each of the 5 rules at least", len(runs))
		}

		on("replay", "--rules", folder, "--rule", "8a30d849-6e54-41a0-9cbb-d8f055b4dd19", "--from", stamp(time.Now().Add(-24*time.Hour)), "--every", "1h", "--diff", "index").
			want(t, exitFine, "0 added, 0 lost, 0 changed\n", ": 1 alert\n")
		on("rules", "--rules", folder).want(t, exitFine, "  covered   until ", "")
		on("coverage", "--rules", folder).want(t, exitFine, "Mass download carried off on a USB drive\n  covered  ", "")
		on("coverage", "--rules", folder, "--output", "json").want(t, exitFine, `"covered_until": "`, "")

		// Not due again. Without a ledger nothing is guessed; with a new one, all
		// is searched again and nothing is written twice.
		on("once", "--rules", folder).want(t, exitFine, "not due  Mass download carried off on a USB drive, next ", "started")
		forget(t, e)
		on("once", "--rules", folder).want(t, exitProblems, "failed   Mass download carried off on a USB drive", "stitch coverage --rebuild")
		on("coverage", "--rules", folder).want(t, exitProblems, "  broken   ", "")
		on("coverage", "--rules", folder, "--rebuild").want(t, exitFine, "  hole     ", "rebuilt the ledger of Mass download carried off on a USB drive\n")
		r = on("once", "--rules", folder)
		r.want(t, exitFine, "ran      Mass download carried off on a USB drive: 0 new, 0 updated, 1 unchanged\n", "run done")
		if diff := cmp.Diff(contents(t, written), contents(t, stored(t, e, mappings.Names{}.AlertPattern()))); diff != "" {
			t.Errorf("a second run changed alerts (-before +after):\n%s", diff)
		}

		// What an analyst does stands, whatever the scheduler writes next.
		id := written[0].ID
		on("alerts", "list").want(t, exitFine, "2 alerts of 2\n", "")
		on("alerts", "ack", id[:10], "--as", "ana").want(t, exitFine, "acknowledged: "+id, "")
		on("alerts", "close", id, "--as", "bob", "--reason", "duplicate", "--action-id", "one").want(t, exitFine, "before: acknowledged by ana", "")
		on("alerts", "close", id, "--as", "bob", "--reason", "duplicate", "--action-id", "one").want(t, exitFine, "closed already: "+id, "")
		on("alerts", "ack", id).want(t, exitProblems, "", "it is closed by bob")
		on("alerts", "comment", "nobody", "x").want(t, exitProblems, "", "there is no alert nobody")
		forget(t, e)
		on("coverage", "--rules", folder, "--rebuild").want(t, exitFine, "  hole     ", "rebuilt the ledger")
		on("once", "--rules", folder).want(t, exitFine, "ran      Mass download carried off on a USB drive: 0 new, 0 updated, 1 unchanged\n", "run done")
		on("alerts", "list").want(t, exitFine, "1 alert of 1\n", "")
		on("alerts", "list", "--status", "closed", "--output", "json").want(t, exitFine, `"id": "`+id, "")
		on("alerts", "show", id).want(t, exitFine, "  state    closed by bob since ", "")
	})
}

// contents are alerts without the run and the window that looked at them last:
// on a slow machine a minute may pass, and a window with it. A search may not
// show yet who was told of them.
func contents(t *testing.T, alerts []esq.Document) map[string]object {
	t.Helper()
	out := map[string]object{}
	for _, a := range alerts {
		content := decoded(t, a.Source)
		stitch, _ := content["stitch"].(map[string]any)
		delete(stitch, "ticket")
		delete(stitch, "window")
		delete(stitch, "notifications")
		out[a.ID] = content
	}
	return out
}

// wantAlerts is what the demo's day holds by then, by rule.
func wantAlerts() map[string]int {
	return map[string]int{
		"6267ce44-1e9d-471b-9f1e-ae76a6b7aa84": 1,
		"8a30d849-6e54-41a0-9cbb-d8f055b4dd19": 1,
	}
}

func summaryOf(alerts []esq.Document) map[string]int {
	got := map[string]int{}
	for _, d := range alerts {
		if a, err := triage.Decode(d.Source); err == nil {
			got[a.RuleID]++
		}
	}
	return got
}

func decoded(t *testing.T, raw json.RawMessage) (o object) {
	t.Helper()
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// removeStitch removes what stitch keeps on a cluster: its names are fixed, so
// that no other test may use them meanwhile.
func removeStitch(t *testing.T, e engines.Engine) {
	t.Helper()
	names := mappings.Names{}
	paths := []string{"/" + names.State()}
	for _, pattern := range []string{names.AlertPattern(), names.RunPattern()} {
		var found map[string]any
		// The test's own context may be over by now.
		status, answer, err := e.Request(context.Background(), http.MethodGet, "/"+pattern+"/_mapping", "")
		if err != nil || status == http.StatusOK && json.Unmarshal(answer, &found) != nil {
			t.Fatalf("find %s: %d %s %v", pattern, status, answer, err)
		}
		for index := range found {
			paths = append(paths, "/"+index)
		}
	}
	for _, template := range []string{names.Alerts(), names.Runs(), names.State()} {
		paths = append(paths, "/_index_template/"+template)
	}
	for _, path := range paths {
		status, answer, err := e.Request(context.Background(), http.MethodDelete, path, "")
		if err != nil || status >= 300 && status != http.StatusNotFound {
			t.Errorf("clean up %s: %d %s %v", path, status, answer, err)
		}
	}
}

// stored returns all documents, in the order of index and id.
func stored(t *testing.T, e engines.Engine, pattern string) []esq.Document {
	t.Helper()
	cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
	if err != nil {
		t.Fatal(err)
	}
	documents, err := cluster.Find(t.Context(), []string{pattern}, esq.MatchAll{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return documents
}

// forget removes the ledgers, as a careless hand would.
func forget(t *testing.T, e engines.Engine) {
	t.Helper()
	e.Must(t, http.MethodPost, "/"+mappings.Names{}.State()+"/_refresh", "")
	for _, d := range stored(t, e, mappings.Names{}.State()) {
		e.Must(t, http.MethodDelete, "/"+d.Index+"/_doc/"+d.ID+"?refresh=true", "")
	}
}

// rulesOf copies the shipped rules and views, to search indices with a prefix.
func rulesOf(t *testing.T, shipped, prefix string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(shipped)); err != nil {
		t.Fatal(err)
	}
	index := regexp.MustCompile(`(?m)^index = \[.*\]$`)
	for _, pattern := range []string{"*", "*/*"} {
		names, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if filepath.Ext(name) != ".toml" {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text = index.ReplaceAllFunc(text, func(line []byte) []byte {
				return regexp.MustCompile(`"([^"]+)"`).ReplaceAll(line, []byte(`"`+prefix+`$1"`))
			})
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return folder
}

// loadDemo brings the made-up day onto a cluster, with the mapping that the
// embedded engine assumes.
func loadDemo(t *testing.T, e engines.Engine, prefix string, start time.Time) {
	t.Helper()
	mapping, err := memory.ECS().Template(e.Family)
	if err != nil {
		t.Fatal(err)
	}
	e.Must(t, http.MethodPut, "/_index_template/"+prefix+"demo", fmt.Sprintf(
		`{"index_patterns":["%s*"],"priority":900,"template":{"settings":{"number_of_shards":1,"number_of_replicas":0},"mappings":%s}}`, prefix, mapping))
	var body bytes.Buffer
	for line := range bytes.Lines(demo.Day(start)) {
		var hit struct {
			Index  string          `json:"_index"`
			ID     string          `json:"_id"`
			Source json.RawMessage `json:"_source"`
		}
		if err := json.Unmarshal(line, &hit); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&body, `{"index":{"_index":%q,"_id":%q}}`+"\n%s\n", prefix+hit.Index, hit.ID, hit.Source)
	}
	var answer struct {
		Errors bool
		Items  []json.RawMessage
	}
	if err := json.Unmarshal(e.Must(t, http.MethodPost, "/_bulk?refresh=true", body.String()), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Errors {
		for _, item := range answer.Items {
			if bytes.Contains(item, []byte(`"error"`)) {
				t.Fatalf("%s refused %s", e.Name, item)
			}
		}
	}
}
