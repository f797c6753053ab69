package eql

import (
	"slices"
	"sync"

	"github.com/stitchdetect/stitch/esq"
)

// Set is a set of values that are not null. A nil Set is empty. Sets are safe
// for use by several goroutines.
type Set struct {
	exact  map[Value]struct{}
	folded func() map[Value]struct{}
	sorted func() []Value
}

// NewSet returns the set of vs; nulls are left out.
func NewSet(vs []Value) *Set {
	s := &Set{exact: make(map[Value]struct{}, len(vs))}
	for _, v := range vs {
		if !v.IsNull() {
			s.exact[v] = struct{}{}
		}
	}
	s.folded = sync.OnceValue(s.fold)
	s.sorted = sync.OnceValue(s.sort)
	return s
}

func (s *Set) fold() map[Value]struct{} {
	folded := make(map[Value]struct{}, len(s.exact))
	for v := range s.exact {
		folded[Key(v, true)] = struct{}{}
	}
	return folded
}

func (s *Set) sort() []Value {
	vs := make([]Value, 0, len(s.exact))
	for v := range s.exact {
		vs = append(vs, v)
	}
	slices.SortFunc(vs, esq.Compare)
	return vs
}

// Contains reports whether v equals an element, with fold without regard to
// the case of ASCII letters.
func (s *Set) Contains(v Value, fold bool) bool {
	if s == nil {
		return false
	}
	elements := s.exact
	if fold {
		elements = s.folded()
	}
	_, ok := elements[Key(v, fold)]
	return ok
}

// Len returns the number of elements; "a" and "A" are two.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.exact)
}

// Values returns the elements in the order of [esq.Compare]. The slice is the
// set's own.
func (s *Set) Values() []Value {
	if s == nil {
		return nil
	}
	return s.sorted()
}
