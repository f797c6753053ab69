package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/rules"
	bench "github.com/stitchdetect/stitch/test/bench/documents"
)

// replayed is what a replay of files finds and says, with all documents kept or
// with what the rules may ask for.
func replayed(t *testing.T, set *rules.Set, narrow bool, files ...string) result {
	t.Helper()
	var out, said bytes.Buffer
	p := newPast()
	if narrow && !p.documents.Narrow(needsOf(set)) {
		t.Fatal("the needs cannot be told")
	}
	var err error
	for i, data := range files {
		if err == nil {
			err = p.read(strings.NewReader(data), fmt.Sprintf("data%d", i))
		}
	}
	first, last, ok := p.documents.Span()
	fmt.Fprintln(&said, first, last, ok)
	if err == nil {
		var from, to time.Time
		if from, to, err = (&replayFlags{}).times(p); err == nil {
			var docs []json.RawMessage
			if docs, err = p.replay(t.Context(), set, nil, from, to, streams{err: &said}); err == nil {
				err = writeAlerts(&out, docs, true)
			}
		}
	}
	p.documents.EndLoad()
	first, last, ok = p.documents.Span()
	fmt.Fprintln(&said, err, p.searched(), p.loaded, first, last, ok)
	return result{out: out.String(), err: said.String()}
}

// Whether all documents are kept or those that the rules may ask for, a replay
// says the same.
func TestNarrowReplayOfRealShapes(t *testing.T) {
	var data bytes.Buffer
	o := bench.Options{Documents: 3000, Incidents: 4, Seed: 5, Late: 0.1, Period: 24 * time.Hour}
	if _, err := bench.Write(&data, o); err != nil {
		t.Fatal(err)
	}
	set, err := loadRules(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range set.Rules {
		set.Rules[i] = scheduled(r, 6*time.Hour)
	}
	for _, more := range []string{"", "{\"_index\":\"logs-o365.audit-default\",\"_source\":{\"@timestamp\":7}}\n{\n"} {
		text := data.String() + more
		want, got := replayed(t, set, false, text), replayed(t, set, true, text)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("all kept (-), narrowed (+):\n%s", diff)
		}
		if more == "" && strings.Count(got.out, "\n") < 8 {
			t.Errorf("%d alerts, want at least those of two rules for each incident", strings.Count(got.out, "\n"))
		}
	}
}

// narrowRule asks of fields in all ways that rules ask.
const narrowRule = `
[rule]
rule_id = "narrow"
name = "Narrow"
type = "sequence"
index = ["a-*", "-a-3"]
from = "now-1h"
interval = "30m"
maxspan = "20m"

[[rule.stage]]
id = "one"
query = 'any where act == "x" and (n > 3 or not tag == null or host.name : "H")'

[[rule.stage]]
id = "two"
query = 'any where act in~ ("y", "z") and not file.path : "c:*"'
join = 'user.id == one.user.id'

[rule.alert]
anchor = "one"
by = ["user.id"]

[rule.alert.details]
Names = "two.file.name"
`

func drawText(t *rapid.T, words ...string) string {
	word := rapid.SampledFrom(words).Draw(t, "word")
	switch rapid.IntRange(0, 9).Draw(t, "spelling") {
	case 0:
		if word != "" {
			return fmt.Sprintf(`"\u%04x%s"`, word[0], word[1:])
		}
	case 1:
		return `"` + word + `\n\"\\\u00e4ä"`
	case 2:
		return rapid.SampledFrom([]string{"null", "7", "1.5e1", "true", `["x","y",null]`, `{"a":1}`, `[]`, `{}`, `""`}).Draw(t, "other")
	}
	return `"` + word + `"`
}

func drawMember(t *rapid.T) string {
	key := rapid.SampledFrom([]string{
		`"act"`, `"act"`, `"user.id"`, `"user":{"id"`, `"user":[{"id"`, `"n"`, `"tag"`, `"host":{"name"`, `"host.name"`, `"file":{"path"`, `"file":{"name"`,
		`"file.path"`, `"event":{"ingested"`, `"other":{"deep.er"`, `"\u0061ct"`, `"user"`, `"@timestamp"`,
	}).Draw(t, "key")
	value := drawText(t, "x", "x", "y", "z", "u1", "u1", "h", "c:\\\\a", "e", "")
	if strings.HasPrefix(key, `"@`) || strings.Contains(key, "ingested") {
		value = rapid.SampledFrom([]string{`"2024-02-22T10:05:00Z"`, `1708596300000`, `"never"`, `["2024-02-22T10:05:00Z","2024-02-22T10:09:00Z"]`}).Draw(t, "time")
	}
	return key + ":" + value + strings.Repeat("}", strings.Count(key, "{")) + strings.Repeat("]", strings.Count(key, "["))
}

func drawSource(t *rapid.T) string {
	members := rapid.SliceOfN(rapid.Custom(drawMember), 0, 6).Draw(t, "members")
	switch rapid.IntRange(0, 5).Draw(t, "part") {
	case 0, 1:
		members = append(members, `"act":"x"`, `"n":7`, `"user":{"id":"u1"}`)
	case 2, 3:
		members = append(members, `"act":"Z"`, `"user.id":"u1"`, `"file":{"name":"f\u00e4"}`)
	}
	if rapid.IntRange(0, 9).Draw(t, "timed") > 0 {
		at := time.Date(2024, 2, 22, 10, rapid.IntRange(0, 59).Draw(t, "minute"), 0, 0, time.UTC)
		members = append(members, fmt.Sprintf(`"@timestamp":%q`, at.Format(time.RFC3339)))
	}
	blank := rapid.SampledFrom([]string{"", "", " ", "\t"}).Draw(t, "blank")
	return "{" + blank + strings.Join(members, blank+","+blank) + blank + "}"
}

func drawLine(t *rapid.T) string {
	end := rapid.SampledFrom([]string{"\n", "\n", "\r\n", "\n\n", " \n"}).Draw(t, "end")
	index := rapid.SampledFrom([]string{"a-1", "a-1", "a-2", "a-3", "b-1"}).Draw(t, "index")
	id := rapid.SampledFrom([]string{`,"_id":"1"`, `,"_id":"2"`, `,"_id":"3"`, `,"_id":"4"`, `,"_id":"\u0031"`, `,"_id":null`, ``}).Draw(t, "id")
	source := drawSource(t)
	switch rapid.IntRange(0, 11).Draw(t, "line") {
	case 0, 3:
		return fmt.Sprintf(`{"create":{"_index":%q%s}}`, index, id) + "\n" + source + end
	case 1, 4:
		return fmt.Sprintf(`{"index":{"_index":%q%s}}`, index, id) + end + source + end
	case 2:
		return fmt.Sprintf(`{ "_source":%s, "sort":[1,{"a":"}"}] ,"_index":%q%s }`, source, index, id) + end
	}
	return fmt.Sprintf(`{"_index":%q%s,"_source":%s}`, index, id, source) + end
}

func TestNarrowReplay(t *testing.T) {
	set, err := loadRules([]string{write(t, "rule.toml", narrowRule)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	alerts := 0
	rapid.Check(t, func(r *rapid.T) {
		lines := rapid.SliceOfN(rapid.Custom(drawLine), 1, 24).Draw(r, "lines")
		if rapid.IntRange(0, 7).Draw(r, "broken") == 0 {
			bad := rapid.SampledFrom([]string{"{", `{"_index":"a-1","_source":{"act":"x"}`, `{"_index":"a-1","_source":{"act":01}}`, `{"_index":"a-1","_source":{"o":"` + "\x01" + `"}}`,
				`{"_index":"a-1","_source":{"o":"` + "\xff" + `"}}`, `{"_index":"a-1","_source":{"o":tru}}`, `{"_index":"a-1","_source":{"o":"\q"}}`, `{"_index":"A","_source":{}}`,
				`{"_index":"a-1"}`, `{"delete":{"_index":"a-1"}}`, `{"create":{"_index":"a-1"}}`, `{"_index":"a-1","_source":{}} x`}).Draw(r, "bad")
			at := rapid.IntRange(0, len(lines)).Draw(r, "at")
			lines = append(lines[:at:at], append([]string{bad + "\n"}, lines[at:]...)...)
		}
		// What a file is read with is known of the files before it.
		cut := rapid.IntRange(0, len(lines)).Draw(r, "cut")
		mark := rapid.SampledFrom([]string{"", "", "\ufeff"}).Draw(r, "mark")
		files := []string{mark + strings.Join(lines[:cut], ""), strings.Join(lines[cut:], "")}
		want, got := replayed(t, set, false, files...), replayed(t, set, true, files...)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
			r.Fatalf("all kept (-), narrowed (+):\n%s\n%q", diff, files)
		}
		if got.out != "" {
			alerts++
		}
	})
	if alerts == 0 {
		t.Error("no case had an alert")
	}
}
