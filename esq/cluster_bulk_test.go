package esq_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
)

// written is a bulk answer: "ID STATUS" for each item.
func written(items ...string) string {
	var out []string
	for _, item := range items {
		var id string
		var status int
		fmt.Sscan(item, &id, &status)
		failure := ""
		if status >= 300 {
			failure = `,"error":{"type":"some_exception","reason":"because"}`
		}
		out = append(out, fmt.Sprintf(`{"create":{"_index":"i","_id":"%s","status":%d,"_seq_no":7,"_primary_term":1%s}}`, id, status, failure))
	}
	return `{"errors":false,"items":[` + strings.Join(out, ",") + `]}`
}

func creations(ids ...string) []esq.Write {
	var ops []esq.Write
	for _, id := range ids {
		ops = append(ops, esq.Write{Ref: esq.Ref{Index: "i", ID: id}, Create: true, Source: json.RawMessage(`{"id": "` + id + `"}`)})
	}
	return ops
}

func deletions(ids ...string) []esq.Write {
	var ops []esq.Write
	for _, id := range ids {
		ops = append(ops, esq.Write{Ref: esq.Ref{Index: "i", ID: id}, Delete: true})
	}
	return ops
}

func statuses(outcomes []esq.Outcome) []int {
	var out []int
	for _, o := range outcomes {
		out = append(out, o.Status)
	}
	return out
}

func TestBulkOutcomes(t *testing.T) {
	broken := errors.New("connection reset by peer")
	tests := []struct {
		name    string
		ops     []esq.Write
		replies []reply
		want    []int
		sent    []int // lines per request
	}{
		{name: "one of each", ops: creations("a", "b"), replies: []reply{{body: written("a 201", "b 409")}}, want: []int{201, 409}, sent: []int{4}},
		{name: "only what was put off is sent again", ops: creations("a", "b", "c"),
			replies: []reply{{body: written("a 201", "b 429", "c 503")}, {body: written("b 201", "c 503")}, {body: written("c 400")}},
			want:    []int{201, 201, 400}, sent: []int{6, 4, 2}},
		{name: "put off for good", ops: creations("a"), replies: []reply{{body: written("a 429")}, {body: written("a 429")},
			{body: written("a 429")}, {body: written("a 429")}, {body: written("a 429")}}, want: []int{429}, sent: []int{2, 2, 2, 2, 2}},
		{name: "the first attempt was carried out", ops: creations("a", "b", "c"),
			replies: []reply{{body: `{"it`, cut: io.ErrUnexpectedEOF}, {body: written("a 409", "b 409", "c 201")},
				{body: `{"docs":[{"_id":"a","found":true,"_seq_no":3,"_primary_term":2,"_source":{ "id":"a" }},{"_id":"b","found":true,"_source":{"id":"of another"}}]}`}},
			want: []int{201, 409, 201}, sent: []int{6, 6, 1}},
		{name: "a conflict at once is one", ops: creations("a"), replies: []reply{{body: written("a 409")}}, want: []int{409}, sent: []int{2}},
		{name: "lost once", ops: creations("a"), replies: []reply{{err: broken}, {body: written("a 201")}}, want: []int{201}, sent: []int{2, 2}},
		{name: "deletions", ops: deletions("a", "b"), replies: []reply{{body: written("a 200", "b 404")}}, want: []int{200, 404}, sent: []int{2}},
		{name: "the first attempt has deleted", ops: deletions("a", "b", "c"),
			replies: []reply{{err: broken}, {body: written("a 409", "b 404", "c 409")},
				{body: `{"docs":[{"_id":"a","found":false},{"_id":"b","found":false},{"_id":"c","found":true,"_source":{"id":"rewritten"}}]}`}},
			want: []int{200, 200, 409}, sent: []int{3, 3, 1}},
		{name: "nothing", want: nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := fake{script: tt.replies}
				outcomes, err := f.open(t).Bulk(t.Context(), tt.ops, true)
				must(t, err)
				if diff := cmp.Diff(tt.want, statuses(outcomes)); diff != "" {
					t.Errorf("outcomes:\n%s", diff)
				}
				for _, o := range outcomes {
					if (o.Err == nil) != (o.Status < 300) {
						t.Errorf("status %d, error %v", o.Status, o.Err)
					}
				}
				var sent []int
				for _, a := range f.asked {
					sent = append(sent, max(1, strings.Count(a.Body, "\n")))
					if strings.HasPrefix(a.Path, "/_bulk") && a.Path != "/_bulk?refresh=true" {
						t.Errorf("path %s", a.Path)
					}
				}
				if diff := cmp.Diff(tt.sent, sent); diff != "" {
					t.Errorf("lines sent:\n%s", diff)
				}
			})
		})
	}
}

func TestBulkAnswersThatAreNotWhole(t *testing.T) {
	for name, body := range map[string]string{
		"too few":     written("a 201"),
		"mixed up":    written("b 201", "a 201"),
		"none":        `{}`,
		"empty items": `{"items":[{},{}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := fake{script: []reply{{body: body}}}
			_, err := f.open(t).Bulk(t.Context(), creations("a", "b"), false)
			asPartial(t, err)
		})
	}
}

func TestBulkLines(t *testing.T) {
	f := fake{script: []reply{{body: written("a 201", "b 201", "c 201", "d 200", "e 200")}}}
	ops := append(creations("a", "b", "c"), deletions("d", "e")...)
	ops[4].Match = &esq.Document{SeqNo: 7, PrimaryTerm: 1}
	ops[1].Create, ops[1].Source = false, json.RawMessage("{\n\"x\":\"<\\n>\"\n}")
	ops[2].Create, ops[2].Match = false, &esq.Document{SeqNo: 0, PrimaryTerm: 3}
	_, err := f.open(t).Bulk(t.Context(), ops, false)
	must(t, err)
	want := `{"create":{"_id":"a","_index":"i"}}
{"id":"a"}
{"index":{"_id":"b","_index":"i"}}
{"x":"<\n>"}
{"index":{"_id":"c","_index":"i","if_primary_term":3,"if_seq_no":0}}
{"id":"c"}
{"delete":{"_id":"d","_index":"i"}}
{"delete":{"_id":"e","_index":"i","if_primary_term":1,"if_seq_no":7}}
`
	if diff := cmp.Diff(want, f.asked[0].Body); diff != "" {
		t.Error(diff)
	}
}

func TestBulkIsCutByBytes(t *testing.T) {
	ops := creations("a", "b", "c")
	for i := range ops {
		ops[i].Source = json.RawMessage(`"` + strings.Repeat("x", 2<<20) + `"`)
	}
	f := fake{script: []reply{{body: written("a 201", "b 201")}, {body: written("c 201")}}}
	outcomes, err := f.open(t).Bulk(t.Context(), ops, false)
	must(t, err)
	if diff := cmp.Diff([]int{201, 201, 201}, statuses(outcomes)); diff != "" {
		t.Error(diff)
	}
}

func TestBulkRefusesWritesWithoutAName(t *testing.T) {
	f := fake{}
	for _, ref := range []esq.Ref{{Index: "i"}, {ID: "a"}} {
		if _, err := f.open(t).Bulk(t.Context(), []esq.Write{{Ref: ref, Source: json.RawMessage(`{}`)}}, false); err == nil {
			t.Errorf("%v: no error", ref)
		}
	}
}

func TestBulkEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := fake{script: []reply{{body: written("a 429"), seen: func(*http.Request) { cancel() }}}}
		_, err := f.open(t).Bulk(ctx, creations("a"), false)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}
