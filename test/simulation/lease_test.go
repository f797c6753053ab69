package simulation

import (
	"encoding/json"
	"slices"

	"github.com/stitchdetect/stitch/esq"
)

// tenancy is the lease as it was written once.
type tenancy struct {
	at     ms
	Holder string
	Token  int64
}

// keepsLease checks that the lease changes hands in good order, and takes note
// of who has it.
func keepsLease(w *world, op esq.Write, _ esq.Document) {
	if op.ID != "lease" {
		return
	}
	now := tenancy{at: w.now}
	if err := json.Unmarshal(op.Source, &now); err != nil {
		w.t.Fatalf("lease %s: %v", op.Source, err)
	}
	if n := len(w.leases); n > 0 {
		switch old := w.leases[n-1]; {
		case now.Holder != "" && now.Holder != old.Holder && now.Token <= old.Token:
			w.wrongf("%s took the lease of %q with token %d after %d", now.Holder, old.Holder, now.Token, old.Token)
		case now.Token < old.Token:
			w.wrongf("the token of the lease fell from %d to %d", old.Token, now.Token)
		}
	}
	if now.Holder != "" && w.writer != nil && now.Holder != w.writer.process.name() {
		w.wrongf("%s wrote the lease for %s", w.writer.process.name(), now.Holder)
	}
	w.leases = append(w.leases, now)
}

// holderAt is the lease as it was at a time, and when that changed hands next;
// it is of nobody before it was taken first.
func (w *world) holderAt(t ms) (held tenancy, until ms, changed bool) {
	for _, l := range w.leases {
		if l.at <= t {
			held = l
		} else if l.Holder != held.Holder {
			return held, l.at, true
		}
	}
	return held, 0, false
}

// judgeLease checks that the lease of a holder that has died, or stands still,
// is taken over within two periods by whoever is there and well.
func (v *verdict) judgeLease(w *world, h History, processes []*process) {
	if !h.looping() || h.jumping() {
		return
	}
	for _, p := range processes {
		var absences []pause
		if p.dead {
			absences = append(absences, pause{p.died, p.died + 3*h.Lease})
		}
		for _, a := range append(absences, p.pauses...) {
			held, until, changed := w.holderAt(a.from)
			due := a.from + 2*h.Lease
			if held.Holder != p.name() || a.to < due {
				continue
			}
			if changed && until <= due {
				v.takeovers++
				continue
			}
			if slices.ContainsFunc(processes, func(q *process) bool { return q != p && q.well(a.from, due) }) {
				v.wrong(&v.other, "%s held the lease and was gone at %s, and nobody had taken over at %s: %v", p.name(), a.from, due, w.leases)
			}
		}
	}
}

// well reports whether a process asked for the lease, undisturbed, from one
// time to another.
func (p *process) well(from, to ms) bool {
	disturbed := slices.ContainsFunc(p.injected, func(at ms) bool { return at >= from-p.conductor.lease && at <= to })
	paused := slices.ContainsFunc(p.pauses, func(a pause) bool { return a.from <= to && a.to >= from })
	alive := !p.dead || p.died > to
	return p.Loop && p.began <= from && p.Stop > to && alive && !disturbed && !paused
}
