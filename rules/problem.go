package rules

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with one file.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // 1-based; 0 if the problem is of the whole file
	Rule string `json:"rule,omitempty"` // the rule's name, or the view's, as far as known
	What string `json:"what"`           // what is wrong, and what to do
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Rule != "" {
		b.WriteString(": " + p.Rule)
	}
	return b.String() + ": " + p.What
}

// Problems is every problem of every file of a load, ordered by file and line.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, x := range p {
		lines[i] = x.String()
	}
	return strings.Join(lines, "\n")
}
