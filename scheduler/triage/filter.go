package triage

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// Filter accepts alerts that satisfy all that is set in it. Texts are looked
// for as they are, upper or lower case alike from A to Z; no character in them
// means anything else.
type Filter struct {
	Status   []string // of the workflow: one of these
	Severity []string // one of these
	Rule     string   // the rule's id, or a part of its name
	User     string   // a part of the name, address or id of someone concerned
	Host     string   // a part of the name or id of a machine concerned
	// Text is words, each of which is in what the alert says: its message, rule,
	// people, machines, addresses, files, hashes, key, id, or what analysts wrote.
	Text     string
	From, To time.Time // first written in [From, To); zero: open
	// Retracted accepts those too whose evidence does not hold any more.
	Retracted bool
}

// maxWords and maxText bound what may be asked for.
const (
	maxWords = 10
	maxText  = 1000 // bytes
)

// Statuses returns the states of the workflow.
func Statuses() []string { return []string{mappings.Open, mappings.Acknowledged, mappings.Closed} }

func (f Filter) query() (esq.Query, error) {
	if len(f.Rule)+len(f.User)+len(f.Host)+len(f.Text) > maxText {
		return nil, fmt.Errorf("a filter has at most %d characters", maxText)
	}
	words := strings.Fields(f.Text)
	if len(words) > maxWords {
		return nil, fmt.Errorf("at most %d words can be looked for at once", maxWords)
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return nil, errors.New("the time to look at ends before it begins")
	}
	all := []esq.Query{written(f.From, f.To), status(f.Status), oneOf("kibana.alert.severity", f.Severity)}
	if f.Rule != "" {
		all = append(all, esq.Or(esq.Term{Field: "rule.id", Value: esq.Str(f.Rule)}, contains("rule.name", f.Rule)))
	}
	if f.User != "" {
		all = append(all, containsIn(f.User, userFields()))
	}
	if f.Host != "" {
		all = append(all, containsIn(f.Host, hostFields()))
	}
	for _, word := range words {
		all = append(all, mentions(word))
	}
	if !f.Retracted {
		all = append(all, esq.Not(esq.Exists{Field: "stitch.retracted"}))
	}
	return esq.And(all...), nil
}

func userFields() []string {
	return []string{"related.user", "user.email", "user.name", "user.id", "user.full_name"}
}

func hostFields() []string {
	return []string{"related.hosts", "host.name", "host.id", "host.hostname"}
}

func written(from, to time.Time) esq.Query {
	if from.IsZero() && to.IsZero() {
		return esq.MatchAll{}
	}
	r := esq.Range{Field: timeField}
	if !from.IsZero() {
		r.GTE = esq.Str(mappings.Time(from))
	}
	if !to.IsZero() {
		r.LT = esq.Str(mappings.Time(to))
	}
	return r
}

// status accepts alerts in one of the states; one that says nothing is open.
func status(states []string) esq.Query {
	const field = "kibana.alert.workflow_status"
	q := oneOf(field, states)
	if slices.Contains(states, mappings.Open) {
		return esq.Or(q, esq.Not(esq.Exists{Field: field}))
	}
	return q
}

func oneOf(field string, texts []string) esq.Query {
	if len(texts) == 0 {
		return esq.MatchAll{}
	}
	values := make([]esq.Value, len(texts))
	for i, t := range texts {
		values[i] = esq.Str(t)
	}
	return esq.Terms{Field: field, Values: values}
}

// mentions accepts alerts in which a word stands anywhere that a person would
// look: in what is said of the alert, its rule, people, machines, files, its
// key and what analysts wrote.
func mentions(word string) esq.Query {
	fields := append(userFields(), hostFields()...)
	fields = append(fields, "rule.name", "file.name", "file.path", "stitch.key.value", "related.hash", idField)
	address := esq.Query(esq.MatchNone{})
	if _, err := netip.ParseAddr(word); err == nil {
		address = esq.Term{Field: "related.ip", Value: esq.Str(word)}
	}
	return esq.Or(
		address,
		containsIn(word, fields),
		esq.Match{Field: "message", Value: esq.Str(word), Phrase: true},
		esq.Match{Field: "stitch.triage.history.comment", Value: esq.Str(word), Phrase: true},
		esq.Match{Field: "stitch.triage.history.reason", Value: esq.Str(word), Phrase: true},
	)
}

func containsIn(text string, fields []string) esq.Query {
	list := make([]esq.Query, len(fields))
	for i, field := range fields {
		list[i] = contains(field, text)
	}
	return esq.Or(list...)
}

func contains(field, text string) esq.Query {
	escaped := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(text)
	return esq.Wildcard{Field: field, Pattern: "*" + escaped + "*", CaseInsensitive: true}
}
