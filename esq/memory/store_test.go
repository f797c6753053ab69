package memory_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

func TestStore(t *testing.T) {
	t.Parallel()
	e := memory.New(memory.Options{Now: atNoon})
	ref := esq.Ref{Index: "state", ID: "1"}
	write := func(w esq.Write) esq.Outcome {
		t.Helper()
		if w.Ref == (esq.Ref{}) {
			w.Ref = ref
		}
		if w.Source == nil && !w.Delete {
			w.Source = json.RawMessage(`{"v":1}`)
		}
		out, err := e.Bulk(t.Context(), []esq.Write{w}, false)
		if err != nil {
			t.Fatal(err)
		}
		var refusal *esq.ResponseError
		if (out[0].Err != nil) != (out[0].Status >= 300) || out[0].Err != nil && !errors.As(out[0].Err, &refusal) {
			t.Errorf("outcome %+v", out[0])
		}
		return out[0]
	}
	get := func() esq.Document {
		t.Helper()
		docs, err := e.Get(t.Context(), []esq.Ref{{Index: "nowhere", ID: "1"}, ref})
		if err != nil || docs[0].Found || docs[0].ID != "1" {
			t.Fatalf("%+v, %v", docs, err)
		}
		return docs[1]
	}
	if d := get(); d.Found || d.Ref != ref {
		t.Errorf("before: %+v", d)
	}
	if o := write(esq.Write{Match: &esq.Document{SeqNo: 0, PrimaryTerm: 1}}); o.Status != 409 {
		t.Errorf("match without a document: %+v", o)
	}
	if o := write(esq.Write{Create: true}); o.Status != 201 || o.SeqNo != 0 || o.PrimaryTerm != 1 {
		t.Errorf("create: %+v", o)
	}
	if o := write(esq.Write{Create: true}); o.Status != 409 {
		t.Errorf("create again: %+v", o)
	}
	d := get()
	if !d.Found || string(d.Source) != `{"v":1}` || d.SeqNo != 0 || d.PrimaryTerm != 1 {
		t.Errorf("after: %+v", d)
	}
	if o := write(esq.Write{Match: &d, Source: json.RawMessage(`{"v":2}`)}); o.Status != 200 || o.SeqNo != 1 {
		t.Errorf("match: %+v", o)
	}
	if o := write(esq.Write{Match: &d}); o.Status != 409 {
		t.Errorf("stale match: %+v", o)
	}
	if o := write(esq.Write{Source: json.RawMessage(`{"v":3}`)}); o.Status != 200 || o.SeqNo != 2 {
		t.Errorf("overwrite: %+v", o)
	}
	for _, w := range []esq.Write{
		{Source: json.RawMessage(`[]`)}, {Source: json.RawMessage(`{"v":`)}, {Ref: esq.Ref{Index: "Upper", ID: "1"}},
		{Ref: esq.Ref{Index: "a*", ID: "1"}}, {Ref: esq.Ref{Index: "a"}}, {Create: true, Match: &d},
	} {
		if o := write(w); o.Status != 400 {
			t.Errorf("%+v: %+v", w, o)
		}
	}
	docs, err := e.Find(t.Context(), []string{"stat*", "nowhere"}, esq.Term{Field: "v", Value: esq.Integer(3)}, 10)
	if err != nil || len(docs) != 1 || docs[0].SeqNo != 2 || string(docs[0].Source) != `{"v":3}` {
		t.Errorf("find: %+v, %v", docs, err)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	e := memory.New(memory.Options{Now: atNoon})
	ref := func(id string) esq.Ref { return esq.Ref{Index: "state", ID: id} }
	bulk := func(ops ...esq.Write) []int {
		t.Helper()
		outcomes, err := e.Bulk(t.Context(), ops, false)
		if err != nil {
			t.Fatal(err)
		}
		var list []int
		for _, o := range outcomes {
			list = append(list, o.Status)
			if (o.Err == nil) != (o.Status < 300) {
				t.Errorf("outcome %+v", o)
			}
		}
		return list
	}
	put := func(id string) esq.Write { return esq.Write{Ref: ref(id), Source: json.RawMessage(`{"v":1}`)} }
	bulk(put("a"), put("b"), put("c"), put("d"))
	docs, err := e.Get(t.Context(), []esq.Ref{ref("a"), ref("b")})
	if err != nil {
		t.Fatal(err)
	}
	bulk(put("b"))
	got := bulk(
		esq.Write{Ref: ref("a"), Delete: true, Match: &docs[0]},
		esq.Write{Ref: ref("b"), Delete: true, Match: &docs[1]}, // written since it was read
		esq.Write{Ref: ref("d"), Delete: true},
		esq.Write{Ref: ref("d"), Delete: true},
		esq.Write{Ref: ref("a"), Delete: true, Match: &docs[0]},
		esq.Write{Ref: esq.Ref{Index: "nowhere", ID: "a"}, Delete: true},
		esq.Write{Ref: ref("c"), Delete: true, Create: true},
		esq.Write{Ref: ref("a"), Match: &docs[0], Source: json.RawMessage(`{"v":1}`)},
	)
	if diff := cmp.Diff([]int{200, 409, 200, 404, 409, 404, 400, 409}, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	found := func() (ids []string) {
		t.Helper()
		docs, err := e.Find(t.Context(), []string{"*"}, esq.MatchAll{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			ids = append(ids, d.Index+"/"+d.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]string{"state/b", "state/c"}, found()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	bulk(esq.Write{Ref: ref("b"), Delete: true}, put("e"), put("c"), esq.Write{Ref: ref("a"), Create: true, Source: json.RawMessage(`{}`)})
	if diff := cmp.Diff([]string{"state/a", "state/c", "state/e"}, found()); diff != "" {
		t.Errorf("in the end (-want +got):\n%s", diff)
	}
}
