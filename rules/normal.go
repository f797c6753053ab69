package rules

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// normal names what a view does to a column's values before anyone sees them.
type normal string

const (
	asIs    normal = ""
	asIP    normal = "ip"    // canonical text; an IPv4 address mapped into IPv6 is unwrapped
	asLower normal = "lower" // ASCII letters folded
	asRoot  normal = "root"  // a drive or mount point as a path prefix: "e:" is "E:\", "/Volumes/X" is "/Volumes/X/"
)

var normals = []string{string(asIP), string(asLower), string(asRoot)}

func (f *file) readNormal(at []string, as string) normal {
	if as != "" && !slices.Contains(normals, as) {
		f.problem(at, "unknown as = %q%s; there are %s", as, didYouMean(as, normals), strings.Join(normals, ", "))
	}
	return normal(as)
}

// apply returns v normalised; a value that is not of the kind stays as it is,
// so that no join is made on a made-up value and no evidence is hidden.
func (n normal) apply(v esq.Value) esq.Value {
	s, ok := v.Str()
	if !ok {
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
	}
	return v
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
