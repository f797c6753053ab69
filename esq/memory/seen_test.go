package memory

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
)

// hashesOf are bad hashes: first is how many different ones come first.
func hashesOf(first uint64) hashes {
	good := newHashes()
	return hashes{func(index, id string) uint64 { return good.hash(index, id) % first << 60 }, good.check}
}

func TestSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHashes()
		if rapid.Bool().Draw(t, "collide") {
			h = hashesOf(rapid.Uint64Range(1, 3).Draw(t, "different"))
		}
		var s seen
		want := map[string]int64{}
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			id, value := fmt.Sprint(rapid.IntRange(0, 200).Draw(t, "id")), rapid.Int64().Draw(t, "value")
			of := h.of("i", id)
			known, seen := want[id]
			if got, ok := s.get(of); got != known || ok != seen {
				t.Fatalf("%s: got %d, %v, want %d, %v", id, got, ok, known, seen)
			}
			s.set(of, value)
			want[id] = value
		}
		values, wanted := map[int64]int{}, map[int64]int{}
		for v := range s.all {
			values[v]++
		}
		for id, v := range want {
			wanted[v]++
			if got, ok := s.get(h.of("i", id)); got != v || !ok {
				t.Fatalf("%s: got %d, %v, want %d", id, got, ok, v)
			}
		}
		if diff := cmp.Diff(wanted, values); diff != "" {
			t.Fatal(diff)
		}
	})
}

// loaded is what comes of files, with all documents kept or those with x in a.
func loaded(t *rapid.T, narrow bool, change func(*narrowing), files []string) string {
	e := New(Options{Now: func() time.Time { return time.UnixMilli(math.MaxInt32) }})
	isX := esq.Term{Field: "a", Value: esq.Str("x")}
	if narrow {
		if !e.Narrow([]Need{{Indices: []string{"*"}, Filter: isX, Query: isX, Fields: []string{"a"}}}) {
			t.Fatal("not narrowed")
		}
		change(e.narrow)
	}
	var said strings.Builder
	for _, file := range files {
		stats, err := e.Load(strings.NewReader(file), "file")
		first, last, ok := e.Span()
		fmt.Fprintln(&said, stats, err, first, last, ok)
	}
	docs, err := e.Find(t.Context(), []string{"*"}, isX, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		source, err := esq.DecodeSource(d.Source)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&said, d.Index, d.ID, esq.Extract(source, esq.Field{Path: timestamp}))
	}
	return said.String()
}

// drawDocument draws a document, as a hit or as the pair of lines of a request,
// with so many bytes that are of no interest.
func drawDocument(t *rapid.T, padding int) string {
	index, id := rapid.SampledFrom([]string{"i", "j"}).Draw(t, "index"), rapid.IntRange(0, 3).Draw(t, "id")
	source := fmt.Sprintf(`{"p":%q,"@timestamp":%d,"a":%q}`, strings.Repeat("p", padding), rapid.Int64Range(0, 9).Draw(t, "time"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "a"))
	switch rapid.IntRange(0, 7).Draw(t, "line") {
	case 0, 1:
		return fmt.Sprintf(`{"create":{"_index":%q,"_id":"%d"}}`+"\n%s\n", index, id, source)
	case 2, 3:
		return fmt.Sprintf(`{"index":{"_id":"%d","_index":%q,"routing":["r"]}}`+"\n%s\n", id, index, source)
	case 4: // the source looks like a hit, or like an action
		return fmt.Sprintf(`{"index":{"_id":"%d","_index":%q}}`+"\n"+`{"_index":"i","_id":"9","_source":%s}`+"\n", id, index, source)
	case 5:
		return fmt.Sprintf(`{"index":{"_id":"%d","_index":%q}}`+"\n"+`{"index":{"_index":"i","_id":"9"}}`+"\n", id, index)
	}
	return fmt.Sprintf(`{"_index":%q,"_id":"%d","_source":%s}`+"\n", index, id, source)
}

// Documents that collide are told apart: what is loaded, counted and dated is what
// it is with all documents kept.
func TestCollisions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lines strings.Builder
		for range rapid.IntRange(1, 20).Draw(t, "documents") {
			lines.WriteString(drawDocument(t, 0))
		}
		files := strings.SplitAfterN(lines.String(), "\n", rapid.IntRange(1, 3).Draw(t, "files"))
		if diff := cmp.Diff(loaded(t, false, nil, files), loaded(t, true, func(n *narrowing) { n.hashes = hashesOf(1) }, files)); diff != "" {
			t.Fatalf("all kept (-), narrowed (+):\n%s\n%q", diff, files)
		}
	})
}

// Wherever a file is cut into chunks, it makes the same documents.
func TestChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lines strings.Builder
		for range rapid.IntRange(1, 40).Draw(t, "documents") {
			lines.WriteString(drawDocument(t, rapid.IntRange(0, 50).Draw(t, "padding")))
		}
		files, chunk := []string{lines.String()}, rapid.IntRange(1, 500).Draw(t, "chunk")
		if diff := cmp.Diff(loaded(t, false, nil, files), loaded(t, true, func(n *narrowing) { n.chunk = chunk }, files)); diff != "" {
			t.Fatalf("all kept (-), narrowed (+):\n%s", diff)
		}
	})
}

// A document that was deleted may come again, as one that is not kept.
func TestLoadAfterDelete(t *testing.T) {
	e := New(Options{Now: time.Now})
	isX := esq.Term{Field: "a", Value: esq.Str("x")}
	if !e.Narrow([]Need{{Indices: []string{"*"}, Filter: isX, Query: isX}}) {
		t.Fatal("not narrowed")
	}
	for _, a := range []string{"x", "y"} {
		if _, err := e.Load(strings.NewReader(`{"_index":"i","_id":"1","_source":{"a":"`+a+`"}}`), "file"); err != nil {
			t.Fatal(err)
		}
		outcomes, err := e.Bulk(t.Context(), []esq.Write{{Ref: esq.Ref{Index: "i", ID: "1"}, Delete: true}}, true)
		if err != nil || (outcomes[0].Status == 200) != (a == "x") {
			t.Fatal(outcomes, err)
		}
	}
}
