package ruletest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/esq/kuery"
	"github.com/stitchdetect/stitch/rules"
)

// variable is a column of a stage's event.
type variable struct {
	stage  int
	column string
}

// draft is a timeline in the making.
type draft struct {
	drafter *drafter
	same    map[variable]variable // towards the variable that stands for all that are equal
	fixed   map[variable]esq.Value
	begins  map[variable]variable // the one begins with the other
	absent  map[variable]bool
	wanted  []variable
	repeat  map[int]int
	counted map[variable]bool // one value for each repetition
	sources []string
	spread  bool // events follow each other; else they are of one moment
	fields  map[string]esq.Value
	missing []string
}

// draft makes a draft by the choices that are due.
func (d *drafter) draft() *draft {
	d.at = 0
	x := &draft{
		drafter: d, same: map[variable]variable{}, fixed: map[variable]esq.Value{}, begins: map[variable]variable{},
		absent: map[variable]bool{}, repeat: map[int]int{}, counted: map[variable]bool{}, sources: make([]string, len(d.stages)),
	}
	x.spread = d.choose(2) == 0
	x.query()
	for i, s := range d.stages {
		for _, e := range []eql.Expr{s.cond, s.join, s.having} {
			if e != nil {
				x.require(i, e)
			}
		}
	}
	for i, s := range d.stages {
		if s.view != "" {
			x.chooseSource(i, s.view)
		}
	}
	return x
}

func (x *draft) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(x.missing, text) {
		x.missing = append(x.missing, text)
	}
}

func (x *draft) complete() bool { return len(x.missing) == 0 }

// query reads the fields off a rule of one query.
func (x *draft) query() {
	var spec struct {
		Metadata  any            `toml:"metadata"`
		Rule      map[string]any `toml:"rule"`
		Transform any            `toml:"transform"`
	}
	rules.ReadFile("", x.drafter.suite.text, &spec)
	node, err := kuery.Parse(text(spec.Rule, "query"))
	if err != nil {
		return
	}
	if x.fields, err = kuery.Example(node, func(string) bool { return false }); err != nil {
		x.note("%v", err)
	}
}

// chooseSource takes one of the view's sources that have all that the stage needs.
func (x *draft) chooseSource(i int, view string) {
	var able []string
	for _, src := range x.drafter.suite.set.Sources(view) {
		if !slices.ContainsFunc(x.columns(i), func(c string) bool { return !src.Carries(c) }) {
			able = append(able, src.Name)
		}
	}
	if len(able) == 0 {
		x.note("stage %s: no source of view %s has all of %s", x.drafter.stages[i].id, view, strings.Join(x.columns(i), ", "))
		return
	}
	x.sources[i] = able[x.drafter.choose(len(able))]
}

// columns are those that a stage's event must have, sorted.
func (x *draft) columns(i int) []string {
	var names []string
	for _, v := range x.wanted {
		if v.stage == i && !x.absent[v] {
			names = append(names, v.column)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// root is the variable that stands for all that are equal to v.
func (x *draft) root(v variable) variable {
	for {
		next, ok := x.same[v]
		if !ok {
			return v
		}
		v = next
	}
}

func (x *draft) want(v variable) {
	if !slices.Contains(x.wanted, v) {
		x.wanted = append(x.wanted, v)
	}
}

func (x *draft) equal(a, b variable) {
	x.want(a)
	x.want(b)
	ra, rb := x.root(a), x.root(b)
	if ra == rb {
		return
	}
	x.same[rb] = ra
	if v, ok := x.fixed[rb]; ok {
		x.fix(ra, v)
	}
	if v, ok := x.begins[rb]; ok {
		x.begins[ra] = v
	}
}

// fix gives a variable its value; the first that it is given stays.
func (x *draft) fix(v variable, value esq.Value) {
	x.want(v)
	if _, ok := x.fixed[x.root(v)]; !ok {
		x.fixed[x.root(v)] = value
	}
}

// value is what a variable is in this draft.
func (x *draft) value(v variable) esq.Value {
	root := x.root(v)
	if value, ok := x.fixed[root]; ok {
		return value
	}
	if prefix, ok := x.begins[root]; ok {
		rest := "x"
		if name := (variable{v.stage, "file.name"}); slices.Contains(x.wanted, name) {
			rest = x.value(name).String()
		}
		return esq.Str(x.value(prefix).String() + rest)
	}
	return sample(root.column)
}

// sample is a made-up value of a column.
func sample(column string) esq.Value {
	known := map[string]string{
		"user.email": "jane@contoso.com", "user.upn": "jane@contoso.com", "user.name": "jane",
		"user.id":   "795c76d3-d3b9-43d2-8b81-962c68c56a4b",
		"file.name": "Plan.docx", "file.path": `E:\out\Plan.docx`, "file.extension": "docx",
		"volume.drive_letter": "E:", "volume.root": `E:\`,
		"host.id": "machine-1", "host.name": "pc-1.contoso.com",
		"process.executable": `c:\windows\explorer.exe`, "process.name": "explorer.exe",
		"url.original": "https://contoso.example/Plan.docx",
	}
	if text, ok := known[column]; ok {
		return esq.Str(text)
	}
	if strings.HasSuffix(column, ".ip") || strings.HasSuffix(column, ".address") {
		return esq.Str("203.0.113.7")
	}
	return esq.Str(column[strings.LastIndexByte(column, '.')+1:] + "-1")
}

// text is the draft as a test file: with the alerts that it was seen to bring,
// or with what is missing.
func (x *draft) text(alerts []Alert) string {
	var b strings.Builder
	if alerts == nil {
		b.WriteString("# No test that fires could be made up. What is missing:\n#\n")
		for _, m := range x.missing {
			fmt.Fprintf(&b, "# - %s\n", strings.ReplaceAll(m, "\n", " "))
		}
		b.WriteString("#\n# Mend the events, then take the # from the test.\n\n")
	}
	var list []string
	for i, s := range x.drafter.stages {
		x.writeEvent(&b, i, s)
		list = append(list, quote(s.id))
	}
	test := "[[test]]\nname = \"fires\"\nevents = [" + strings.Join(list, ", ") + "]\n"
	switch {
	case alerts == nil:
		test = strings.ReplaceAll("#"+strings.TrimSuffix(test, "\n"), "\n", "\n#") + "\n#alerts = 1\n"
	case len(alerts) == 1 && len(alerts[0]) > 0:
		test += "\n[[test.alert]]\n" + described(alerts[0])
	default:
		test += fmt.Sprintf("alerts = %d\n", len(alerts))
	}
	b.WriteString(test)
	return b.String()
}

func (x *draft) writeEvent(b *strings.Builder, i int, s *stageDraft) {
	fmt.Fprintf(b, "[event.%s]\n", s.id)
	if s.view != "" {
		fmt.Fprintf(b, "view = %s\n", quote(s.view))
		if x.sources[i] != "" {
			fmt.Fprintf(b, "source = %s\n", quote(x.sources[i]))
		}
	} else if len(s.index) > 0 {
		fmt.Fprintf(b, "index = %s\n", quote(strings.ReplaceAll(s.index[0], "*", "default")))
	}
	minutes := 0
	if x.spread {
		minutes = 10 * i
	}
	fmt.Fprintf(b, "at = \"+%dm\"\n", minutes)
	if n := x.repeat[i]; n > 1 {
		fmt.Fprintf(b, "repeat = %d\n", n)
		if window, err := rules.ParseDuration(s.window); err == nil {
			fmt.Fprintf(b, "every = \"%dms\"\n", window.Milliseconds()/int64(2*n))
		}
	}
	for _, field := range slices.Sorted(maps.Keys(x.fields)) {
		fmt.Fprintf(b, "%s = %s\n", quote(field), literal(x.fields[field]))
	}
	for _, column := range x.columns(i) {
		if column == "@timestamp" {
			continue // at says it
		}
		v := variable{i, column}
		value := x.value(v)
		if x.counted[v] {
			value = esq.Str(value.String() + "{n}")
		}
		fmt.Fprintf(b, "%s = %s\n", quote(column), literal(value))
	}
	b.WriteByte('\n')
}

// described is an alert as a test expects it: its time, key and stages.
func described(a Alert) string {
	var b strings.Builder
	counts := map[string]any{}
	var stages []string
	for _, s := range objects(lookup(a, "stitch.chain")) {
		name := fmt.Sprint(s["stage"])
		counts[name] = s["count"]
		stages = append(stages, fmt.Sprintf("%s = %v", name, s["count"]))
	}
	var by []string
	for _, part := range objects(lookup(a, "stitch.key")) {
		name := fmt.Sprint(part["name"])
		if _, isStage := counts[name]; isStage {
			continue // a row's identity
		}
		if v, ok := esq.ValueOf(part["value"]); ok && !v.IsNull() {
			by = append(by, quote(name)+" = "+literal(v))
		}
	}
	if len(by) > 0 {
		fmt.Fprintf(&b, "by = { %s }\n", strings.Join(by, ", "))
	}
	fmt.Fprintf(&b, "stages = { %s }\n", strings.Join(stages, ", "))
	return b.String()
}

// literal is a value in TOML.
func literal(v esq.Value) string {
	if s, ok := v.Str(); ok {
		return quote(s)
	}
	return v.String()
}

// quote is a TOML string, in single quotes where that saves escapes.
func quote(s string) string {
	if strings.Contains(s, `\`) && !strings.ContainsAny(s, "'\n\r\t") {
		return "'" + s + "'"
	}
	return strconv.Quote(s)
}
