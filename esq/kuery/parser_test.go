package kuery

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// show writes a tree with every grouping explicit: quotes stand around
// phrases, [] around words, and ~ between the pieces of a wildcard.
func show(n Node) string {
	switch n := n.(type) {
	case *And:
		return "(and " + showAll(n.Nodes) + ")"
	case *Or:
		return "(or " + showAll(n.Nodes) + ")"
	case *Not:
		return "(not " + show(n.Node) + ")"
	case *Is:
		if n.Field == nil {
			return showText(n.Value)
		}
		return showText(*n.Field) + "=" + showText(n.Value)
	case *Range:
		return showText(n.Field) + string(n.Op) + showText(n.Value)
	case *Nested:
		return showText(n.Path) + "{" + show(n.Node) + "}"
	}
	return fmt.Sprintf("?%T", n)
}

func showAll(nodes []Node) string {
	shown := make([]string, len(nodes))
	for i, n := range nodes {
		shown[i] = show(n)
	}
	return strings.Join(shown, " ")
}

func showText(t Text) string {
	if t.Quoted {
		return `"` + t.Name() + `"`
	}
	return "[" + strings.Join(t.Parts, "~") + "]"
}

func mustParse(t testing.TB, text string) Node {
	t.Helper()
	n, err := Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return n
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "[~]=[~]"},
		{"blank", " \t\r\n\u00a0", "[~]=[~]"},
		{"everything", "*:*", "[~]=[~]"},
		{"word", "alpha", "[alpha]"},
		{"outer space", "  alpha ", "[alpha]"},
		{"several words", "no such  file", "[no such  file]"},
		{"words over lines", "no such\nfile", "[no such\nfile]"},

		{"and", "a and b and c", "(and [a] [b] [c])"},
		{"or", "a or b or c", "(or [a] [b] [c])"},
		{"keywords in capitals", "a AND b Or c", "(or (and [a] [b]) [c])"},
		{"keywords between other space", "a\nand\u00a0b\tor\r\nc", "(or (and [a] [b]) [c])"},
		{"and binds before or", "a or b and c or d", "(or [a] (and [b] [c]) [d])"},
		{"not binds before and", "not a and b", "(and (not [a]) [b])"},
		{"not in capitals", "NOT a", "(not [a])"},
		{"brackets", "(a or b) and c", "(and (or [a] [b]) [c])"},
		{"space in brackets", "( a or b )", "(or [a] [b])"},
		{"needless brackets", "((((a))))", "[a]"},
		{"brackets keep a group", "(a and b) and c", "(and (and [a] [b]) [c])"},
		{"not a group", "not (a or b)", "(not (or [a] [b]))"},
		{"not of not", "not (not a)", "(not (not [a]))"},

		{"and first", "and a", "[and a]"},
		{"or first in a group", "( or a)", "[or a]"},
		{"or last", "a or", "[a or]"},
		{"or as an operand", "a or or b", "(or [a] [or b])"},
		{"or or", "or or or", "(or [or] [or])"},
		{"not last", "a not", "[a not]"},
		{"keyword in a word", "order android nothing", "[order android nothing]"},

		{"field", "f:a", "[f]=[a]"},
		{"space about the colon", "f : a", "[f]=[a]"},
		{"value of words", "f:a b", "[f]=[a b]"},
		{"name of words", "the f:a", "[the f]=[a]"},
		{"phrase", `f:"a b"`, `[f]="a b"`},
		{"quoted name", `"the f" : a`, `"the f"=[a]`},
		{"free phrase", `"a b" and c`, `(and "a b" [c])`},
		{"null is no field", "null:a", "[a]"},
		{"a field named null", `"null":a`, `"null"=[a]`},

		{"list", "f:(a or b)", "(or [f]=[a] [f]=[b])"},
		{"list with everything", "f:((a or b) and not c)", "(and (or [f]=[a] [f]=[b]) (not [f]=[c]))"},
		{"precedence in a list", "f:(a or b and not c or d)", "(or [f]=[a] (and [f]=[b] (not [f]=[c])) [f]=[d])"},
		{"list of one", `f:( "a" )`, `[f]="a"`},
		{"not a list in a list", "f:(a and not (b or c))", "(and [f]=[a] (not (or [f]=[b] [f]=[c])))"},
		{"not of not in a list", "f:(not (not a))", "(not (not [f]=[a]))"},
		{"list in null", "null:(a or b)", "(or [a] [b])"},

		{"exists", "f:*", "[f]=[~]"},
		{"wildcards", "f:*a*b*", "[f]=[~a~b~]"},
		{"two wildcards", "f:**", "[f]=[~~]"},
		{"wildcard in words", "f:a * b", "[f]=[a ~ b]"},
		{"wildcard in a name", "f*.g:a", "[f~.g]=[a]"},
		{"every field", "*:a", "[~]=[a]"},
		{"free wildcard", "a*", "[a~]"},
		{"lone free wildcard", "*", "[~]"},
		{"no wildcard in a phrase", `f:"a*"`, `[f]="a*"`},

		{"less", "f < 1", "[f]<[1]"},
		{"at most", "f<=1", "[f]<=[1]"},
		{"greater", "f>1", "[f]>[1]"},
		{"at least", "f >=1", "[f]>=[1]"},
		{"two bounds", "f > 1 and f < 2", "(and [f]>[1] [f]<[2])"},
		{"date", `f >= "2020-01-01T00:00:00Z"`, `[f]>="2020-01-01T00:00:00Z"`},
		{"date maths", "f >= now-1d/d", "[f]>=[now-1d/d]"},
		{"range with wildcards", "f* > 1*", "[f~]>[1~]"},
		{"range of a quoted name", `"f g" > 1`, `"f g">[1]`},

		{"nested", "n:{ f:a }", "[n]{[f]=[a]}"},
		{"nested without space", "n:{f:a and g:b}", "[n]{(and [f]=[a] [g]=[b])}"},
		{"nested in nested", "n:{ m:{ f:a } }", "[n]{[m]{[f]=[a]}}"},
		{"nested in a group", "a and ( n:{ f:a } or n:{ f:b } )", "(and [a] (or [n]{[f]=[a]} [n]{[f]=[b]}))"},
		{"group in nested", "n:{ not (f:a or f > 1) }", "[n]{(not (or [f]=[a] [f]>[1]))}"},

		{"escaped specials", `\\\(\)\:\<\>\"\*\{\}`, `[\():<>"*{}]`},
		{"escaped space", `a\tb\rc\nd`, "[a\tb\rc\nd]"},
		{"escaped space is trimmed too", `\ta\n and b`, "(and [a] [b])"},
		{"only trimmed space", `f:\t`, "[f]=[]"},
		{"rare space is trimmed", "f:\ufeffa\u2003", "[f]=[a]"},
		{"unicode", `\u0041\u00e9\u20AC`, "[A\u00e9\u20ac]"},
		{"unicode in two halves", `\ud83d\ude00`, "[\U0001f600]"},
		{"escaped unicode", `\\u00A0`, `[\u00A0]`},
		{"escaped star beside a wildcard", `f:\**`, "[f]=[*~]"},
		{"escaped keywords", `a \or b \AND c \not d \NOT e`, "[a or b AND c not d NOT e]"},
		{"escaped keyword first", `\not a`, "[not a]"},
		{"escaped keyword in a word", `\order \andes`, "[order andes]"},
		{"line break before otes", `a\notes`, "[a\notes]"},
		{"escaped not before a bracket", `f:(a or \not)`, "(or [f]=[a] [f]=[not])"},
		{"escaped space is no keyword's space", `a\tor b`, "[a\tor b]"},

		{"phrase escapes", `"\"a\" \\ \t\n\r \u0041"`, "\"\"a\" \\ \t\n\r A\""},
		{"phrase without escapes", `"C:\Windows\*(x)"`, `"C:\Windows\*(x)"`},
		{"unfinished unicode in a phrase", `"\u00 \ux"`, `"\u00 \ux"`},
		{"keywords in a phrase", `"a and not b"`, `"a and not b"`},
		{"empty phrase", `f:""`, `[f]=""`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, show(mustParse(t, c.text))); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", c.text, diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		name, text   string
		line, column int
		msg          string
	}{
		{"no value", "f:", 1, 3, "expected a value, ( or {, found the end of the query"},
		{"no value before and", "f: and g:a", 1, 9, "expected and, or or the end of the query, found \":\"; inside a value it needs a backslash or quotes"},
		{"nothing after or", "f:1 or ", 1, 8, "expected a field, a value or (, found the end of the query"},
		{"nothing after or in a list", "f:(1 or )", 1, 9, `expected a value or (, found ")"`},
		{"nothing after not", "f:1 and not ", 1, 13, "expected a field, a value or (, found the end of the query"},
		{"nothing after not in a list", "f:(1 and not )", 1, 14, `expected a value or (, found ")"`},
		{"open quote", `f:"a `, 1, 3, "this quote is never closed"},
		{"open quote over lines", "a and\n  f:\"b\n\n", 2, 5, "this quote is never closed"},
		{"quote in quotes", `f:"a "r"`, 1, 7, `expected and, or or the end of the query, found "r"; a quote inside quotes needs a backslash`},
		{"colon in a value", "f:a:r", 1, 4, `expected and, or or the end of the query, found ":"; inside a value it needs a backslash or quotes`},
		{"range without a value", "f > ", 1, 5, "expected a value after >, found the end of the query"},
		{"range without a field", "< 1", 1, 1, `expected a field, a value or (, found "<"`},
		{"range of ranges", "1 < f < 2", 1, 7, `expected and, or or the end of the query, found "<"; inside a value it needs a backslash or quotes`},
		{"range with a list", "f > (1 or 2)", 1, 5, `expected a value after >, found "("`},
		{"unopened bracket", "a)", 1, 2, `expected and, or or the end of the query, found ")"`},
		{"unclosed bracket", "a and\n(b or c", 2, 8, "expected and, or or ) for the ( at 2:1, found the end of the query"},
		{"unclosed list", "f:(b", 1, 5, "expected and, or or ) for the ( at 1:3, found the end of the query"},
		{"unclosed brace", "n:{ f:a", 1, 8, "expected and, or or } for the { at 1:3, found the end of the query"},
		{"wrong bracket", "n:{ f:a )", 1, 9, `expected and, or or } for the { at 1:3, found ")"`},
		{"empty brackets", "()", 1, 2, `expected a field, a value or (, found ")"`},
		{"empty list", "f:()", 1, 4, `expected a value or (, found ")"`},
		{"empty braces", "n:{}", 1, 4, `expected a field, a value or (, found "}"`},
		{"brace without a field", "{ a }", 1, 1, `expected a field, a value or (, found "{"`},
		{"field in a list", "f:(a or g:b)", 1, 10, `expected and, or or ) for the ( at 1:3, found ":"; inside a value it needs a backslash or quotes`},
		{"not not", "not not a", 1, 5, "not cannot follow not; put the inner one in brackets"},
		{"not as a value", "f:not a", 1, 3, `expected a value, ( or {, found "not"`},
		{"not at the end of a word", "f:cannot open", 1, 6, `expected and, or or the end of the query, found "not"; a value with this word in it needs quotes`},
		{"not without a space", "a and not(b)", 1, 10, `expected and, or or the end of the query, found "("; a keyword needs a space after it`},
		{"or without a space after", "a or(b)", 1, 5, `expected and, or or the end of the query, found "("; a keyword needs a space after it`},
		{"and without a space before", "(a)and b", 1, 4, `expected and, or or the end of the query, found "and b"; a keyword needs a space before and after it`},
		{"two groups", "(a) (b)", 1, 5, `expected and, or or the end of the query, found "("`},
		{"bad escape", `f:C\Dir`, 1, 4, `\D is no escape; write \\ for a backslash`},
		{"bad escape after characters of several bytes", "f:\u00e9\u20ac\U0001f600\\D", 1, 6, `\D is no escape; write \\ for a backslash`},
		{"bad unicode escape", `f:\u00g0`, 1, 3, `\u is no escape; write \\ for a backslash`},
		{"backslash at the end", `f:a\`, 1, 4, `nothing follows this backslash; write \\ for a backslash`},
		{"half a character", `f:"a\ud83d"`, 1, 5, `\ud83d is only half of a character`},
		{"the wrong half", `f:\ude00\ud83d`, 1, 3, `\ude00 is only half of a character`},
		{"not UTF-8", "f:\u00e9\nb\xffc", 2, 2, "the text is not UTF-8: byte 0xff"},
		{"long text is cut", "(a) " + strings.Repeat("b", 40), 1, 5,
			`expected and, or or the end of the query, found "` + strings.Repeat("b", 30) + `"...`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := Parse(c.text)
			var got *SyntaxError
			if !errors.As(err, &got) {
				t.Fatalf("Parse(%q) = %v, %v; want a syntax error", c.text, n, err)
			}
			if diff := cmp.Diff(&SyntaxError{c.line, c.column, c.msg}, got); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", c.text, diff)
			}
			if want := fmt.Sprintf("%d:%d: %s", c.line, c.column, c.msg); err.Error() != want {
				t.Errorf("Error() = %q, want %q", err, want)
			}
		})
	}
}

// TestParseDepth holds deep queries to an error, and what is just within the
// bounds to round-tripping.
func TestParseDepth(t *testing.T) {
	const megabyte = 1 << 20
	for _, c := range []struct{ name, text, want string }{
		{"brackets", strings.Repeat("(", megabyte), "1:501: groups are nested more than 500 deep"},
		{"lists", "f:" + strings.Repeat("(", megabyte), "1:503: groups are nested more than 500 deep"},
		{"braces", strings.Repeat("n:{", megabyte/3), "1:1503: groups are nested more than 500 deep"},
		{"nots", strings.Repeat("not (", megabyte/5), "1:2505: groups are nested more than 500 deep"},
		{"nots in a row", strings.Repeat("not ", megabyte/4), "1:5: not cannot follow not; put the inner one in brackets"},
		{"tree", strings.Repeat("not (", 250) + "a" + strings.Repeat(")", 250), "1:1: conditions are nested more than 250 deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.text)
			if err == nil || err.Error() != c.want {
				t.Errorf("Parse: %v, want %s", err, c.want)
			}
		})
	}
	for _, text := range []string{
		strings.Repeat("(", 500) + "a" + strings.Repeat(")", 500),
		strings.Repeat("not (", 249) + "a" + strings.Repeat(")", 249),
		strings.Repeat("n:{", 249) + "a" + strings.Repeat("}", 249),
		strings.Repeat("a or (b and (", 124) + "f:c or f:d" + strings.Repeat("))", 124),
		"f:(" + strings.Repeat("a or (b and (", 124) + "c or d" + strings.Repeat("))", 124) + ")",
	} {
		n := mustParse(t, text)
		if again := mustParse(t, Print(n)); !Equal(n, again) {
			t.Errorf("%q prints as another tree: %q", text[:20], Print(n)[:20])
		}
		Translate(n)
	}
}

func TestSpan(t *testing.T) {
	text := "f:a and\n  not n:{ \u00e9 > \"1\"  } or free text  or g : (x  or  y )"
	n := mustParse(t, text)
	var got []string
	var walk func(Node)
	walk = func(n Node) {
		s := n.Span()
		got = append(got, fmt.Sprintf("%d:%d-%d:%d %s", s.Start.Line, s.Start.Column, s.End.Line, s.End.Column, text[s.Start.Offset:s.End.Offset]))
		switch n := n.(type) {
		case *And:
			for _, c := range n.Nodes {
				walk(c)
			}
		case *Or:
			for _, c := range n.Nodes {
				walk(c)
			}
		case *Not:
			walk(n.Node)
		case *Nested:
			walk(n.Node)
		}
	}
	walk(n)
	want := []string{
		"1:1-2:54 " + text,
		"1:1-2:21 f:a and\n  not n:{ \u00e9 > \"1\"  }",
		"1:1-1:4 f:a",
		"2:3-2:21 not n:{ \u00e9 > \"1\"  }",
		"2:7-2:21 n:{ \u00e9 > \"1\"  }",
		"2:11-2:18 \u00e9 > \"1\"",
		"2:25-2:34 free text",
		"2:44-2:52 x  or  y",
		"2:44-2:45 x",
		"2:51-2:52 y",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

func TestFields(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"*:*", nil},
		{`free and "text" and null:a`, nil},
		{"b:1 and (a:2 or not b:3) and c* > 4", []string{"a", "b", "c*"}},
		{"d:{ e:{ f:* } and g:(x or y) }", []string{"d.e.f", "d.g"}},
		{`*:a and "x y":*`, []string{"*", "x y"}},
	} {
		if diff := cmp.Diff(c.want, Fields(mustParse(t, c.text))); diff != "" {
			t.Errorf("Fields(%q) (-want +got):\n%s", c.text, diff)
		}
	}
}

func TestEqual(t *testing.T) {
	distinct := []string{
		"a", `"a"`, "f:a", `f:"a"`, `"f":a`, "g:a", "f:a*", "f:*a", "f:**", `f:\*`, "f:*",
		"f < 1", "f <= 1", "g < 1", "f < 2", "not f:a", "not g:a", "n:{ f:a }", "m:{ f:a }", "n:{ g:a }",
		"a and b", "b and a", "a or b", "a and b and c", "(a and b) and c", "a and (b and c)", "*:*",
	}
	for i, a := range distinct {
		for j, b := range distinct {
			if got := Equal(mustParse(t, a), mustParse(t, "\n("+b+")")); got != (i == j) {
				t.Errorf("Equal(%q, %q) = %v", a, b, got)
			}
		}
	}
	if Equal(mustParse(t, "a"), nil) || Equal(nil, mustParse(t, "a")) || !Equal(nil, nil) {
		t.Error("nil equals nil and nothing else")
	}
}
