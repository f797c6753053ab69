package rules

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stitchdetect/stitch/esq"
)

// sureLength is up to how many characters an index is taken to hold a text:
// the least ignore_above that templates set.
const sureLength = 256

// unfound counts documents with values that no query finds. They came by their
// other values, or because the question was wider; those that did not come
// cannot be counted, but are of their kind.
type unfound map[gap]int64

// gap is a source's field and why queries miss some of its values.
type gap struct{ source, field, why string }

// note counts a document with such values.
func (u unfound) note(gaps []gap) {
	for _, g := range gaps {
		u[g]++
	}
}

// gapsOf looks at a hit's values of the columns that decide which chains there are.
func gapsOf(r *reader, source string, h esq.Hit, caps map[string]esq.FieldCap) []gap {
	var gaps []gap
	for _, at := range r.decisive {
		field := r.fields[at].Path
		if why := unfindable(h.Values[at], caps, field); why != "" {
			gaps = append(gaps, gap{source, field, why})
		}
	}
	return gaps
}

const (
	unmapped = "no index maps the field, so that no query finds them by it; map it"
	leaf     = "no query finds a leaf beyond the ignore_above of the flattened object; raise it if it is below their length"
	cut      = "this engine does not find a text beyond ignore_above in a list; raise it if it is below their length"
)

// unfindable says why a query by the values of a field may miss a document
// that has them; "" if it does not.
func unfindable(values []esq.Value, caps map[string]esq.FieldCap, field string) string {
	if len(values) == 0 {
		return ""
	}
	known, mapped := caps[field]
	object := ""
	for _, name := range objectsAround(field) {
		object += strings.Join(caps[name].Types, "")
	}
	switch {
	case strings.Contains(object, "flattened"):
		if slices.ContainsFunc(values, isLong) {
			return leaf
		}
	case !mapped && !strings.Contains(object, "flat_object"):
		return unmapped
	case known.Silent && len(values) > 1 && slices.ContainsFunc(values, isLong):
		return cut
	}
	return ""
}

func isLong(v esq.Value) bool {
	s, ok := v.Str()
	return ok && utf8.RuneCountInString(s) > sureLength
}

// warnings are sentences, in order.
func (u unfound) warnings() []string {
	var out []string
	for g, n := range u {
		out = append(out, fmt.Sprintf("%s: %d documents have values in %s that may not be found: %s", g.source, n, g.field, g.why))
	}
	slices.Sort(out)
	return out
}
