package scheduler

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
)

// StateError says that a document of stitch's own state is missing or not as
// stitch wrote it. Nothing is guessed from such a document, and nothing is
// written over it: [Scheduler.Rebuild] starts anew from the alerts that exist.
type StateError struct {
	Document string // INDEX/ID
	Reason   string
	// Newer says that a newer stitch wrote it: there is nothing to mend.
	Newer bool
}

func (e *StateError) Error() string {
	text := e.Document + " " + e.Reason
	if e.Newer {
		return text
	}
	return text + "; stitch does not guess what was covered: stitch coverage --rebuild starts anew from the alerts that exist"
}

// stateFormat is the version of all documents of the state. Those of an older
// one are read, and written in this one when they are written next:
//
//	1  the first
//	2  ledgers and the lease name the stitch that wrote them
const stateFormat = 2

// ruleName is how the documents of this package name a rule.
type ruleName struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
}

func nameOf(r *rules.Rule) ruleName { return ruleName{r.ID, r.Name, r.Fingerprint} }

// ledgerDocument is a ledger as it lies in the index of the state. Its times
// keep their nanoseconds: a ledger that is read back is the one that was
// written.
type ledgerDocument struct {
	Kind         string         `json:"kind"`
	Format       int            `json:"format"`
	Rule         ruleName       `json:"rule"`
	Start        time.Time      `json:"start"`
	First        time.Time      `json:"first"`
	Until        time.Time      `json:"until"`
	CoveredUntil time.Time      `json:"covered_until"`
	Covered      []spanDocument `json:"covered"`
	Holes        []holeDocument `json:"holes"`
	Ticket       int64          `json:"ticket"`
	Open         []openDocument `json:"open"`
	Updated      time.Time      `json:"updated"`
	By           string         `json:"by,omitempty"` // since format 2
	// Seal is a hash of all the rest, by which an edit is noticed.
	Seal string `json:"seal"`
}

type spanDocument struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

type holeDocument struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Reason   string    `json:"reason"`
	Since    time.Time `json:"since,omitzero"`
	Attempts int       `json:"attempts"`
}

type openDocument struct {
	Ticket int64     `json:"ticket"`
	Since  time.Time `json:"since"`
	Done   bool      `json:"done"`
}

// encodeLedger writes a rule's ledger as its document.
func encodeLedger(rule ruleName, l *ledger, now time.Time, by string) (json.RawMessage, error) {
	d := ledgerDocument{
		Kind: "ledger", Format: stateFormat, Rule: rule,
		Start: l.Start.UTC(), First: l.First.UTC(), Until: l.Until.UTC(), CoveredUntil: l.coveredUntil().UTC(),
		Covered: []spanDocument{}, Holes: []holeDocument{}, Ticket: l.Ticket, Open: []openDocument{}, Updated: now.UTC(), By: by,
	}
	for _, w := range l.Covered {
		d.Covered = append(d.Covered, spanDocument{w.From.UTC(), w.To.UTC()})
	}
	for _, h := range l.holes(l.Until) {
		d.Holes = append(d.Holes, holeDocument{h.From.UTC(), h.To.UTC(), h.Reason, h.Since.UTC(), h.Attempts})
	}
	for _, o := range l.Open {
		d.Open = append(d.Open, openDocument{o.Ticket, o.Since.UTC(), o.Done})
	}
	seal, err := d.seal()
	if err != nil {
		return nil, err
	}
	d.Seal = seal
	return mappings.Encode(d)
}

// seal hashes what the document says.
func (d ledgerDocument) seal() (string, error) {
	d.Seal = ""
	return sealOf(d)
}

func sealOf(v any) (string, error) {
	text, err := mappings.Encode(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12]), nil
}

// decodeLedger reads a rule's ledger. One that is not exactly what stitch
// wrote is a [*StateError].
func decodeLedger(doc esq.Document) (ledgerDocument, ledger, error) {
	var d ledgerDocument
	if err := decodeState(doc, "ledger", &d); err != nil {
		return d, ledger{}, err
	}
	seal, err := d.seal()
	if err != nil {
		return d, ledger{}, err
	}
	l := d.ledger()
	if seal != d.Seal || !l.Covered.wellFormed() || l.First.IsZero() || l.Start.IsZero() {
		return d, ledger{}, &StateError{Document: stateName(doc.Ref), Reason: "was edited by hand"}
	}
	return d, l, nil
}

func (d ledgerDocument) ledger() ledger {
	l := ledger{Start: d.Start.UTC(), First: d.First.UTC(), Until: d.Until.UTC(), Ticket: d.Ticket}
	for _, w := range d.Covered {
		l.Covered = append(l.Covered, rules.Window{From: w.From.UTC(), To: w.To.UTC()})
	}
	for _, h := range d.Holes {
		if h.Attempts > 0 {
			l.Failures = append(l.Failures, failure{rules.Window{From: h.From.UTC(), To: h.To.UTC()}, h.Reason, h.Since.UTC(), h.Attempts})
		}
	}
	for _, o := range d.Open {
		l.Open = append(l.Open, openTicket{o.Ticket, o.Since.UTC(), o.Done})
	}
	return l
}

// decodeState reads a document of the state into d, which it must fit exactly.
func decodeState(doc esq.Document, kind string, d any) error {
	broken := func(format string, args ...any) error {
		return &StateError{Document: stateName(doc.Ref), Reason: fmt.Sprintf(format, args...)}
	}
	var head struct {
		Kind   string `json:"kind"`
		Format int    `json:"format"`
		By     string `json:"by"`
	}
	if err := json.Unmarshal(doc.Source, &head); err != nil {
		return broken("cannot be read (%v)", err)
	}
	if head.Format > stateFormat {
		return newerState(doc.Ref, head.Format, head.By)
	}
	if head.Kind != kind || head.Format < 1 {
		return broken("is no %s of a format from 1 to %d", kind, stateFormat)
	}
	dec := json.NewDecoder(bytes.NewReader(doc.Source))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		return broken("cannot be read (%v)", err)
	}
	return nil
}

// newerState refuses a document that a newer stitch wrote, by its version if it
// says that.
func newerState(ref esq.Ref, format int, by string) error {
	use := "the newer stitch that wrote it"
	if by != "" {
		use = "stitch " + by + ", which wrote it, or a newer one"
	}
	reason := fmt.Sprintf("has format %d and this stitch reads formats up to %d: use %s", format, stateFormat, use)
	return &StateError{Document: stateName(ref), Reason: reason, Newer: true}
}

func stateName(ref esq.Ref) string { return ref.Index + "/" + ref.ID }
