package memory_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

func load(t testing.TB, e *memory.Engine, lines string) memory.LoadStats {
	t.Helper()
	stats, err := e.Load(strings.NewReader(lines), "data.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLoad(t *testing.T) {
	t.Parallel()
	hit := `{"_index":"i","_id":"1","_score":1,"_source":{"a":1}}`
	for name, c := range map[string]struct {
		lines string
		stats memory.LoadStats
		want  string // INDEX/ID SOURCE, parted by |
	}{
		"a hit": {hit, memory.LoadStats{Lines: 1, Documents: 1}, `i/1 {"a":1}`},
		"bulk": {`{"index":{"_index":"i","_id":"1"}}` + "\n" + `{"a":1}` + "\n\n" + `{"create":{"_index":"i","_id":"2"}}` + "\n" + `{"a":2}` + "\n",
			memory.LoadStats{Lines: 5, Documents: 2}, `i/1 {"a":1}|i/2 {"a":2}`},
		"mixed, with marks, carriage returns and blanks": {"\ufeff" + hit + "\r\n \r\n" + `{"index":{"_index":"j","_id":"2"}}` + "\r\n\r\n" + ` {"index":{"b":1}}` + "\r\n",
			memory.LoadStats{Lines: 5, Documents: 2}, `i/1 {"a":1}|j/2 {"index":{"b":1}}`},
		"the last one wins": {hit + "\n" + `{"_index":"i","_id":"1","_source":{"a":2}}`,
			memory.LoadStats{Lines: 2, Documents: 2, Replaced: 1}, `i/1 {"a":2}`},
		"create keeps the first": {hit + "\n" + `{"create":{"_index":"i","_id":"1"}}` + "\n" + `{"a":2}`,
			memory.LoadStats{Lines: 3, Documents: 2, Kept: 1}, `i/1 {"a":1}`},
		"gzip":    {zipped(t, hit+"\n"), memory.LoadStats{Lines: 1, Documents: 1}, `i/1 {"a":1}`},
		"nothing": {"", memory.LoadStats{}, ""},
	} {
		e := memory.New(memory.Options{Now: atNoon})
		stats, err := e.Load(strings.NewReader(c.lines), "data")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.stats, stats); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		docs, err := e.Find(t.Context(), []string{"*"}, esq.MatchAll{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range docs {
			got = append(got, d.Index+"/"+d.ID+" "+string(d.Source))
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q, want %q", name, strings.Join(got, "|"), c.want)
		}
	}
}

func TestLoadMakesIDs(t *testing.T) {
	t.Parallel()
	lines := `{"_index":"i","_source":{"a":1}}` + "\n" + `{"index":{"_index":"i"}}` + "\n" + `{"a":1}` + "\n"
	e := memory.New(memory.Options{Now: atNoon})
	if stats := load(t, e, lines); stats.NoID != 2 {
		t.Errorf("stats %+v", stats)
	}
	first := search(t, e, []string{"i"}, esq.MatchAll{})
	if len(first) != 2 || first[0] == first[1] || first[0] == "" {
		t.Errorf("ids %q", first)
	}
	if stats := load(t, e, lines); stats.Replaced != 2 {
		t.Errorf("again: stats %+v", stats)
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lines, want string }{
		{"nonsense", "f:1: not a JSON object"},
		{"\n{\"_index\":\"i\",\"_source\":{\"a\":}}", "f:2: the document is not JSON"},
		{`[{"_index":"i"}]`, "f:1: not a JSON object"},
		{"{\n\"_index\":\"i\"}", "f:1: not JSON: it ends too early"},
		{`{"a":1}`, "f:1: there is no _index"},
		{"{\"_index\":\"i\",\"_source\":{}}\n{\"_id\":\"2\",\"_source\":{}}", "f:2: there is no _index"},
		{`{"_index":"i"}`, "f:1: the hit has no _source"},
		{`{"_index":"i","_source":null}`, "f:1: the hit has no _source"},
		{`{"_index":"i","_source":[1]}`, "f:1: the document is not a JSON object"},
		{`{"_index":"I*","_source":{}}`, "f:1: _index \"I*\""},
		{`{"_index":7,"_source":{}}`, "f:1: _index is not a string"},
		{`{"_index":"i","_id":7,"_source":{}}`, "f:1: _id is not a string"},
		{`{"index":{"_id":"1"}}`, "f:1: _index \"\""},
		{`{"index":7}`, "f:1: the index action"},
		{`{"index":{"_index":"i"}}`, "f:1: the file ends after an action line"},
		{`{"delete":{"_index":"i","_id":"1"}}`, "f:1: a _bulk delete cannot be loaded"},
		{`{"update":{"_index":"i","_id":"1"}}`, "f:1: a _bulk update cannot be loaded"},
		{`{"_index":"i","_source":{"a":"` + "\xff" + `"}}`, "f:1: the document is not JSON"},
		{`{"_index":"i","_source":` + strings.Repeat(`{"a":`, 600) + "1" + strings.Repeat("}", 601), "more than 500 deep"},
		{strings.Repeat("x", 64<<20) + "x", "f:1: the line is longer than 64 MiB"},
		{"\x1f\x8bnonsense", "f: unzip data"},
		{zipped(t, strings.Repeat("abc", 1000))[:30], "f:1: read data"},
	} {
		_, err := memory.New(memory.Options{Now: atNoon}).Load(strings.NewReader(c.lines), "f")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: error %v, want %q", c.lines, err, c.want)
		}
	}
	e := memory.New(memory.Options{Now: atNoon})
	if _, err := e.Load(strings.NewReader("{}"), "f.gz"); err == nil || !strings.Contains(err.Error(), "not gzipped") {
		t.Errorf("a .gz that is none: %v", err)
	}
	broken := errors.New("disk on fire")
	if _, err := e.Load(iotest.ErrReader(broken), "f"); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(`{"_index":"i","_id":"1","_source":{"a":1}}`)
	f.Add(`{"index":{"_index":"i","_id":"1"}}` + "\n" + `{"a":[{"b":"\u0041\ud83d\ude00"}]}`)
	f.Fuzz(func(t *testing.T, lines string) {
		e := memory.New(memory.Options{Mapping: mapping(), Now: atNoon})
		stats, err := e.Load(strings.NewReader(lines), "f")
		n, _, failed := e.Count(t.Context(), []string{"*"}, esq.MatchAll{})
		if failed != nil {
			t.Fatal(failed)
		}
		if int(n) != stats.Documents-stats.Replaced-stats.Kept {
			t.Errorf("%d documents, stats %+v, error %v", n, stats, err)
		}
	})
}

func TestEndLoad(t *testing.T) {
	for _, narrow := range []bool{false, true} {
		e := memory.New(memory.Options{Now: time.Now})
		if narrow && !e.Narrow([]memory.Need{{Indices: []string{"i"}, Filter: esq.MatchNone{}, Query: esq.MatchNone{}}}) {
			t.Fatal("not narrowed")
		}
		if _, err := e.Load(strings.NewReader(`{"_index":"i","_id":"1","_source":{"@timestamp":"2026-03-01T00:00:00Z"}}`), "first"); err != nil {
			t.Fatal(err)
		}
		first, last, ok := e.Span()
		e.EndLoad()
		if _, err := e.Load(strings.NewReader(""), "second"); err == nil || !strings.HasPrefix(err.Error(), "second: ") {
			t.Errorf("narrowed %v: after the end of loading: %v", narrow, err)
		}
		if f, l, o := e.Span(); f != first || l != last || o != ok || !ok {
			t.Errorf("narrowed %v: from %v to %v, %v; before the end of loading from %v to %v, %v", narrow, f, l, o, first, last, ok)
		}
	}
}
