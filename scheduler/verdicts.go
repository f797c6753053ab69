package scheduler

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// verdicts are what was found of alerts that are stored as they should be. A run
// evaluates once more what arrived a little before its slice, and mostly finds
// alerts that the run before has written: as long as the same is stored and the
// same is found, the two need not be taken apart and compared again. The turns of
// one rule use it, one after the other; nil knows nothing and keeps nothing.
type verdicts struct {
	of, before map[string]verdict // by alert id: of this run, and of the one before
}

// maxVerdicts bounds what is kept of a rule between its runs.
const maxVerdicts = 1_000

// begin begins a run.
func (v *verdicts) begin() {
	if v != nil {
		v.before, v.of = v.of, map[string]verdict{}
	}
}

// verdict says that comparing these two came to nothing to do.
type verdict struct {
	stored, found [sha256.Size]byte
	mark          mappings.Mark // of what is stored
}

// keep notes that a stored document needs nothing to be what was found.
func (v *verdicts) keep(a mappings.Alert, stored esq.Document) {
	if v == nil {
		return
	}
	found, ok := digest(a)
	mark, err := mappings.ReadMark(stored.Source)
	if !ok || err != nil {
		return
	}
	v.put(a.ID, verdict{sha256.Sum256(stored.Source), found, mark})
}

func (v *verdicts) put(alert string, about verdict) {
	if len(v.of) < maxVerdicts {
		v.of[alert] = about
	}
}

// about returns what is known of a stored alert, if that is still the same.
func (v *verdicts) about(stored esq.Document) (verdict, bool) {
	if v == nil || !stored.Found {
		return verdict{}, false
	}
	known, ok := v.of[stored.ID]
	if !ok {
		known, ok = v.before[stored.ID]
	}
	return known, ok && known.stored == sha256.Sum256(stored.Source)
}

// has returns the mark of a stored document that needs nothing to be what was
// found, if that is known.
func (v *verdicts) has(a mappings.Alert, stored esq.Document) (mappings.Mark, bool) {
	known, ok := v.about(stored)
	if !ok {
		return mappings.Mark{}, false
	}
	if found, ok := digest(a); !ok || known.found != found {
		return mappings.Mark{}, false
	}
	v.put(a.ID, known)
	return known.mark, true
}

// extent returns where the evidence of a stored alert lies, if that is known.
func (v *verdicts) extent(stored esq.Document) (rules.Window, bool) {
	known, ok := v.about(stored)
	return rules.Window{From: known.mark.Start, To: known.mark.End}, ok
}

// digest tells alerts apart by all that is written of them but for when, and by
// which run.
func digest(a mappings.Alert) (sum [sha256.Size]byte, ok bool) {
	a.Written, a.Ticket = time.Time{}, 0
	text, err := json.Marshal(a)
	return sha256.Sum256(text), err == nil
}
