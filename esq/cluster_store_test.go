package esq_test

import (
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// The first write to an index makes it, and whoever reads it in that moment is
// told that it is recovering.
func TestGetWaitsForAnIndexToStart(t *testing.T) {
	patience := func(c *esq.Config) {
		c.Retry = esq.Retry{Attempts: 3, Base: time.Millisecond, Max: time.Millisecond}
	}
	refs := []esq.Ref{{Index: "i", ID: "a"}}
	failed := func(kind string) reply {
		return reply{body: `{"docs":[{"_index":"i","_id":"a","error":{"root_cause":[{"type":"` + kind + `","reason":"x"}],"type":"` + kind + `","reason":"x"}}]}`}
	}
	there := reply{body: `{"docs":[{"_index":"i","_id":"a","found":true,"_source":{}}]}`}
	recovering, unassigned := failed("illegal_index_shard_state_exception"), failed("no_shard_available_action_exception")

	f := &fake{script: []reply{recovering, unassigned, there}}
	docs, err := f.open(t, patience).Get(t.Context(), refs)
	if err != nil || len(docs) != 1 || !docs[0].Found {
		t.Errorf("%+v, %v", docs, err)
	}
	f = &fake{script: []reply{recovering, recovering, recovering}}
	if _, err := f.open(t, patience).Get(t.Context(), refs); asResponse(t, err).Type != "illegal_index_shard_state_exception" {
		t.Errorf("got %v", err)
	}
	f = &fake{script: []reply{failed("other_exception")}}
	if _, err := f.open(t, patience).Get(t.Context(), refs); asResponse(t, err).Type != "other_exception" {
		t.Errorf("got %v", err)
	}
}
