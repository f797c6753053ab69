package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// checkpoint is a rule's progress as it was read.
type checkpoint struct {
	progress
	Fingerprint string        // of the rule that made it
	stored      *esq.Document // the version read, nil if there was none
}

// known reports whether the rule has ever been due.
func (c checkpoint) known() bool { return !c.First.IsZero() }

// checkpoints keeps the progress of rules.
type checkpoints interface {
	// load reads a rule's checkpoint; one that is not there is not known.
	load(ctx context.Context, r *rules.Rule) (checkpoint, error)
	// save writes c, the checkpoint that was loaded from with progress made, and
	// returns what is stored then: that of another scheduler if it is farther.
	save(ctx context.Context, r *rules.Rule, from, c checkpoint, now time.Time) (checkpoint, error)
}

// stateFormat is the version of the checkpoint document.
const stateFormat = 1

// stateDocument is a checkpoint as it lies in the index of the state. Its
// times keep their nanoseconds: a checkpoint that is read back is the one that
// was written.
type stateDocument struct {
	Kind       string    `json:"kind"`
	Format     int       `json:"format"`
	Rule       ruleName  `json:"rule"`
	Start      time.Time `json:"start"`
	First      time.Time `json:"first"`
	Checkpoint time.Time `json:"checkpoint"`
	Updated    time.Time `json:"updated"`
}

// ruleName is how the documents of this package name a rule.
type ruleName struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
}

func nameOf(r *rules.Rule) ruleName { return ruleName{r.ID, r.Name, r.Fingerprint} }

// storedCheckpoints keeps checkpoints in the cluster.
type storedCheckpoints struct {
	store esq.Store
	names mappings.Names
}

func (s storedCheckpoints) ref(r *rules.Rule) esq.Ref {
	return esq.Ref{Index: s.names.State(), ID: "checkpoint-" + r.ID}
}

func (s storedCheckpoints) load(ctx context.Context, r *rules.Rule) (checkpoint, error) {
	found, err := s.store.Get(ctx, []esq.Ref{s.ref(r)})
	if err != nil {
		return checkpoint{}, fmt.Errorf("read checkpoint: %w", err)
	}
	if len(found) != 1 {
		return checkpoint{}, fmt.Errorf("read checkpoint: asked for 1 document, got %d", len(found))
	}
	if !found[0].Found {
		return checkpoint{}, nil
	}
	var d stateDocument
	if err := json.Unmarshal(found[0].Source, &d); err != nil {
		return checkpoint{}, fmt.Errorf("read checkpoint %s/%s: %w", found[0].Index, found[0].ID, err)
	}
	if d.Format != stateFormat || d.First.IsZero() || d.Start.IsZero() || d.Checkpoint.IsZero() {
		return checkpoint{}, fmt.Errorf("read checkpoint %s/%s: it has format %d, this stitch reads %d",
			found[0].Index, found[0].ID, d.Format, stateFormat)
	}
	return checkpoint{
		progress:    progress{Start: d.Start.UTC(), First: d.First.UTC(), Checkpoint: d.Checkpoint.UTC()},
		Fingerprint: d.Rule.Fingerprint,
		stored:      &found[0],
	}, nil
}

// maxAttempts is how often something is tried again because someone else wrote
// the same document in between.
const maxAttempts = 5

func (s storedCheckpoints) save(ctx context.Context, r *rules.Rule, from, c checkpoint, now time.Time) (checkpoint, error) {
	for range maxAttempts {
		outcome, err := s.write(ctx, r, c, now)
		if err != nil {
			return checkpoint{}, err
		}
		if outcome.Status != http.StatusConflict {
			ref := s.ref(r)
			c.stored = &esq.Document{Ref: ref, Found: true, SeqNo: outcome.SeqNo, PrimaryTerm: outcome.PrimaryTerm}
			c.Fingerprint = r.Fingerprint
			return c, nil
		}
		other, err := s.load(ctx, r)
		if err != nil {
			return checkpoint{}, err
		}
		// Another scheduler is as far or farther; or someone has set the
		// checkpoint back on purpose, to have that time covered again.
		if !other.Checkpoint.Before(c.Checkpoint) || other.known() && other.Checkpoint.Before(from.Checkpoint) {
			return other, nil
		}
		c.stored = other.stored
	}
	return checkpoint{}, fmt.Errorf("write checkpoint: another process wrote it in each of %d attempts", maxAttempts)
}

func (s storedCheckpoints) write(ctx context.Context, r *rules.Rule, c checkpoint, now time.Time) (esq.Outcome, error) {
	source, err := mappings.Encode(stateDocument{
		Kind: "checkpoint", Format: stateFormat, Rule: nameOf(r),
		Start: c.Start.UTC(), First: c.First.UTC(), Checkpoint: c.Checkpoint.UTC(), Updated: now.UTC(),
	})
	if err != nil {
		return esq.Outcome{}, fmt.Errorf("write checkpoint: %w", err)
	}
	op := esq.Write{Ref: s.ref(r), Create: c.stored == nil, Match: c.stored, Source: source}
	outcomes, err := s.store.Bulk(ctx, []esq.Write{op}, false)
	if err != nil {
		return esq.Outcome{}, fmt.Errorf("write checkpoint: %w", err)
	}
	if len(outcomes) != 1 {
		return esq.Outcome{}, fmt.Errorf("write checkpoint: wrote 1 document, got %d outcomes", len(outcomes))
	}
	if o := outcomes[0]; o.Status != http.StatusConflict && !succeeded(o) {
		return esq.Outcome{}, fmt.Errorf("write checkpoint: %w", refusal(o))
	}
	return outcomes[0], nil
}

func succeeded(o esq.Outcome) bool { return o.Err == nil && o.Status >= 200 && o.Status <= 299 }

func refusal(o esq.Outcome) error {
	if o.Err != nil {
		return o.Err
	}
	return fmt.Errorf("status %d", o.Status)
}

// heldCheckpoints keeps checkpoints for the time of one replay, by rule id.
type heldCheckpoints map[string]checkpoint

func (h heldCheckpoints) load(_ context.Context, r *rules.Rule) (checkpoint, error) {
	return h[r.ID], nil
}

func (h heldCheckpoints) save(_ context.Context, r *rules.Rule, _, c checkpoint, _ time.Time) (checkpoint, error) {
	h[r.ID] = c
	return c, nil
}
