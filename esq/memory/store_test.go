package memory_test

import (
	"encoding/json"
	"errors"
	"testing"

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
		if w.Source == nil {
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
