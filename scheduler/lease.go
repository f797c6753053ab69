package scheduler

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// Lease says which scheduler runs the rules.
type Lease struct {
	Holder  string // "" if it is free
	Token   int64  // rises whenever the lease changes hands
	Period  time.Duration
	Renewed time.Time // by the holder's clock
}

// Lease reads who holds the lease; nil if nobody ever did. A document that is
// not what stitch wrote is a [*StateError].
func (s *Scheduler) Lease(ctx context.Context) (*Lease, error) {
	l, _, err := s.tenant().read(ctx)
	return l, err
}

// leaseDocument is the lease as it lies in the index of the state.
type leaseDocument struct {
	Kind     string    `json:"kind"`
	Format   int       `json:"format"`
	Holder   string    `json:"holder"`
	Token    int64     `json:"token"`
	PeriodMS int64     `json:"period_ms"`
	Renewed  time.Time `json:"renewed"`
	By       string    `json:"by,omitempty"` // since format 2
	Seal     string    `json:"seal"`
}

// tenant takes the lease, keeps it and gives it back.
type tenant struct {
	store  esq.Store
	names  mappings.Names
	clock  Clock
	log    *slog.Logger
	holder string
	period time.Duration
	by     string           // the stitch that writes
	leased func(LeaseState) // told of it; may be nil
}

func (s *Scheduler) tenant() tenant {
	return tenant{s.engine, s.names, s.clock, s.log, s.holder, s.leasePeriod, s.version, s.leased}
}

// newHolder names a scheduler like no other.
func newHolder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "-" + rand.Text()[:8]
}

func (t tenant) ref() esq.Ref { return esq.Ref{Index: t.names.State(), ID: "lease"} }

func (t tenant) read(ctx context.Context) (*Lease, esq.Document, error) {
	doc, err := getOne(ctx, t.store, t.ref())
	if err != nil || !doc.Found {
		return nil, doc, wrap("read lease", err)
	}
	var d leaseDocument
	if err := decodeState(doc, "lease", &d); err != nil {
		return nil, doc, fmt.Errorf("read lease: %w", err)
	}
	seal, err := d.seal()
	if err != nil {
		return nil, doc, fmt.Errorf("read lease: %w", err)
	}
	if seal != d.Seal || d.PeriodMS <= 0 {
		return nil, doc, fmt.Errorf("read lease: %w", &StateError{Document: stateName(t.ref()), Reason: "was edited by hand"})
	}
	return &Lease{d.Holder, d.Token, time.Duration(d.PeriodMS) * time.Millisecond, d.Renewed.UTC()}, doc, nil
}

func (d leaseDocument) seal() (string, error) {
	d.Seal = ""
	return sealOf(d)
}

// errTaken says that someone else has written the lease.
var errTaken = errors.New("someone else has taken the lease")

// write stores a lease over the version that was read, and returns the new one.
func (t tenant) write(ctx context.Context, over esq.Document, holder string, token int64) (esq.Document, error) {
	d := leaseDocument{Kind: "lease", Format: stateFormat, Holder: holder, Token: token, PeriodMS: t.period.Milliseconds(), Renewed: t.clock.Now().UTC(), By: t.by}
	var err error
	if d.Seal, err = d.seal(); err != nil {
		return over, fmt.Errorf("write lease: %w", err)
	}
	source, err := mappings.Encode(d)
	if err != nil {
		return over, fmt.Errorf("write lease: %w", err)
	}
	op := esq.Write{Ref: t.ref(), Create: !over.Found, Source: source}
	if over.Found {
		op.Match = &over
	}
	outcome, err := writeOne(ctx, t.store, op, false)
	if err != nil {
		return over, fmt.Errorf("write lease: %w", err)
	}
	if outcome.Status == http.StatusConflict {
		return over, fmt.Errorf("write lease: %w", errTaken)
	}
	return esq.Document{Ref: t.ref(), Found: true, SeqNo: outcome.SeqNo, PrimaryTerm: outcome.PrimaryTerm}, nil
}

// held is a lease that a tenant has.
type held struct {
	token  int64
	stored esq.Document
	since  time.Time // when the write that renewed it last was begun
}

// take waits until the lease can be had, and takes it: it is free, or its
// holder has not renewed it for a period, as seen by this machine's clock
// alone. ok is false if ctx was done before.
func (t tenant) take(ctx context.Context) (h held, ok bool) {
	w := watch{tenant: t}
	for ctx.Err() == nil {
		lease, doc, err := t.read(ctx)
		if err == nil && w.free(ctx, lease, doc) {
			h = held{token: 1, since: t.clock.Now()}
			if lease != nil {
				h.token = lease.Token + 1
			}
			if h.stored, err = t.write(ctx, doc, t.holder, h.token); err == nil {
				t.log.LogAttrs(ctx, slog.LevelInfo, "lease taken", slog.String("holder", t.holder), slog.Int64("token", h.token))
				t.tell(LeaseState{Held: true, Holder: t.holder, Token: h.token})
				return h, true
			}
		}
		if err != nil && !errors.Is(err, errTaken) {
			w.complain(ctx, err)
		}
		t.tell(stateOf(lease, err))
		select {
		case <-ctx.Done():
		case <-t.clock.After(t.period / 3):
		}
	}
	return h, false
}

// watch looks on while someone else holds the lease.
type watch struct {
	tenant
	holder    string
	seen      esq.Document
	since     time.Time // when what was seen was seen first
	complaint string
}

// free reports whether the lease may be taken.
func (w *watch) free(ctx context.Context, l *Lease, doc esq.Document) bool {
	now := w.clock.Now()
	if l == nil || l.Holder == "" {
		return true
	}
	if l.Holder != w.holder {
		w.holder = l.Holder
		w.log.LogAttrs(ctx, slog.LevelInfo, "standing by, another scheduler holds the lease", slog.String("holder", l.Holder), slog.Int64("token", l.Token))
	}
	if doc.SeqNo != w.seen.SeqNo || doc.PrimaryTerm != w.seen.PrimaryTerm || !w.seen.Found {
		w.seen, w.since = doc, now
	}
	return now.Sub(w.since) >= l.Period
}

// complain logs why the lease cannot be had, once for each reason.
func (w *watch) complain(ctx context.Context, err error) {
	if ctx.Err() == nil && err.Error() != w.complaint {
		w.complaint = err.Error()
		w.log.LogAttrs(ctx, slog.LevelError, "lease cannot be taken", slog.Any("err", err))
	}
}

// keep renews the lease until ctx is done, or it is lost; it returns the lease
// as it is then. It is lost if someone else has written it, or if it could not
// be renewed for a period: by then someone else may have taken it.
func (t tenant) keep(ctx context.Context, h held) (held, error) {
	for {
		select {
		case <-ctx.Done():
			return h, nil
		case <-t.clock.After(t.period / 3):
		}
		begun := t.clock.Now()
		stored, err := t.renew(ctx, h)
		switch {
		case err == nil:
			h.stored, h.since = stored, begun
			t.tell(LeaseState{Held: true, Holder: t.holder, Token: h.token})
		case ctx.Err() != nil:
			// Whether this one was written is not known; the next holder finds out.
			return h, nil
		case errors.Is(err, errTaken):
			return h, err
		case t.clock.Now().Sub(h.since) >= t.period:
			return h, fmt.Errorf("not renewed for %v: %w", t.period, err)
		default:
			t.tell(LeaseState{Held: true, Holder: t.holder, Token: h.token, Err: err})
		}
	}
}

// renew writes the lease once, and waits for that no longer than the lease
// lasts. One that has run out while the machine slept, or by a clock that was
// set forward, still gets a third of its period: where nobody has taken it, the
// write goes through and nothing is lost.
func (t tenant) renew(ctx context.Context, h held) (esq.Document, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		stored esq.Document
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		stored, err := t.write(ctx, h.stored, t.holder, h.token)
		done <- answer{stored, err}
	}()
	select {
	case a := <-done:
		return a.stored, a.err
	case <-t.clock.After(max(t.period-t.clock.Now().Sub(h.since), t.period/3)):
		cancel()
		<-done
		return h.stored, errors.New("write lease: no answer in time")
	}
}

// give gives the lease back, so that the next one need not wait for it.
func (t tenant) give(ctx context.Context, h held) {
	if _, err := t.write(ctx, h.stored, "", h.token); err != nil {
		t.tell(LeaseState{Holder: t.holder, Token: h.token, Err: err})
		t.log.LogAttrs(ctx, slog.LevelWarn, "lease not given back, it will run out", slog.Any("err", err))
		return
	}
	t.tell(LeaseState{Token: h.token})
	t.log.LogAttrs(ctx, slog.LevelInfo, "lease given back", slog.Int64("token", h.token))
}

// wrap says what failed, if something did.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
