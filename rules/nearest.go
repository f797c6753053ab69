package rules

import "github.com/stitchdetect/stitch/esq/eql"

// didYouMean is " (did you mean X?)", or "" if nothing known is like wrong.
func didYouMean(wrong string, known []string) string {
	if name := eql.Nearest(wrong, known); name != "" {
		return " (did you mean " + name + "?)"
	}
	return ""
}
