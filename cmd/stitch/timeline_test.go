package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

// object is a JSON object.
type object = map[string]any

// alertOf is an alert document with this chain.
func alertOf(chain ...object) object {
	return object{
		"rule":                  object{"id": "r-1", "name": "Copies at night"},
		"event":                 object{"start": "2024-02-22T22:58:00.000Z", "end": "2024-02-23T01:02:03.456Z"},
		"message":               "Copies at night: host.id 17 (copy 3)",
		"kibana.alert.severity": "high", "kibana.alert.risk_score": 73, "kibana.alert.uuid": "cafe",
		"stitch": object{"chain": chain},
	}
}

// stageOf is a stage with documents a minute apart, and more that are not
// listed.
func stageOf(name, first string, omitted int, columns ...object) object {
	at, err := time.Parse(time.RFC3339, first)
	if err != nil {
		panic(err) // a mistake in a test
	}
	documents := make([]object, len(columns))
	for i, c := range columns {
		documents[i] = object{
			"index": "logs-" + name, "id": fmt.Sprintf("%s-%d", name, i), "source": "test",
			"timestamp": at.Add(time.Duration(i) * time.Minute), "columns": c,
		}
	}
	return object{
		"stage": name, "count": len(columns) + omitted, "omitted": omitted, "documents": documents,
		"first": at, "last": at.Add(time.Duration(len(columns)+omitted) * time.Minute),
	}
}

func drawn(t testing.TB, document object) string {
	t.Helper()
	raw, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := writeTimeline(&b, raw); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTimelines(t *testing.T) {
	user := object{"user.email": []string{"ana@example.com"}, "source.ip": []string{"192.0.2.7"}}
	file := func(name string) object {
		return object{"file.path": []string{`E:\` + name}, "host.name": []string{"pc-1"}, "host.id": []string{"17"}}
	}
	tenant := stageOf("event", "2024-02-22T23:00:00Z", 0, object{"user.email": []string{"ana@example.com"}, "host.id": []string{"a-tenant"}})
	tenant["documents"].([]object)[0]["source"] = ""
	weak := alertOf(stageOf("copy", "2024-02-22T23:00:00Z", 0, user))
	weak["stitch"].(object)["weak"] = []string{"alert: the audit log knows no object id", "copy: the \u202eagent knows no account, and this is a note that is too long for the page"}
	several := stageOf("copy", "2024-02-22T23:00:00Z", 0, file("a"), file("b"), file("c"))
	several["documents"].([]object)[1]["index"] = "logs-other"
	for name, document := range map[string]object{
		"weak": weak,
		"over-midnight": alertOf(
			stageOf("logon", "2024-02-22T22:58:00Z", 0, user),
			stageOf("copy", "2024-02-22T23:57:00Z", 62, file("1"), file("2"), file("3"), file("4"), file("5"), file("6"))),
		"interleaved": alertOf(
			stageOf("one", "2024-02-22T23:00:00Z", 0, file("a"), file("b"), file("c")),
			stageOf("two", "2024-02-22T23:00:30Z", 0, file("a"), file("b"))),
		"several-indices": alertOf(several),
		"nothing-listed":  alertOf(stageOf("logon", "2024-02-22T22:58:00Z", 0, user), stageOf("copy", "2024-02-22T23:57:00Z", 12)),
		"absent-stage":    alertOf(stageOf("copy", "2024-02-22T23:57:00Z", 0, file("a")), stageOf("scan", "0001-01-01T00:00:00Z", 0)),
		"no-columns":      alertOf(stageOf("any", "2024-02-22T23:57:00Z", 0, object{})),
		"other-columns":   alertOf(stageOf("any", "2024-02-22T23:57:00Z", 0, object{"x.y": []any{17, 18}, "z": []any{true}})),
		"tenant-as-host":  alertOf(tenant),
		"id-of-a-machine": alertOf(stageOf("copy", "2024-02-22T23:57:00Z", 0, object{"host.id": []string{"17"}})),
		"long-values": alertOf(stageOf("copy", "2024-02-22T23:57:00Z", 0,
			file(strings.Repeat(`folder\`, 40)+"plan.dwg"), object{"file.name": []string{strings.Repeat("🚢", 100)}})),
		"hostile": alertOf(stageOf("copy", "2024-02-22T23:57:00Z", 0, object{
			"file.path":  []string{"E:\\a\x1b]0;title\x07\x1b[31m\r\nALERT  No problem\n\tx\x00.txt", "gpj.\u202eexe", "\u2066x\u2069", "a\u200bb"},
			"user.email": []string{"ana\u0085@example.com\u009b2J"}, "host.name": []string{"line\u2028separator"},
		})),
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, filepath.Join("testdata", "timelines", name+".golden"), drawn(t, document))
		})
	}
}

// Whatever data holds, a timeline is lines of a bounded number, none of them
// wide but for what must be whole, without anything that steers a terminal.
func TestTimelinesAreHarmless(t *testing.T) {
	words := rapid.OneOf(rapid.String(), rapid.StringN(0, 300, -1),
		rapid.SampledFrom([]string{"\x1b[31m", "\u202e", "\r", "\n\n", "\u009b", "🚢", "a\u0301\u0301", "\xff"}))
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"file.path", "user.email", "host.id", "x"}
		var chain []object
		for range rapid.IntRange(0, 4).Draw(t, "stages") {
			var columns []object
			for range rapid.IntRange(0, 9).Draw(t, "documents") {
				columns = append(columns, object{rapid.SampledFrom(names).Draw(t, "column"): rapid.SliceOf(words).Draw(t, "values")})
			}
			stage := stageOf("stage", "2024-02-22T23:57:00Z", rapid.IntRange(0, 3).Draw(t, "omitted"), columns...)
			for _, d := range stage["documents"].([]object) {
				d["id"] = words.Draw(t, "id")
			}
			chain = append(chain, stage)
		}
		document := alertOf(chain...)
		document["rule"] = object{"id": "r", "name": words.Draw(t, "rule")}
		raw, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := writeTimeline(&b, raw); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\n")
		if len(lines) > 100 {
			t.Errorf("%d lines", len(lines))
		}
		for _, line := range lines {
			if n := cellsOf(line); n > maxID+10 || n > pageWidth && !strings.HasPrefix(line, "      ") {
				t.Errorf("%d places: %s", n, line)
			}
			for _, r := range line {
				if !unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r) {
					t.Errorf("%U in %q", r, line)
				}
			}
		}
	})
}

func TestTimelineOfWhatIsNone(t *testing.T) {
	if err := writeTimeline(&strings.Builder{}, json.RawMessage(`[]`)); err == nil {
		t.Error("want an error")
	}
}
