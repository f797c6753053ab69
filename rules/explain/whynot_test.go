package explain_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/explain"
)

const head = `
[rule]
rule_id = "0b0f4a55-6f0b-4c1c-9d0e-3c7a4b8a2f11"
name = "A rule"
`

// loaded is a rule of its own file.
func loaded(t *testing.T, body string) *rules.Rule {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rule.toml")
	if err := os.WriteFile(path, []byte(head+body), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	return set.Rules[0]
}

// holding is an engine with documents: minute, id, and fields as JSON.
func holding(t *testing.T, docs ...string) *memory.Engine {
	t.Helper()
	m := memory.New(memory.Options{Now: func() time.Time { return noon }})
	for _, d := range docs {
		parts := strings.SplitN(d, " ", 3)
		at, err := time.ParseDuration(parts[0])
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf(`{"_index":"logs-a","_id":%q,"_source":{"@timestamp":%q,%s}}`+"\n",
			parts[1], noon.Add(at).Format(time.RFC3339Nano), parts[2])
		if _, err := m.Load(strings.NewReader(line), "documents"); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func whyNot(t *testing.T, m *memory.Engine, r *rules.Rule, most int) *explain.Answer {
	t.Helper()
	a, err := explain.WhyNot(t.Context(), m, r, explain.Question{Keys: []rules.Sought{{Name: "user.name", Value: "Jane"}}, At: noon, Most: most})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const logon = `
type = "sequence"
index = ["logs-a"]
maxspan = "1h"
[[rule.stage]]
id = "fail"
query = 'any where event.action == "fail"'
[[rule.stage]]
id = "reset"
absent = true
query = 'any where event.action == "reset"'
join = 'user.name == fail.user.name'
[[rule.stage]]
id = "logon"
query = 'any where event.action == "logon"'
join = 'user.name == fail.user.name'
`

func TestWhyNotAbsent(t *testing.T) {
	m := holding(t,
		`-10m f "event":{"action":"fail"},"user":{"name":"jane"}`,
		`-5m r "event":{"action":"reset"},"user":{"name":"jane"}`,
		`-6m other "event":{"action":"reset"},"user":{"name":"joe"}`,
		`0m l "event":{"action":"logon"},"user":{"name":"jane"}`)
	a := whyNot(t, m, loaded(t, logon), 0)
	want := []explain.Failure{{
		Stage: "reset", Requirement: rules.MustLack, Condition: "absent",
		Why:       "reset must be absent, and there is one at 2026-03-10T11:55:00Z",
		Documents: []explain.Document{{Index: "logs-a", ID: "r", Time: noon.Add(-5 * time.Minute)}},
	}}
	if len(a.Near) != 1 {
		t.Fatalf("%d chains, %s", len(a.Near), a.Verdict)
	}
	if diff := cmp.Diff(want, a.Near[0].Failed); diff != "" {
		t.Errorf("failed (-want +got):\n%s", diff)
	}
}

func TestWhyNotPending(t *testing.T) {
	r := loaded(t, strings.Replace(logon, "[[rule.stage]]\nid = \"logon\"\nquery = 'any where event.action == \"logon\"'\njoin = 'user.name == fail.user.name'\n", "", 1)+
		"[rule.alert]\nby = [\"fail.user.name\"]\n")
	m := holding(t, `1439m f "event":{"action":"fail"},"user":{"name":"jane"}`)
	a := whyNot(t, m, r, 0)
	if len(a.Pending) != 1 || !strings.HasPrefix(a.Verdict, "not yet: alert "+a.Pending[0].ID) {
		t.Errorf("pending %v, verdict %q", a.Pending, a.Verdict)
	}
}

func TestWhyNotFires(t *testing.T) {
	m := holding(t, `-10m f "event":{"action":"fail"},"user":{"name":"jane"}`, `0m l "event":{"action":"logon"},"user":{"name":"jane"}`)
	r := loaded(t, logon)
	result, err := r.Run(t.Context(), m, rules.Window{From: noon.Add(-time.Hour), To: noon.Add(time.Hour)})
	if err != nil || len(result.Alerts) != 1 {
		t.Fatalf("%v, %v", result, err)
	}
	a := whyNot(t, m, r, 0)
	want := []explain.Fired{{ID: result.Alerts[0].ID, Start: noon.Add(-10 * time.Minute), End: noon}}
	if diff := cmp.Diff(want, a.Alerts); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

// A chain two days away is not one about this time, and no failure either.
func TestWhyNotElsewhere(t *testing.T) {
	r := loaded(t, strings.Replace(logon, `"1h"`, `"3d"`, 1))
	m := holding(t, `-60h f "event":{"action":"fail"},"user":{"name":"jane"}`, `-59h l "event":{"action":"logon"},"user":{"name":"jane"}`)
	a := whyNot(t, m, r, 0)
	if want := "not at that time; a chain that holds lies from 2026-03-08T00:00:00Z to 2026-03-08T01:00:00Z"; a.Verdict != want {
		t.Errorf("verdict %q, want %q", a.Verdict, want)
	}
}

func TestWhyNotKuery(t *testing.T) {
	r := loaded(t, `
type = "query"
index = ["logs-a"]
query = 'event.action:fail and user.name:jane and not host.name:(a or b)'
`)
	m := holding(t, `0m f "event":{"action":"fail"},"user":{"name":"jane"},"host":{"name":"b"}`)
	a := whyNot(t, m, r, 0)
	if want := "it does not fire: event: host.name is b"; a.Verdict != want {
		t.Errorf("verdict %q, want %q", a.Verdict, want)
	}
}

func TestWhyNotUnknownKey(t *testing.T) {
	_, err := explain.WhyNot(t.Context(), holding(t), loaded(t, logon), explain.Question{Keys: []rules.Sought{{Name: "planet", Value: "x"}}, At: noon})
	var unknown *explain.UnknownKeyError
	if !errors.As(err, &unknown) {
		t.Errorf("error %v", err)
	}
}

// With more documents than are read, those of the key are found all the same,
// and it is said what was left out.
func TestWhyNotAmongMany(t *testing.T) {
	docs := []string{
		`-10m f "event":{"action":"fail"},"user":{"name":"jane"}`,
		`70m l "event":{"action":"logon"},"user":{"name":"jane"}`,
	}
	for i := range 40 {
		docs = append(docs, fmt.Sprintf(`%dm x%d "event":{"action":"other"},"user":{"name":"joe"}`, i-20, i))
	}
	a := whyNot(t, holding(t, docs...), loaded(t, logon), 10)
	if want := "it does not fire: the chain lasts 1h20m, at most 1h"; a.Verdict != want {
		t.Errorf("verdict %q, want %q", a.Verdict, want)
	}
	if len(a.Warnings) == 0 || !strings.Contains(a.Warnings[0], "has 42 documents in that time; looked at 2") {
		t.Errorf("warnings %q", a.Warnings)
	}
}

func TestWhyNotException(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"rule.toml": head + logon,
		"exceptions/known.toml": "[[exception]]\nrule = \"*\"\nstage = \"logon\"\nwhen = 'user.name == \"jane\"'\n" +
			"owner = \"soc\"\nreason = \"a robot\"\nexpires = 2030-01-01\n",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := rules.Load([]string{folder})
	if err != nil {
		t.Fatal(err)
	}
	m := holding(t, `-10m f "event":{"action":"fail"},"user":{"name":"jane"}`, `0m l "event":{"action":"logon"},"user":{"name":"jane"}`)
	a := whyNot(t, m, set.Rules[0], 0)
	if len(a.Near) == 0 || len(a.Near[0].Failed) != 1 {
		t.Fatalf("verdict %q", a.Verdict)
	}
	f := a.Near[0].Failed[0]
	if f.Requirement != rules.MustStay || !strings.HasSuffix(f.Why, "known.toml:1 (a robot)") || f.Documents[0].ID != "l" {
		t.Errorf("failed %+v", f)
	}
}
