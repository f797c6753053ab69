package mappings_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

var update = flag.Bool("update", false, "write the golden files")

func at(clock string) time.Time {
	t, err := time.Parse("15:04:05.000", clock)
	if err != nil {
		panic(err)
	}
	return time.Date(2024, 2, 22, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

func strs(list ...string) []esq.Value {
	values := make([]esq.Value, len(list))
	for i, s := range list {
		values[i] = esq.Str(s)
	}
	return values
}

// copied is an alert with something in every field.
func copied() mappings.Alert {
	return mappings.Alert{
		ID:      "a1b2c3",
		Written: at("11:00:00.000"),
		Anchor:  at("09:56:48.123"),
		Start:   at("09:12:00.000"),
		End:     at("10:31:09.500"),
		Window:  mappings.Window{From: at("09:00:00.000"), To: at("11:00:00.000")},
		Ticket:  7,
		Rule: mappings.Rule{
			ID: "6267ce44-1e9d-471b-9f1e-ae76a6b7aa84", Name: "Mass download and copy to USB",
			Description: "Files taken away on a stick", Type: "sequence", Severity: "high", RiskScore: 73,
			Author: []string{"stitch"}, License: "Apache-2.0", Tags: []string{"Tactic: Exfiltration"},
			References: []string{"https://example.com/a?b=1&c=<2>"}, FalsePositives: []string{"A backup"}, Note: "Ask first.", Version: 3,
			Threat: []mappings.Threat{{
				Framework: "MITRE ATT&CK",
				Tactic:    mappings.Reference{ID: "TA0010", Name: "Exfiltration", URL: "https://attack.mitre.org/tactics/TA0010/"},
				Techniques: []mappings.Technique{{
					Reference:     mappings.Reference{ID: "T1052", Name: "Exfiltration Over Physical Medium", URL: "https://attack.mitre.org/techniques/T1052/"},
					Subtechniques: []mappings.Reference{{ID: "T1052.001", Name: "Exfiltration over USB", URL: "https://attack.mitre.org/techniques/T1052/001/"}},
				}},
			}},
			Fingerprint: "f00d",
		},
		Key: []mappings.KeyValue{
			{Name: "alert", Value: esq.Str("MDCA-17")},
			{Name: "user.email", Value: esq.Str("jane@contoso.com")},
			{Name: "host.id", Value: esq.Value{}},
		},
		Stages: []mappings.Stage{
			{Stage: "alert", First: at("09:56:48.123"), Last: at("09:56:48.123"), Count: 1, Documents: []mappings.Document{{
				Index: "logs-o365.audit-default", ID: "x1", Time: at("09:56:48.123"), Source: "o365",
				Columns: map[string][]esq.Value{"user.email": strs("jane@contoso.com")},
			}}},
			{Stage: "copy", First: at("10:02:00.000"), Last: at("10:31:09.500"), Count: 12, Omitted: 11, Documents: []mappings.Document{{
				Index: "logs-endpoint.events.file-default", ID: "x2", Time: at("10:02:00.000"),
			}}},
		},
		Weak: []string{"alert: the audit log knows no object id", "copy: the agent knows no account"},
		Details: map[string]any{
			"Drive": "E:",
			"Files": []any{`E:\Budget 2024.xlsx`, `E:\<Q1 & Q2>.xlsx`},
			"Host":  map[string]any{"Name": "laptop-7", "Seen": int64(12), "Known": true, "Share": 0.5},
		},
		Columns: map[string][]esq.Value{
			"user.email":            strs("jane@contoso.com", "Jane@Contoso.com"),
			"user.id":               strs("S-1-5-21"),
			"host.name":             strs("laptop-7"),
			"source.ip":             strs("203.0.113.7"),
			"process.name":          strs("explorer.exe"),
			"process.pid":           {esq.Integer(4711)},
			"file.name":             strs("Budget 2024.xlsx", "Plan.docx"),
			"file.hash.sha256":      strs("cafe"),
			"destination.ip":        strs("2001:db8::1", "not an address"),
			"volume.drive_letter":   strs("E:"),
			"rule.name":             strs("Mass download by a single user"),
			"event.action":          strs("creation"),
			"source.domain":         {},
			"file.made.up":          strs("no ECS field"),
			"process.user.name":     strs("jane"),
			"process.user.id":       nil,
			"organization.host.id":  strs("org-host"),
			"user.target.full_name": strs("Jane Doe"),
		},
	}
}

func TestDocument(t *testing.T) {
	got, err := copied().Document()
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/alert.json"
	var indented bytes.Buffer
	if err := json.Indent(&indented, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	indented.WriteByte('\n')
	if *update {
		if err := os.WriteFile(golden, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), indented.String()); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

func TestDocumentIsTheSameEveryTime(t *testing.T) {
	first, err := copied().Document()
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := copied().Document()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, again) {
			t.Fatalf("%s\nthen\n%s", first, again)
		}
	}
}

func TestReason(t *testing.T) {
	one := mappings.Stage{Stage: "event", Count: 1}
	tests := []struct {
		name  string
		alert mappings.Alert
		want  string
	}{
		{"a chain", copied(), "Mass download and copy to USB: user.email jane@contoso.com (alert 1, copy 12)"},
		{"one event", mappings.Alert{Rule: mappings.Rule{Name: "R"}, Stages: []mappings.Stage{one}}, "R"},
		{"one event of someone", mappings.Alert{
			Rule: mappings.Rule{Name: "R"}, Stages: []mappings.Stage{one},
			Key: []mappings.KeyValue{{Name: "event", Value: esq.Str("x")}, {Name: "user.id", Value: esq.Integer(7)}},
		}, "R: user.id 7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.alert.Reason(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A text longer than a flat_object takes would have OpenSearch refuse the alert.
func TestDocumentCutsLongDetails(t *testing.T) {
	long := strings.Repeat("é", 20000)
	a := mappings.Alert{Details: map[string]any{"a": map[string]any{"b": []any{"short", long}}}}
	raw, err := a.Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Stitch struct {
			Details struct{ A struct{ B []string } }
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	b := doc.Stitch.Details.A.B
	if b[0] != "short" || len(b[1]) > 8192 || len(b[1]) < 8180 || !strings.HasSuffix(b[1], "é…") {
		t.Errorf("got %q and %d bytes ending in %q", b[0], len(b[1]), b[1][len(b[1])-8:])
	}
}

func TestNames(t *testing.T) {
	lateThere := time.Date(2024, 2, 29, 23, 30, 0, 0, time.FixedZone("", -3600))
	var n mappings.Names
	got := []string{
		n.Alerts(), n.AlertPattern(), n.AlertIndex(lateThere),
		n.Runs(), n.RunPattern(), n.RunIndex(lateThere), n.State(),
		mappings.Names{Prefix: "x"}.AlertIndex(lateThere),
	}
	want := []string{
		"detections-stitch.alerts", "detections-stitch.alerts-*", "detections-stitch.alerts-2024.03",
		"detections-stitch.runs", "detections-stitch.runs-*", "detections-stitch.runs-2024.03", "detections-stitch.state",
		"x.alerts-2024.03",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}
