package eql

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
)

// shape writes a tree with every operator in parentheses, so that a test shows
// what groups with what.
func shape(e Expr) string {
	list := func(items []Expr) string {
		var out []string
		for _, i := range items {
			out = append(out, shape(i))
		}
		return strings.Join(out, ", ")
	}
	fold := func(on bool) string {
		if on {
			return "~"
		}
		return ""
	}
	switch e := e.(type) {
	case *Literal:
		if e.Float {
			f, _ := e.Value.Number()
			return fmt.Sprintf("float %v", f)
		}
		if s, ok := e.Value.Str(); ok {
			return fmt.Sprintf("%q", s)
		}
		if e.Value.IsNull() {
			return "null"
		}
		return e.Value.String()
	case *Column:
		if e.Optional {
			return "?<" + e.Name + ">"
		}
		return e.Func + "<" + e.Name + ">"
	case *Call:
		return e.Name + fold(e.Fold) + "(" + list(e.Args) + ")"
	case *Unary:
		return "(" + string(e.Op) + " " + shape(e.X) + ")"
	case *Binary:
		return "(" + shape(e.L) + " " + string(e.Op) + " " + shape(e.R) + ")"
	case *Lookup:
		if e.Set != nil {
			return "(" + shape(e.X) + " " + string(e.Op) + fold(e.Fold) + " " + shape(e.Set) + ")"
		}
		return "(" + shape(e.X) + " " + string(e.Op) + fold(e.Fold && e.Op != Match) + " [" + list(e.List) + "])"
	}
	return "?"
}

func TestParseExpr(t *testing.T) {
	tests := []struct{ text, want string }{
		// literals
		{`true`, `true`},
		{`false`, `false`},
		{`null`, `null`},
		{`5`, `5`},
		{`8589934592`, `8589934592`},
		{`9223372036854775807`, `9223372036854775807`},
		{`9223372036854775808`, `float 9.223372036854776e+18`},
		{`5e14`, `float 5e+14`},
		{`5.2`, `float 5.2`},
		{`.5`, `float 0.5`},
		{`5.`, `float 5`},
		{`5.e1`, `float 50`},
		{`1e-3`, `float 0.001`},
		{`-5.2`, `(- float 5.2)`},
		{`+5`, `5`},
		{`- -5`, `(- (- 5))`},
		{`"hello \" world!"`, `"hello \" world!"`},
		{`"hello'world"`, `"hello'world"`},
		{`"hello\nworld\t\r\\"`, `"hello\nworld\t\r\\"`},
		{`"\u{41}\u{00eb}\u{1680b}\u{01F4A9}"`, `"Aë𖠋💩"`},
		{`""`, `""`},
		{`"""hello\"world"""`, `"hello\\\"world"`},
		{`"""""hello""world!""""`, `"\"\"hello\"\"world!\""`},
		{`"""C:\Windows\*"""`, `"C:\\Windows\\*"`},
		{`""""""`, `""`},
		{`""""""""`, `"\"\""`},
		// columns
		{`@timestamp`, `<@timestamp>`},
		{`process.name`, `<process.name>`},
		{"`table`.`@timestamp`", `<table.@timestamp>`},
		{"```test``table```.a", "<`test`table`.a>"},
		{"`my-field`", `<my-field>`},
		{"`a b`.`6c`", `<a b.6c>`},
		{`?user.id`, `?<user.id>`},
		{"?`user`.id", `?<user.id>`},
		{`_id`, `<_id>`},
		{`And`, `<And>`},
		{`all`, `<all>`},
		{"process.`join`", `<process.join>`},
		// functions
		{`concat(some.field, "test string")`, `concat(<some.field>, "test string")`},
		{`startsWith~(a, "b")`, `startsWith~(<a>, "b")`},
		{`f()`, `f()`},
		{`matched(download.file.name)`, `matched<download.file.name>`},
		// comparisons
		{`field==2.0`, `(<field> == float 2)`},
		{`field!=2.0`, `(<field> != float 2)`},
		{`field<=2.0`, `(<field> <= float 2)`},
		{`field>=2.0`, `(<field> >= float 2)`},
		{`field>2.0`, `(<field> > float 2)`},
		{`field<2.0`, `(<field> < float 2)`},
		{`1 * -2 <= -3 * 4`, `((1 * (- 2)) <= ((- 3) * 4))`},
		{`(1 * -2) <= (-3 * 4)`, `((1 * (- 2)) <= ((- 3) * 4))`},
		{`a == (b == c)`, `(<a> == (<b> == <c>))`},
		// precedence
		{`a and b or c and d`, `((<a> and <b>) or (<c> and <d>))`},
		{`a and (b or c) and d`, `((<a> and (<b> or <c>)) and <d>)`},
		{`not a and b`, `((not <a>) and <b>)`},
		{`not a == b`, `(not (<a> == <b>))`},
		{`not not a or b`, `((not (not <a>)) or <b>)`},
		{`a + b * c - d`, `((<a> + (<b> * <c>)) - <d>)`},
		{`a - b - c`, `((<a> - <b>) - <c>)`},
		{`a / b % c * d`, `(((<a> / <b>) % <c>) * <d>)`},
		{`-a * b`, `((- <a>) * <b>)`},
		{`-a in (1)`, `(- (<a> in [1]))`},
		{`a + b in (1)`, `(<a> + (<b> in [1]))`},
		{`(a + b) in (1)`, `((<a> + <b>) in [1])`},
		// lookups
		{`name in (1)`, `(<name> in [1])`},
		{`name in (2, 1, 1)`, `(<name> in [2, 1, 1])`},
		{`name in~ ("net.exe", other, 1 + 2)`, `(<name> in~ ["net.exe", <other>, (1 + 2)])`},
		{`name not in ("a", "b")`, `(not (<name> in ["a", "b"]))`},
		{`name not in~ ("a")`, `(not (<name> in~ ["a"]))`},
		{`a not in (1) == true`, `((not (<a> in [1])) == true)`},
		{`file.name in~ all(download.file.name)`, `(<file.name> in~ all<download.file.name>)`},
		{`file.name not in all(d.n) and x`, `((not (<file.name> in all<d.n>)) and <x>)`},
		{`a : "b*"`, `(<a> : ["b*"])`},
		{`a : ("b*", "c")`, `(<a> : ["b*", "c"])`},
		{`a : b.c`, `(<a> : <b.c>)`},
		{`a : (b + c)`, `(<a> : (<b> + <c>))`},
		{`a : concat(b, "x")`, `(<a> : concat(<b>, "x"))`},
		{`a : b and c : d`, `((<a> : <b>) and (<c> : <d>))`},
		{`a like "b"`, `(<a> like ["b"])`},
		{`a like~ ("b", "c")`, `(<a> like~ ["b", "c"])`},
		{`a regex ".*"`, `(<a> regex [".*"])`},
		{`a regex~ (".*", "b")`, `(<a> regex~ [".*", "b"])`},
		{`concat(a) : "b"`, `(concat(<a>) : ["b"])`},
		// blanks and comments
		{"a // one\n and /* two /* three */ */ b", `(<a> and <b>)`},
		{"a /* /* */ and b", `(<a> and <b>)`},
		{"\t\r\na", `<a>`},
		{`a//`, `<a>`},
		{`a.b.c==1`, `(<a.b.c> == 1)`},
		{`a.b . c == 1`, `(<a.b.c> == 1)`},
	}
	for _, tt := range tests {
		e, err := ParseExpr(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := shape(e); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
		}
		checkRoundTrip(t, e)
	}
}

func checkRoundTrip(t interface{ Fatalf(string, ...any) }, e Expr) {
	printed := Print(e)
	again, err := ParseExpr(printed)
	if err != nil {
		t.Fatalf("reading back %s: %v", printed, err)
	}
	if !Equal(e, again) {
		t.Fatalf("%s reads back as %s", printed, shape(again))
	}
	if p := Print(again); p != printed {
		t.Fatalf("printed twice: %s, %s", printed, p)
	}
}

func TestParseExprErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{``, `1:1: expected a value or a column, found the end`},
		{`a b`, `1:3: expected an operator, found [b]`},
		{`a lik "b"`, `1:3: expected an operator, found [lik]; did you mean like?`},
		{`a AND b`, `1:3: expected an operator, found [AND]; did you mean and?`},
		{`a == 1 b`, `1:8: expected an operator or the end, found [b]`},
		{`'hello world'`, `1:1: strings stand in double quotes ["], not in single quotes [']`},
		{`name=='hello world'`, `1:7: strings stand in double quotes ["], not in single quotes [']`},
		{`?'hello world'`, `1:1: raw strings stand in triple double quotes ["""], not in [?']`},
		{`name == ?"hello world"`, `1:9: raw strings stand in triple double quotes ["""], not in [?"]`},
		{`""""""hello world!""" == """foobar"""`, `1:7: expected an operator or the end, found [hello]`},
		{`"abc`, `1:1: the string is not closed by ["]`},
		{"\"abc\n\"", `1:1: the string is not closed by ["] in its line; a line break is \n`},
		{"\"\"\"abc\n\"\"\"", `1:1: the raw string is not closed by ["""] in its line`},
		{`"""abc`, `1:1: the raw string is not closed by ["""] in its line`},
		{`"a\`, `1:1: the string is not closed by ["]`},
		{`"ab\d"`, `1:4: there is no escape \d in EQL; write \\ for a backslash, or a raw string in """`},
		{`"\u0041"`, `1:2: a character's code is written \u{HEX}`},
		{`"\u{D}"`, `1:2: \u{...} takes 2 to 8 hexadecimal digits, not 1`},
		{`"\u{00AFD1431}"`, `1:2: \u{...} takes 2 to 8 hexadecimal digits, not 9`},
		{`"\u{}"`, `1:2: \u{...} takes 2 to 8 hexadecimal digits, not 0`},
		{`"\u{00U1}"`, `1:2: \u{...} takes hexadecimal digits, not "00U1"`},
		{`"\u{000}"`, `1:2: \u{000} is the null character, which no string may hold`},
		{`"\u{10000000}"`, `1:2: \u{10000000} is no Unicode character`},
		{`"\u{d800}"`, `1:2: \u{d800} is no Unicode character`},
		{"`wrong_identifier == true", "1:1: the quoted name is not closed by a backtick"},
		{"``wrong_identifier == true", "1:1: there is no name between the backticks"},
		{"wrong_identifier` == true", "1:17: the quoted name is not closed by a backtick"},
		{"wrong`identifier`", "1:6: expected an operator or the end, found [`identifier`]"},
		{`field=2.0`, `1:6: expected an operator or the end, found [=]; equality is ==`},
		{`a == b == c`, `1:8: comparisons cannot be chained: join them with and, or put one in parentheses`},
		{`a < b <= c`, `1:7: comparisons cannot be chained: join them with and, or put one in parentheses`},
		{`name in ()`, `1:10: expected a value or a column, found [)]`},
		{`name in "a"`, `1:9: expected a list in parentheses or all(stage.column) after in, found ["a"]`},
		{`name in (1`, `1:11: expected , or ), found the end`},
		{`name not like "a"`, `1:10: not stands right before in only: write not (value like ...)`},
		{`a == not b`, `1:6: expected a value or a column, found the keyword not; a column of that name stands in ` + "`backticks`"},
		{`process.join == 1`, `1:9: expected a name after the dot, found the keyword join; a column of that name stands in ` + "`backticks`"},
		{`a[0] == 1`, `1:2: array indexes are not supported: a column's condition holds if it does for any of its values`},
		{`a like b`, `1:8: like takes literals only: values out of data are never patterns`},
		{`a regex~ ("x", b)`, `1:16: regex~ takes literals only: values out of data are never patterns`},
		{`a : ("x", b)`, `1:11: a list after : holds literals only`},
		{`a : -1`, `1:5: expected a value or a column, found [-]`},
		{`all(a.b) == 1`, `1:1: all(stage.column) is a set: it stands only at the right of in, in~ and not in`},
		{`a in (all(b.c))`, `1:7: all(stage.column) is a set: it stands only at the right of in, in~ and not in`},
		{`a in all(1)`, `1:10: expected stage.column in all(...), found [1]`},
		{`a in all(b.c, d)`, `1:13: expected ) after the column of all, found [,]`},
		{`a in all`, `1:9: expected (stage.column) after all, found the end`},
		{`matched(f(x))`, `1:10: expected ) after the column of matched, found [(]`},
		{`length~`, `1:8: expected ( after the function length~, found the end`},
		{`parent of [process where true]`, `1:1: process lineage (parent of [...]) is not supported`},
		{`a | head 1`, `1:3: pipes are not supported here`},
		{`a ; b`, `1:3: no token of EQL starts with ';'`},
		{`a == "ä" and ü`, `1:14: no token of EQL starts with 'ü'`},
		{"a ==\n\t  'b'", `2:4: strings stand in double quotes ["], not in single quotes [']`},
		{`a /* b`, `1:3: the comment is not closed by */`},
		{`(a`, `1:3: expected ), found the end`},
		{`1e999`, `1:1: the number 1e999 is too large`},
		{`5a`, `1:2: expected an operator or the end, found [a]`},
		{`a.5`, `1:2: expected an operator or the end, found [.5]`},
		{`![any where true]`, `1:1: sequences are not supported here`},
		{`x in (1) in (2)`, `1:10: in follows a single value: put what stands before it in parentheses`},
		{strings.Repeat("(", 201) + "a", `1:201: the expression is nested more than 200 levels deep`},
		{strings.Repeat("not ", 201) + "a", `1:801: the expression is nested more than 200 levels deep`},
		{strings.Repeat("-", 201) + "a", `1:201: the expression is nested more than 200 levels deep`},
		{"a" + strings.Repeat(" or a", 10_001), `1:50003: the expression has more than 10000 operators; write long lists with in (...)`},
	}
	for _, tt := range tests {
		_, err := ParseExpr(tt.text)
		checkError(t, tt.text, err, tt.want)
	}
}

func checkError(t *testing.T, text string, err error, want string) {
	t.Helper()
	if len(text) > 80 {
		text = text[:80] + "..."
	}
	if err == nil {
		t.Errorf("%s: no error, want %s", text, want)
		return
	}
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		t.Errorf("%s: %T is no *SyntaxError", text, err)
	}
	if err.Error() != want {
		t.Errorf("%s\n got %s\nwant %s", text, err, want)
	}
}

func TestParseEvent(t *testing.T) {
	tests := []struct{ text, category, cond string }{
		{`any where true`, `any`, `true`},
		{`process where process.name == "a"`, `process`, `(<process.name> == "a")`},
		{`usb_mount where volume.drive_letter != null`, `usb_mount`, `(<volume.drive_letter> != null)`},
		{`"my-event category" where true`, `my-event category`, `true`},
		{`""".my.category""" where true`, `.my.category`, `true`},
		{"/* a */ file // b\nwhere a", `file`, `<a>`},
	}
	for _, tt := range tests {
		e, err := ParseEvent(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if e.Category != tt.category || shape(e.Cond) != tt.cond {
			t.Errorf("%s: got %q where %s", tt.text, e.Category, shape(e.Cond))
		}
	}
	errs := []struct{ text, want string }{
		{"`identifier` where foo == true", "1:1: expected an event category: any, a name, or a name in double quotes, found [`identifier`]"},
		{`process`, `1:8: expected where, found the end`},
		{`process.a where true`, `1:8: expected where, found [.]`},
		{`sequence [a where true] [b where true]`, `1:1: sequence is not supported here: write one condition, CATEGORY where CONDITION`},
		{`any where`, `1:10: expected a value or a column, found the end`},
		{`any where true | head 5`, `1:16: pipes are not supported here`},
	}
	for _, tt := range errs {
		_, err := ParseEvent(tt.text)
		checkError(t, tt.text, err, tt.want)
	}
}

func TestSpans(t *testing.T) {
	const text = "a.b == 1 and\n  not startsWith~(\"ä\", ?c) or x in~ all(d.e)"
	e, err := ParseExpr(text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	walk(e, func(e Expr) {
		s := e.Span()
		got = append(got, fmt.Sprintf("%d:%d %s", s.Start.Line, s.Start.Column, text[s.Start.Offset:s.End.Offset]))
	})
	want := []string{
		"1:1 " + text,
		"1:1 a.b == 1 and\n  not startsWith~(\"ä\", ?c)",
		"1:1 a.b == 1",
		"1:1 a.b",
		"1:8 1",
		"2:3 not startsWith~(\"ä\", ?c)",
		"2:7 startsWith~(\"ä\", ?c)",
		"2:19 \"ä\"",
		"2:24 ?c",
		"2:31 x in~ all(d.e)",
		"2:31 x",
		"2:37 all(d.e)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPrint(t *testing.T) {
	tests := []struct{ text, want string }{
		{`((a)) and ((b or c))`, `a and (b or c)`},
		{`not (x in (1, 2))`, `x not in (1, 2)`},
		{`not (a and b)`, `not (a and b)`},
		{`(not a) == b`, `(not a) == b`},
		{`a - (b - c)`, `a - (b - c)`},
		{`(a : "b") == true`, `a : "b" == true`},
		{`a : ("b")`, `a : "b"`},
		{`a like~ ("b*", "c?")`, `a like~ ("b*", "c?")`},
		{"`a`.`by`.`c d`", "a.`by`.`c d`"},
		{"`a..b`", "`a..b`"},
		{`"""C:\a"b"""`, `"C:\\a\"b"`},
		{`1.0 + 2.50e3`, `1.0 + 2500.0`},
		{`?a.b in all(c.d)`, `?a.b in all(c.d)`},
		{`a : (b + 1)`, `a : (b + 1)`},
	}
	for _, tt := range tests {
		e, err := ParseExpr(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := Print(e); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestRefs(t *testing.T) {
	e, err := ParseExpr(`a : "x" and b.c in (d, a) and matched(e.f) == g and h not in all(i.j)`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range Refs(e) {
		got = append(got, r.Func+" "+r.Name)
	}
	want := []string{" a", " b.c", " d", " a", "matched e.f", " g", " h", "all i.j"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestConjuncts(t *testing.T) {
	tests := []struct {
		text string
		want []string
	}{
		{`a`, []string{`a`}},
		{`a and b and (c and d)`, []string{`a`, `b`, `c`, `d`}},
		{`a or b`, []string{`a or b`}},
		{`not (a or b)`, []string{`not a`, `not b`}},
		{`not (a or not (b and c)) and d`, []string{`not a`, `b`, `c`, `d`}},
		{`not not (a and b)`, []string{`a`, `b`}},
		{`not (a and b)`, []string{`not (a and b)`}},
	}
	for _, tt := range tests {
		e, err := ParseExpr(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range Conjuncts(e) {
			got = append(got, Print(c))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.text, diff)
		}
	}
}

func TestAsEquality(t *testing.T) {
	tests := []struct {
		text string
		want string
	}{
		{`a == b.c`, `a b.c false`},
		{`a : b.c`, `a b.c true`},
		{`after(a, "|") : b`, `after(a, "|") b true`},
		{`a == 1`, `a 1 false`},
		{`a == null`, ``},
		{`a : "b"`, ``},
		{`a != b`, ``},
		{`a < b`, ``},
	}
	for _, tt := range tests {
		e, err := ParseExpr(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if eq, ok := AsEquality(e); ok {
			got = fmt.Sprint(Print(eq.Left), " ", Print(eq.Right), " ", eq.Fold)
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// exprs draws any expression the grammar has, sensible or not.
func exprs(depth int) *rapid.Generator[Expr] {
	return rapid.Custom(func(t *rapid.T) Expr {
		if depth == 0 {
			return rapid.OneOf(literals(), columns("", "matched")).Draw(t, "leaf")
		}
		sub := func(label string) Expr { return exprs(depth-1).Draw(t, label) }
		switch rapid.SampledFrom([]int{8, 3, 4, 5, 6, 7, 8, 0}).Draw(t, "node") {
		case 0:
			return exprs(0).Draw(t, "leaf")
		case 3:
			return &Call{
				Name: rapid.SampledFrom([]string{"f", "startsWith", "_x"}).Draw(t, "name"),
				Args: rapid.SliceOfN(exprs(depth-1), 0, 3).Draw(t, "args"),
			}
		case 4:
			return &Unary{Op: rapid.SampledFrom([]Op{Not, Neg}).Draw(t, "op"), X: sub("x")}
		case 5:
			r := sub("r")
			if _, is := r.(*Literal); is {
				r = columns("").Draw(t, "column")
			}
			return &Binary{Op: Match, L: sub("l"), R: r}
		case 6:
			list := rapid.SliceOfN(literals(), 1, 3).Draw(t, "list")
			op := rapid.SampledFrom([]Op{Match, Like, Regex}).Draw(t, "op")
			return &Lookup{Op: op, Fold: op == Match || rapid.Bool().Draw(t, "fold"), X: sub("x"), List: list}
		case 7:
			l := &Lookup{Op: In, Fold: rapid.Bool().Draw(t, "fold"), X: sub("x")}
			if rapid.Bool().Draw(t, "set") {
				l.Set = columns("all").Draw(t, "set").(*Column)
			} else {
				l.List = rapid.SliceOfN(exprs(depth-1), 1, 3).Draw(t, "list")
			}
			return l
		default:
			ops := []Op{And, Or, Equals, NotEquals, Less, LessEqual, Greater, GreaterEqual, Add, Sub, Mul, Div, Mod}
			return &Binary{Op: rapid.SampledFrom(ops).Draw(t, "op"), L: sub("l"), R: sub("r")}
		}
	})
}

func literals() *rapid.Generator[Expr] {
	return rapid.Custom(func(t *rapid.T) Expr {
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return &Literal{}
		case 1:
			return &Literal{Value: esq.Boolean(rapid.Bool().Draw(t, "b"))}
		case 2:
			return &Literal{Value: esq.Integer(rapid.Int64Min(0).Draw(t, "i"))}
		case 3:
			return &Literal{Value: esq.Num(rapid.Float64Range(0, 1e300).Draw(t, "f")), Float: true}
		}
		return &Literal{Value: esq.Str(rapid.String().Draw(t, "s"))}
	})
}

func columns(funcs ...string) *rapid.Generator[Expr] {
	return rapid.Custom(func(t *rapid.T) Expr {
		c := &Column{
			Func: rapid.SampledFrom(funcs).Draw(t, "func"),
			Name: rapid.OneOf(
				rapid.StringMatching(`[a-c@.]{1,5}`),
				rapid.SampledFrom([]string{"and", "all", "a.b.c", "by.x", "`", "a`b", "é.x", "a b"}),
			).Draw(t, "name"),
		}
		c.Optional = c.Func == "" && rapid.Bool().Draw(t, "optional")
		return c
	})
}

func TestPrintRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkRoundTrip(t, exprs(4).Draw(t, "expr"))
	})
}

func FuzzParseExpr(f *testing.F) {
	seeds := []string{
		`a == "b" and not c : ("d*", "e?") or f in~ all(g.h)`,
		"`a b`.c not in (1, 2.5, -3e4, null) // x",
		`startsWith~(file.path, mount.volume.drive_letter) and 1 + 2 * -3 % 4 <= length(x)`,
		`"""raw"""" regex~ ("[a-z]+", "\u{1f600}\n") /* /* */ */`,
		`two : "x*" and not cidrMatch(ip, "10.0.0.0/8") or word in~ all(st.few) and date > "2026-01-01"`,
		`matched(a.b) != null == true`, `((((a))))`, `?a.@b`, `'x'`, `"\u{`, `.5e`, "`", `!`,
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseExpr(text)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Column < 1 {
				t.Fatalf("%#v", err)
			}
			return
		}
		checkRoundTrip(t, e)
		Translate(e, someSource(), someSets)
		p, err := Compile(e, func(Ref) (int, error) { return 0, nil })
		if err != nil {
			return
		}
		row := oneColumn{esq.Str("Ab*"), esq.Integer(-7), esq.Num(2.5), esq.Boolean(true)}
		p.Holds(row)
		p.Values(row)
	})
}

// oneColumn is a row whose columns all have the same values.
type oneColumn []Value

func (r oneColumn) Values(int) []Value { return r }
func (r oneColumn) Set(int) *Set       { return NewSet(r) }
