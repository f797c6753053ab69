package kuery

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPrint(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "*:*"},
		{"a  OR  b", "a or b"},
		{"((a)) and ((b or c))", "a and (b or c)"},
		{"(a and b) or c", "a and b or c"},
		{"(a and b) and c", "(a and b) and c"},
		{"not (a)", "not a"},
		{"not (a or b)", "not (a or b)"},
		{"not ( not a )", "not (not a)"},
		{"f : a or f: b", "f:(a or b)"},
		{"f:a and not f:(b or c)", "f:(a and not (b or c))"},
		{"f:a or g:b and g:c", "f:a or g:(b and c)"},
		{`f:a or "f":b`, `f:a or "f":b`},
		{"f:a and x", "f:a and x"},
		{"not f:(a or b)", "not f:(a or b)"},
		{"f>=1", "f >= 1"},
		{"n:{f:a}", "n:{ f:a }"},
		{"n:{f:a or f:b} and n:{g:c}", "n:{ f:(a or b) } and n:{ g:c }"},
		{`"a \\ \"b\" \t"`, `"a \\ \"b\" \t"`},
		{`"C:\Windows"`, `"C:\\Windows"`},
		{`f:C\:\\*\{1\}`, `f:C\:\\*\{1\}`},
		{`a \and b`, `a \and b`},
		{"and b", `\and b`},
		{"b or", `b \or`},
		{`\NOT a`, `\NOT a`},
		{`\not a`, `\u006eot a`},
		{"cannot", `can\u006eot`},
		{"f:not* and notes", "f:not* and notes"},
		{`f:\t`, `f:\t`},
		{"f:a\nb", `f:a\nb`},
	} {
		n := mustParse(t, c.text)
		got := Print(n)
		if got != c.want {
			t.Errorf("Print(Parse(%q)) = %q, want %q", c.text, got, c.want)
		}
		if !Equal(n, mustParse(t, got)) {
			t.Errorf("%q prints as another tree: %q", c.text, got)
		}
	}
}

// TestPrintRoundTrips holds every tree to being read back as it was printed.
func TestPrintRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawNode(t, 4)
		text := Print(n)
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("Parse(%q): %v\nof %s", text, err, show(n))
		}
		if !Equal(n, again) {
			t.Fatalf("%q\nis read as %s\nfor        %s", text, show(again), show(n))
		}
		if twice := Print(again); twice != text {
			t.Fatalf("printed %q, then %q", text, twice)
		}
	})
}

func drawNode(t *rapid.T, depth int) Node {
	kinds := []string{"is", "is", "free", "range"}
	if depth > 0 {
		kinds = append(kinds, "and", "or", "not", "nested", "list")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "and":
		return &And{Nodes: drawNodes(t, depth)}
	case "or":
		return &Or{Nodes: drawNodes(t, depth)}
	case "not":
		return &Not{Node: drawNode(t, depth-1)}
	case "nested":
		return &Nested{Path: drawText(t), Node: drawNode(t, depth-1)}
	case "list":
		field := drawField(t)
		return drawList(t, &field, depth)
	case "range":
		op := rapid.SampledFrom([]Op{LT, LTE, GT, GTE}).Draw(t, "op")
		return &Range{Field: drawText(t), Op: op, Value: drawText(t)}
	case "free":
		return &Is{Value: drawText(t)}
	}
	field := drawField(t)
	return &Is{Field: &field, Value: drawText(t)}
}

func drawNodes(t *rapid.T, depth int) []Node {
	nodes := make([]Node, rapid.IntRange(2, 4).Draw(t, "nodes"))
	for i := range nodes {
		nodes[i] = drawNode(t, depth-1)
	}
	return nodes
}

// drawList returns a tree over values of one field.
func drawList(t *rapid.T, field *Text, depth int) Node {
	kinds := []string{"is"}
	if depth > 0 {
		kinds = append(kinds, "and", "or", "not")
	}
	kind := rapid.SampledFrom(kinds).Draw(t, "listed")
	switch kind {
	case "is":
		return &Is{Field: field, Value: drawText(t)}
	case "not":
		return &Not{Node: drawList(t, field, depth-1)}
	}
	nodes := make([]Node, rapid.IntRange(2, 3).Draw(t, "items"))
	for i := range nodes {
		nodes[i] = drawList(t, field, depth-1)
	}
	if kind == "and" {
		return &And{Nodes: nodes}
	}
	return &Or{Nodes: nodes}
}

// drawField returns a name; null is none.
func drawField(t *rapid.T) Text {
	return rapid.Custom(drawText).Filter(func(x Text) bool { return !x.Null() }).Draw(t, "field")
}

func drawText(t *rapid.T) Text {
	pieces := rapid.SliceOfN(rapid.SampledFrom([]string{
		"a", "Z", "0", "-", ".", "/", " ", "  ", "\t", "\r", "\n", "\u00a0", "\v", "\u2003", "\ufeff",
		"and", "or", "not", "OR", "Not", "nOt", "AND", "null", "true", "false",
		`\`, "(", ")", ":", "<", ">", `"`, "*", "{", "}", "u0041", "n", "t", "\u00e9", "\U0001f600", "\x00", "=",
	}), 0, 8)
	word := func() string {
		if rapid.IntRange(0, 9).Draw(t, "any") == 0 {
			return strings.ToValidUTF8(rapid.String().Draw(t, "text"), "")
		}
		return strings.Join(pieces.Draw(t, "pieces"), "")
	}
	if rapid.Bool().Draw(t, "quoted") {
		return Phrase(word())
	}
	parts := make([]string, rapid.IntRange(1, 3).Draw(t, "parts"))
	for i := range parts {
		parts[i] = word()
	}
	trim(parts)
	return Text{Parts: parts}
}

// FuzzParse holds the parser to never failing but by an error with a place,
// and what it reads to round-tripping and translating. The seeds are in
// testdata/fuzz.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err != nil {
			syntax, ok := err.(*SyntaxError)
			if !ok || syntax.Line < 1 || syntax.Column < 1 || syntax.Msg == "" {
				t.Fatalf("Parse(%q): %#v", text, err)
			}
			return
		}
		printed := Print(n)
		again, err := Parse(printed)
		if err != nil {
			t.Fatalf("Parse(%q), printed from %q: %v", printed, text, err)
		}
		if !Equal(n, again) {
			t.Fatalf("%q prints as another tree: %q", text, printed)
		}
		if _, err := Translate(n).MarshalJSON(); err != nil {
			t.Fatalf("Translate(%q): %v", text, err)
		}
		Fields(n)
	})
}
