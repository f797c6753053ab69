package rules

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules/people"
)

// normal names what a view does to a column's values before anyone sees them.
type normal string

const (
	asIs       normal = ""
	asIP       normal = "ip"        // canonical text; an IPv4 address mapped into IPv6 is unwrapped
	asLower    normal = "lower"     // ASCII letters folded
	asRoot     normal = "root"      // a drive or mount point as a path prefix: "e:" is "E:\", "/Volumes/X" is "/Volumes/X/"
	asObjectID normal = "object_id" // an Entra object id as a lower-case GUID, computed of its SID; nothing else
	asSID      normal = "sid"       // a security identifier; nothing else
	asAccount  normal = "account"   // DOMAIN\name, ASCII letters folded; nothing else
)

var normals = []string{string(asIP), string(asLower), string(asRoot), string(asObjectID), string(asSID), string(asAccount)}

func (f *file) readNormal(at []string, as string) normal {
	if as != "" && !slices.Contains(normals, as) {
		f.problem(at, "unknown as = %q%s; there are %s", as, didYouMean(as, normals), strings.Join(normals, ", "))
	}
	return normal(as)
}

// apply returns v normalised. A value that is not of the kind stays as it is,
// so that no join is made on a made-up value and no evidence is hidden; but one
// that should name a person and does not is "", which is none in a view, so
// that the next candidate counts.
func (n normal) apply(v esq.Value) esq.Value {
	s, ok := v.Str()
	if !ok {
		if n.names() {
			return esq.Str("")
		}
		return v
	}
	switch n {
	case asIP:
		if addr, err := netip.ParseAddr(s); err == nil {
			return esq.Str(addr.Unmap().String())
		}
	case asLower:
		return esq.Str(eql.Fold(s))
	case asRoot:
		return esq.Str(root(s))
	case asObjectID, asSID, asAccount:
		if s, ok = n.identity(s); !ok {
			s = ""
		}
		return esq.Str(s)
	}
	return v
}

// names reports whether values are identities of a person or an account.
func (n normal) names() bool { return n == asObjectID || n == asSID || n == asAccount }

// identity is the one spelling of an identity, "" of what is none.
func (n normal) identity(s string) (spelling string, ok bool) {
	switch n {
	case asObjectID:
		return people.NormalObjectID(s)
	case asSID:
		return people.NormalSID(s)
	}
	return people.NormalAccount(s)
}

// spellings returns all texts, but for the case of their letters, that apply
// makes v of, or with fold what equals v but for case; ok is false where they
// cannot be listed.
func (n normal) spellings(v esq.Value, fold bool) (texts []string, ok bool) {
	s, isText := v.Str()
	switch {
	case n == asLower && isText:
		if fold || eql.Fold(s) == s {
			return []string{s}, true
		}
		return nil, true
	case !n.names():
		return nil, false
	case !isText:
		return nil, true
	}
	spelling, ok := n.identity(s)
	switch {
	case !ok || eql.Fold(spelling) != eql.Fold(s) || !fold && spelling != s:
		return nil, true // no value is ever spelled so
	case n == asObjectID:
		return []string{spelling, "{" + spelling + "}", people.EntraSID(spelling)}, true
	}
	return []string{spelling}, true
}

func root(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "/") {
		return strings.TrimRight(s, "/") + "/"
	}
	s = strings.TrimRight(s, `\/`)
	if s == "" {
		return ""
	}
	if len(s) == 2 && s[1] == ':' {
		s = strings.ToUpper(s)
	}
	return s + `\`
}
