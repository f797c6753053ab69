package lint

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/esq/kuery"
)

//go:embed ecs.txt
var ecsText string

// ecsNames are the field names of ECS, and its field sets.
var ecsNames = sync.OnceValue(func() (names struct{ fields, sets []string }) {
	for line := range strings.Lines(ecsText) {
		if name := strings.TrimSpace(line); !strings.HasPrefix(name, "#") {
			set, _, _ := strings.Cut(name, ".")
			names.fields = append(names.fields, name)
			if !slices.Contains(names.sets, set) {
				names.sets = append(names.sets, set)
			}
		}
	}
	return names
})

// wordFields are the fields of ECS that are indexed word by word.
var wordFields = []string{"message", "error.message"}

// queries judges the texts of queries and joins.
func (o *outline) queries() {
	if o.rule.Type == "query" {
		path := []string{"rule", "query"}
		if node, err := kuery.Parse(o.spec.Rule.Query); err == nil {
			o.kuery(path, node)
			for _, field := range kuery.Fields(node) {
				o.field(o.file.Line(path...), field)
			}
		}
		return
	}
	fields := map[string][]string{} // by stage without a view
	for _, p := range o.rule.Probes() {
		for _, c := range p.Columns {
			if p.View == "" {
				fields[p.Stage] = append(fields[p.Stage], c.Name)
			}
		}
	}
	for i, s := range o.spec.Rule.Stages {
		at := []string{"rule", "stage", fmt.Sprint(i)}
		if event, err := eql.ParseEvent(s.Query); err == nil && event.Cond != nil {
			o.eql(append(at, "query"), event.Cond, s.ID)
		}
		if join, err := eql.ParseExpr(s.Join); err == nil {
			o.eql(append(at[:3:3], "join"), join, s.ID)
		}
		for _, field := range fields[s.ID] {
			o.field(o.file.Line(append(at[:3:3], "query")...), field)
		}
	}
}

// field finds a name that looks like one of ECS and is none. Elastic's own
// additions have a capital letter, and other roots are somebody else's.
func (o *outline) field(line int, name string) {
	ecs := ecsNames()
	set, _, _ := strings.Cut(name, ".")
	for _, suffix := range []string{".text", ".caseless", ".keyword"} {
		name = strings.TrimSuffix(name, suffix)
	}
	if strings.Contains(name, "*") || !slices.Contains(ecs.sets, set) || slices.Contains(ecs.fields, name) ||
		strings.ContainsFunc(name, unicode.IsUpper) ||
		slices.ContainsFunc(ecs.fields, func(f string) bool {
			prefix, any := strings.CutSuffix(f, "*")
			return any && strings.HasPrefix(name, prefix)
		}) {
		return
	}
	mend := "correct the name, or silence the code if your data has it"
	if near := eql.Nearest(name, ecs.fields); near != "" {
		mend = "did you mean " + near + "? Else silence the code"
	}
	o.findAt("unknown-field", line, fmt.Sprintf("ECS has no field %s", name), mend)
}

func (o *outline) kuery(path []string, n kuery.Node) {
	switch n := n.(type) {
	case *kuery.And:
		for _, x := range n.Nodes {
			o.kuery(path, x)
		}
	case *kuery.Or:
		for _, x := range n.Nodes {
			o.kuery(path, x)
		}
	case *kuery.Not:
		o.kuery(path, n.Node)
	case *kuery.Nested:
		o.kuery(path, n.Node)
	case *kuery.Is:
		if !n.Value.Any() && n.Value.Wildcard() && n.Value.Parts[0] == "" {
			o.leading(o.file.TextLine(path, n.Span().Start.Line), n.Value.Name())
		}
	}
}

func (o *outline) eql(path []string, e eql.Expr, stage string) {
	switch e := e.(type) {
	case *eql.Unary:
		o.eql(path, e.X, stage)
	case *eql.Binary:
		o.eql(path, e.L, stage)
		o.eql(path, e.R, stage)
		if e.Op == eql.Equals || e.Op == eql.NotEquals {
			o.exact(path, e.L, stage)
			o.exact(path, e.R, stage)
		}
	case *eql.Lookup:
		if e.Op == eql.In {
			o.exact(path, e.X, stage)
			return
		}
		for _, item := range e.List {
			literal, ok := item.(*eql.Literal)
			if !ok || e.Op == eql.Regex {
				continue
			}
			if s, ok := literal.Value.Str(); ok && len(s) > 1 && (s[0] == '*' || s[0] == '?') {
				o.leading(o.file.TextLine(path, e.Span().Start.Line), s)
			}
		}
	}
}

func (o *outline) leading(line int, pattern string) {
	o.findAt("leading-wildcard", line, fmt.Sprintf("%q begins with a wildcard, so the engine reads every value of the field", pattern),
		"begin with a letter, or ask for a field that holds just that part")
}

// exact finds a comparison of a field that the stage's sources index word by word.
func (o *outline) exact(path []string, e eql.Expr, stage string) {
	column, ok := e.(*eql.Column)
	if !ok || column.Func != "" {
		return
	}
	for _, p := range o.rule.Probes() {
		if p.Stage != stage {
			continue
		}
		for _, c := range p.Columns {
			if c.Name != column.Name {
				continue
			}
			for _, from := range c.From {
				if slices.Contains(wordFields, from) || strings.HasSuffix(from, ".text") {
					o.findAt("exact-text", o.file.TextLine(path, column.At.Start.Line),
						fmt.Sprintf("%s is indexed word by word, so an exact comparison is decided document by document", from),
						"compare with a pattern, or use a keyword field")
					return
				}
			}
		}
	}
}
