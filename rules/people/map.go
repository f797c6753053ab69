// Package people knows who is who: the spellings of a person's identities, and
// a map that says which of them are one person's.
//
// A person is named by a user principal name, an Entra object id, the SIDs and
// the accounts DOMAIN\name of Windows. A [Map] is read from a CSV file or an
// index, whole and checked: an identity that two people claim is an error, so
// that the map never joins two of them.
package people

import (
	"fmt"
	"slices"
	"strings"
)

// Person is one line of a map. Of upn and object id there is one at most; the
// first of several UPNs is the one that rows are given.
type Person struct {
	UPNs     []string // as spelled
	ObjectID string   // a lower-case GUID, "" if not known
	SIDs     []string // in their one spelling, those of Entra left out: they are the object id
	Accounts []string // DOMAIN\name, folded
}

// UPN is the name that rows are given, "" if not known.
func (p *Person) UPN() string {
	if len(p.UPNs) == 0 {
		return ""
	}
	return p.UPNs[0]
}

// Identities are the person's identities of a kind, in spellings that Find
// knows. Of the SIDs the one of the object id comes last.
func (p *Person) Identities(kind Kind) []string {
	switch {
	case kind == UPN:
		return p.UPNs
	case kind == Account:
		return p.Accounts
	case kind == SID && p.ObjectID != "":
		return append(slices.Clip(p.SIDs), EntraSID(p.ObjectID))
	case kind == SID:
		return p.SIDs
	case p.ObjectID != "":
		return []string{p.ObjectID}
	}
	return nil
}

// Map finds people by any of their identities. It is never changed once read.
type Map struct {
	people []*Person
	by     map[Kind]map[string]*Person
}

// Len is how many people the map has.
func (m *Map) Len() int { return len(m.people) }

// Find returns the person whom an identity names, nil if nobody is known by it.
func (m *Map) Find(kind Kind, identity string) *Person {
	key, ok := kind.Key(identity)
	if !ok {
		return nil
	}
	if kind == SID {
		if guid, ok := NormalObjectID(key); ok {
			return m.by[ObjectID][guid]
		}
	}
	return m.by[kind][key]
}

// Problems are all that is wrong with a map, each with where it is. It shows
// the first of them.
type Problems []string

const shownProblems = 20

func (p Problems) Error() string {
	text := strings.Join(p[:min(len(p), shownProblems)], "\n")
	if rest := len(p) - shownProblems; rest > 0 {
		text += fmt.Sprintf("\nand %d more", rest)
	}
	return text
}

// builder makes a map of entries, noting every problem.
type builder struct {
	m        *Map
	claims   map[Kind]map[string]string // who said first that it is theirs: where
	problems Problems
}

func newBuilder() *builder {
	b := &builder{m: &Map{by: map[Kind]map[string]*Person{}}, claims: map[Kind]map[string]string{}}
	for _, kind := range Kinds() {
		b.m.by[kind], b.claims[kind] = map[string]*Person{}, map[string]string{}
	}
	return b
}

func (b *builder) problem(where, format string, args ...any) {
	b.problems = append(b.problems, where+": "+fmt.Sprintf(format, args...))
}

// add notes a person: the texts of each kind as they stand at where.
func (b *builder) add(where string, texts map[Kind][]string) {
	p := &Person{}
	before := len(b.problems)
	for _, kind := range Kinds() {
		for _, text := range texts[kind] {
			key, ok := kind.Key(text)
			if !ok {
				b.problem(where, "%s: %q is not %s", kind, text, kind.form())
				continue
			}
			b.identify(where, p, kind, text, key)
		}
	}
	if len(b.problems) > before {
		return
	}
	if len(p.UPNs) == 0 && p.ObjectID == "" && len(p.SIDs) == 0 && len(p.Accounts) == 0 {
		b.problem(where, "names nobody; remove it, or fill in at least one of %s", kindList())
		return
	}
	b.m.people = append(b.m.people, p)
}

// identify gives p an identity, unless someone else has it.
func (b *builder) identify(where string, p *Person, kind Kind, text, key string) {
	if guid, ok := NormalObjectID(key); ok && kind == SID {
		if p.ObjectID != "" && p.ObjectID != guid {
			b.problem(where, "%s is the SID of the object id %s, and not of %s", text, guid, p.ObjectID)
			return
		}
		if p.ObjectID == guid {
			return
		}
		kind, key = ObjectID, guid
	}
	if kind == ObjectID && p.ObjectID != "" && p.ObjectID != key {
		b.problem(where, "two object ids, %s and %s; a person has one", p.ObjectID, key)
		return
	}
	if b.m.by[kind][key] == p {
		return
	}
	if other, claimed := b.claims[kind][key]; claimed {
		b.problem(where, "%s %s is claimed by %s already; one of them must give it up", kind, text, other)
		return
	}
	b.claims[kind][key], b.m.by[kind][key] = where, p
	switch kind {
	case UPN:
		p.UPNs = append(p.UPNs, text)
	case ObjectID:
		p.ObjectID = key
	case SID:
		p.SIDs = append(p.SIDs, key)
	case Account:
		p.Accounts = append(p.Accounts, key)
	}
}

// done returns the map, or all that is wrong with it.
func (b *builder) done(name string) (*Map, error) {
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	if len(b.m.people) == 0 {
		return nil, Problems{name + ": no people; fill it in, or run without a user map"}
	}
	return b.m, nil
}

// form says what an identity of the kind looks like.
func (k Kind) form() string {
	switch k {
	case UPN:
		return "a user principal name (NAME@DOMAIN)"
	case ObjectID:
		return "an object id (a GUID that is not all zeros)"
	case SID:
		return "the SID of a person (S-1-5-21-... or S-1-12-1-..., with eight parts)"
	}
	return `an account (DOMAIN\NAME, not a machine's)`
}

func kindList() string {
	var names []string
	for _, kind := range Kinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

func isKind(name string) bool { return slices.Contains(Kinds(), Kind(name)) }
