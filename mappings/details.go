package mappings

import (
	"strings"
	"unicode/utf8"

	"github.com/stitchdetect/stitch/esq"
)

// maxDetail is how many bytes of a text in stitch.details are kept. OpenSearch
// refuses a document with a leaf of 32,766 bytes in a flat_object, path and
// value together.
const maxDetail = 8192

// cut returns a, a value of the details, with long texts shortened.
func cut(a any) any {
	switch a := a.(type) {
	case string:
		return cutText(a)
	case esq.Value:
		return cut(a.Any())
	case []any:
		out := make([]any, len(a))
		for i, e := range a {
			out[i] = cut(e)
		}
		return out
	case map[string]any:
		out := make(object, len(a))
		for k, v := range a {
			out[k] = cut(v)
		}
		return out
	}
	return a
}

func cutText(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	const mark = "…"
	end := maxDetail - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.ToValidUTF8(s[:end], "\uFFFD") + mark
}
