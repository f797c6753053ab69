package eql

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
)

// row is an Env by name.
type row struct {
	values map[string][]Value
	sets   map[string]*Set
	names  []string // by slot
}

func (r *row) Values(slot int) []Value { return r.values[r.names[slot]] }
func (r *row) Set(slot int) *Set       { return r.sets[r.names[slot]] }

func (r *row) bind(ref Ref) (int, error) {
	r.names = append(r.names, ref.Name)
	return len(r.names) - 1, nil
}

func vals(list ...any) []Value {
	var vs []Value
	for _, a := range list {
		v, ok := esq.ValueOf(a)
		if !ok {
			panic(fmt.Sprint("no value: ", a))
		}
		vs = append(vs, v)
	}
	return vs
}

// someRow has a column for every sort of value there is.
func someRow() *row {
	return &row{
		values: map[string][]Value{
			"name":      vals("Report.DOCX"),
			"names":     vals("a.txt", "B.TXT", "c*"),
			"path":      vals(`E:\Work\Report.docx`),
			"drive":     vals("e:"),
			"empty":     vals(""),
			"uml":       vals("Straße.txt"),
			"n":         vals(5),
			"neg":       vals(-7),
			"half":      vals(2.5),
			"ns":        vals(1, 2, 3),
			"max":       vals(int64(9223372036854775807)),
			"min":       vals(int64(-9223372036854775808)),
			"numeric":   vals("5"),
			"yes":       vals(true),
			"no":        vals(false),
			"both":      vals(false, true),
			"ip":        vals("10.1.2.3"),
			"ip6":       vals("2001:db8::1"),
			"time":      vals("2026-11-22T10:00:00.000Z"),
			"mixed":     vals("x", 5, true),
			"void":      vals(nil),
			"somenull":  vals(nil, "a", nil, "a"),
			"list":      vals("a,b,,c"),
			"st.column": vals("report.docx", "x"),
		},
		sets: map[string]*Set{
			"st.files": NewSet(vals("report.docx", "A.TXT", nil, 5)),
			"st.none":  NewSet(nil),
		},
	}
}

func compileIn(t *testing.T, r *row, text string) *Program {
	t.Helper()
	e, err := ParseExpr(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	p, err := Compile(e, r.bind)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func TestHolds(t *testing.T) {
	tests := []struct {
		want  bool
		texts []string
	}{
		{true, []string{
			`true`, `not false`, `1 == 1`, `1 == 1.0`, `"a" == "a"`, `true == true`, `null == null`,
			// ==, !=
			`n == 5`, `5 == n`, `n != 4`, `name == "Report.DOCX"`, `name != "report.docx"`,
			`half == 2.5`, `yes == true`, `no == false`, `names == "a.txt"`, `n == n`, `name != path`,
			`ns != 4`, `not ns == 4`, `mixed == 5`, `mixed == "x"`, `mixed == true`, `ns == n - 3`, `missing != missing`,
			// missing
			`missing == null`, `null == missing`, `void == null`, `name != null`, `missing != "x"`, `missing != n`,
			`not missing == "x"`, `void != "a"`, `somenull == "a"`, `somenull != null`, `empty != null`, `empty == ""`,
			`missing not in ("a")`, `not missing`, `not missing : "*"`, `length(missing) == null`, `not startsWith(missing, "a")`,
			// order
			`n > 4`, `n >= 5`, `n < 5.5`, `n <= 5`, `4 < n`, `ns > 2`, `ns < 2`, `neg < -6`, `half > 2`,
			`name < "S"`, `"A" < "a"`, `time >= "2026-11-22"`, `time < "2026-11-23"`,
			// :
			`name : "report.docx"`, `name : "REPORT.*"`, `name : "r?port.docx"`, `name : ("x", "*.docx")`, `names : "b.txt"`,
			`name : "*"`, `empty : "*"`, `empty : ""`, `path : "e:\\work\\*"`, `path : """E:\WORK\REPORT.DOCX"""`,
			`uml : "STRAßE.txt"`, `uml : "stra?e.txt"`, `name : st.column`, `st.column : name`, `names : "C*"`, `n : n`,
			`name : ("a1","a2","a3","a4","a5","a6","a7","a8","report.docx")`,
			// in
			`n in (4, 5)`, `n in (5.0)`, `name in ("x", "Report.DOCX")`, `name in~ ("x", "report.docx")`, `ns in (9, 3)`,
			`n not in (1, 2)`, `name not in ("report.docx")`, `name in~ all(st.files)`, `n in all(st.files)`, `names in~ all(st.files)`,
			`name not in all(st.files)`, `name not in all(st.none)`, `n in (missing, n)`, `name in (concat("Report", ".DOCX"))`,
			`n in (1,2,3,4,5,6,7,8,9,10)`, `name in~ ("1","2","3","4","5","6","7","8","REPORT.docx")`,
			// like, regex
			`name like "Report.*"`, `name like "Report.DOC?"`, `name like~ "*.docx"`, `name like ("x", "R*X")`, `names like "c*"`,
			`name regex "Report\\.[A-Z]+"`, `name regex~ "report\\.docx"`, `names regex ("[a-c]\\*", "x")`, `uml regex ".{10}"`,
			// logic
			`yes`, `both`, `mixed`, `yes and n == 5`, `no or yes`, `not (yes and no)`, `yes == (n == 5)`, `no == (n == 4)`,
			`(name : "r*") == true`, `startsWith(name, "x") == false`, `null or true`, `not null`,
			// functions as conditions
			`startsWith(name, "Rep")`, `startsWith~(path, drive)`, `endsWith~(name, ".docx")`, `endsWith(names, ".txt")`,
			`stringContains(path, "\\Work\\")`, `stringContains~(path, "WORK")`, `startsWith("", "")`, `endsWith("", "")`, `startsWith(name, "")`,
			`cidrMatch(ip, "10.0.0.0/8")`, `cidrMatch(ip, "192.168.0.0/16", "10.1.2.3/32")`, `cidrMatch(ip6, "2001:db8::/32")`,
			`cidrMatch("::ffff:10.1.2.3", "10.0.0.0/8")`, `cidrMatch(ip, "::/0")`, `cidrMatch(ip, "10.1.2.2/31")`,
			// matched
			`matched(st.column) == "x"`, `name in~ (matched(st.column))`,
			// indexes beyond the end
			`indexOf(name, "zz") == null`, `split(list, ",", 9) == null`,
		}},
		{false, []string{
			`false`, `null`, `1 == 2`, `1 != null and null != null`,
			`missing`, `n`, `name`, `no`, `void`, `missing == missing`, `void == void`, `missing == n`, `missing == ""`, `name == null`, `missing != null`, `void != null`,
			`name == "report.docx"`, `n == "5"`, `numeric == 5`, `n != 5`, `ns != 1`, `names != "a.txt"`, `yes == "true"`, `yes == 1`,
			`n > 5`, `n > "4"`, `numeric > 4`, `missing < 5`, `missing >= 5`, `n < missing`, `yes > no`, `both < true`, `name < "A"`, `5 > n`, `time > "2026-11-22T10:00:00.000Z"`,
			`name : "report"`, `name : "report.doc"`, `name : "?report.docx"`, `n : "5"`, `n : "*"`, `missing : "*"`, `uml : "STRASSE.txt"`, `name : names`, `missing : missing`, `name : path`,
			`names : (matched(st.column))`,
			`name in ("report.docx")`, `n in ("5")`, `missing in ("a")`, `ns not in (3)`, `name in all(st.files)`, `name in all(st.none)`, `missing in all(st.files)`, `void in all(st.files)`, `n not in all(st.files)`,
			`name like "report.*"`, `missing like "*"`, `n like "*"`, `name regex "Report"`, `name regex "report.*"`, `n regex ".*"`, `path like "E:\\\\Work*"`,
			`startsWith(name, "rep")`, `startsWith(name, missing)`, `startsWith(n, "5")`, `startsWith(null, "a")`, `endsWith(name, ".docx")`,
			`stringContains("", "")`, `stringContains(name, "")`, `stringContains(path, "WORK")`,
			`cidrMatch(ip, "192.168.0.0/16")`, `cidrMatch(name, "0.0.0.0/0")`, `cidrMatch(ip, null)`, `cidrMatch(ip6, "0.0.0.0/0")`, `cidrMatch(ip, "10.1.2.4/30")`,
			`startsWith(missing, "x") == false`, `not startsWith(name, "R")`, `n / 0 == 0`, `n / 0 != null`,
		}},
	}
	for _, tt := range tests {
		for _, text := range tt.texts {
			r := someRow()
			if got := compileIn(t, r, text).Holds(r); got != tt.want {
				t.Errorf("%s is %v", text, got)
			}
		}
	}
}

func TestValues(t *testing.T) {
	const big = 9223372036854775808.0
	tests := []struct {
		text string
		want []Value
	}{
		{`name`, vals("Report.DOCX")},
		{`missing`, nil},
		{`void`, nil},
		{`somenull`, vals("a")},
		{`n == 5`, vals(true)},
		{`missing == 5`, vals(false)},
		{`null`, nil},
		// arithmetic
		{`4 + 5`, vals(9)}, {`add(4, 5)`, vals(9)}, {`4 + 0.5`, vals(4.5)}, {`add(4, 0.5)`, vals(4.5)}, {`add(null, 4)`, nil}, {`add(4, missing)`, nil},
		{`10 - 2`, vals(8)}, {`subtract(10.5, 0.5)`, vals(10)}, {`subtract(-2, -4)`, vals(2)}, {`subtract(2, null)`, nil},
		{`multiply(0.25, 2)`, vals(0.5)}, {`-2 * -2`, vals(4)},
		{`4 / 3`, vals(1)}, {`divide(4, 3)`, vals(1)}, {`4 / 2.0`, vals(2)}, {`7 / 2.0`, vals(3.5)}, {`divide(7, 2.0)`, vals(3.5)}, {`(3.0 + 4) / 2`, vals(3.5)},
		{`add(3.0, 4) / 2`, vals(3.5)}, {`-7.0 / 2`, vals(-3.5)}, {`-4 / 3`, vals(-1)}, {`divide(0.5, 4)`, vals(0.125)}, {`divide(4, -2)`, vals(-2)},
		{`n / 0`, nil}, {`n / 0.0`, nil}, {`n % 0`, nil}, {`divide(0, 0.0)`, nil},
		{`modulo(10, 6)`, vals(4)}, {`10 % -6`, vals(4)}, {`modulo(-10, -6)`, vals(-4)}, {`modulo(10, 0.5)`, vals(0)}, {`5.5 % 2`, vals(1.5)},
		{`max + 1`, vals(big)}, {`min - 1`, vals(-big)}, {`max * 2`, vals(2 * big)}, {`min * -1`, vals(big)}, {`min / -1`, vals(big)}, {`min % -1`, vals(0)}, {`-min`, vals(big)},
		{`max - 1`, vals(int64(9223372036854775806))}, {`min * 1`, vals(int64(-9223372036854775808))}, {`max + -1`, vals(int64(9223372036854775806))}, {`min + 0`, vals(int64(-9223372036854775808))},
		{`1e300 * 1e300`, nil},
		{`ns * 2`, vals(2, 4, 6)}, {`ns - ns`, vals(0, -1, -2, 1, 2)}, {`-ns`, vals(-1, -2, -3)}, {`name + 1`, nil}, {`mixed + 1`, vals(6)}, {`-name`, nil},
		// between
		{`between("C:\\Windows\\System32\\cmd.exe", "System32\\", ".exe")`, vals("cmd")},
		{`between("C:\\Windows\\System32\\cmd.exe", "system32\\", ".exe")`, vals("")},
		{`between~("C:\\Windows\\System32\\cmd.exe", "system32\\", ".EXE")`, vals("cmd")},
		{`between("C:\\Windows\\System32\\cmd.exe", "\\", "\\", false)`, vals("Windows")},
		{`between("C:\\Windows\\System32\\cmd.exe", "\\", "\\", true)`, vals(`Windows\System32`)},
		{`between("", "System32", ".exe")`, vals("")}, {`between("", "", "")`, vals("")}, {`between("ab", "", "b")`, vals("ab")},
		{`between("abc", "c", "a")`, vals("")}, {`between("abc", "c", "a", true)`, vals("")}, {`between(null, "a", "b")`, nil}, {`between("a", "b", missing)`, nil}, {`between("a", "b", "c", n)`, nil},
		// concat, string
		{`concat("process is ", "x")`, vals("process is x")}, {`concat("x", " ", 42.5, true, 1)`, vals("x 42.5true1")}, {`concat("x")`, vals("x")}, {`concat(name, null)`, nil}, {`concat(null)`, nil},
		{`concat(names, "!")`, vals("a.txt!", "B.TXT!", "c*!")}, {`concat(n)`, vals("5")},
		{`string(42)`, vals("42")}, {`string(42.5)`, vals("42.5")}, {`string(true)`, vals("true")}, {`string(null)`, nil},
		// indexOf
		{`indexOf("subdomain.example.com", "d")`, vals(3)}, {`indexOf("subdomain.example.com", "D")`, nil}, {`indexOf~("subdomain.example.com", "D")`, vals(3)},
		{`indexOf("subdomain.example.com", ".", 9)`, vals(9)}, {`indexOf("subdomain.example.com", ".", 10)`, vals(17)}, {`indexOf("subdomain.example.com", ".", -6)`, vals(9)},
		{`indexOf("", "")`, vals(0)}, {`indexOf("abc", "")`, vals(0)}, {`indexOf("abcabc", "", 4)`, vals(4)}, {`indexOf("abc", "", -6)`, vals(0)},
		{`indexOf("abc", "z", 1)`, nil}, {`indexOf("abc", "c", 30)`, nil}, {`indexOf(null, ".", 9)`, nil}, {`indexOf("a.", ".", null)`, nil}, {`indexOf("äöü.x", ".")`, vals(3)}, {`indexOf("äöü.x", "x", 4)`, vals(4)},
		{`indexOf("abc", "", 3)`, vals(3)}, {`indexOf("abc", "a", 2.0)`, nil}, {`indexOf("abc", "a", half)`, nil},
		// length
		{`length("explorer.exe")`, vals(12)}, {`length("")`, vals(0)}, {`length(null)`, nil}, {`length("äöü")`, vals(3)}, {`length(n)`, nil}, {`length(names)`, vals(5, 2)},
		// number
		{`number("1337")`, vals(1337)}, {`number("42.5")`, vals(42.5)}, {`number("deadbeef", 16)`, vals(3735928559)}, {`number("0xdeadbeef")`, vals(3735928559)}, {`number("0xdeadbeef", 16)`, vals(3735928559)},
		{`number("+1337")`, vals(1337)}, {`number("-1337")`, vals(-1337)}, {`number("  1337  ")`, vals(1337)}, {`number(null)`, nil}, {`number(null, 16)`, nil}, {`number("0xdeadbeef", null)`, vals(3735928559)}, {`number("1337", null)`, vals(1337)},
		{`number("")`, nil}, {`number("x")`, nil}, {`number("+-1")`, nil}, {`number("1_0")`, nil}, {`number("0x")`, nil}, {`number("-0x10")`, vals(-16)}, {`number("1e3")`, vals(1000)}, {`number("inf")`, nil}, {`number("NaN")`, nil}, {`number("0x1p4")`, nil}, {`number("101", 2)`, vals(5)}, {`number("0x10", 10)`, nil},
		{`number("99999999999999999999")`, vals(1e20)}, {`number("1e999")`, nil}, {`number(n)`, vals(5)}, {`number(yes)`, nil},
		// substring
		{`substring("start regsvr32.exe", 6)`, vals("regsvr32.exe")}, {`substring("start regsvr32.exe", 0, 5)`, vals("start")}, {`substring("start regsvr32.exe", 6, 14)`, vals("regsvr32")},
		{`substring("start regsvr32.exe", -4)`, vals(".exe")}, {`substring("start regsvr32.exe", -4, -1)`, vals(".ex")}, {`substring("abc", 5)`, vals("")}, {`substring("abc", 2, 1)`, vals("")}, {`substring("abc", -9, 2)`, vals("ab")}, {`substring("äöü", 1, 2)`, vals("ö")}, {`substring(null, 1)`, nil}, {`substring("abc", missing)`, nil}, {`substring("abc", 1, null)`, nil}, {`substring("abc", min, max)`, vals("abc")},
		// split, after
		{`split(list, ",", 0)`, vals("a")}, {`split(list, ",", 1)`, vals("b")}, {`split(list, ",", 2)`, vals("")}, {`split(list, ",", -1)`, vals("c")}, {`split(list, ",", -4)`, vals("a")}, {`split(list, ",", 4)`, nil}, {`split(list, ",", -5)`, nil}, {`split(list, ";", 0)`, vals("a,b,,c")}, {`split(list, "", 0)`, nil}, {`split(missing, ",", 0)`, nil}, {`split(list, ",", half)`, nil},
		{`after("urn:spo:guest#john", "#")`, vals("john")}, {`after("a#b#c", "#")`, vals("b#c")}, {`after("john", "#")`, vals("john")}, {`after("a#", "#")`, vals("")}, {`after(missing, "#")`, nil}, {`after("ab", "")`, vals("ab")},
		// conditions as values
		{`startsWith(names, "a")`, vals(true, false)}, {`startsWith(missing, "a")`, nil}, {`cidrMatch(ip, "10.0.0.0/8")`, vals(true)}, {`cidrMatch(name, "10.0.0.0/8")`, nil},
		{`matched(st.column)`, vals("report.docx", "x")},
	}
	for _, tt := range tests {
		r := someRow()
		got := compileIn(t, r, tt.text).Values(r)
		if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b Value) bool { return a == b })); diff != "" {
			t.Errorf("%s: %s", tt.text, diff)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{`startWith(a, "b")`, `1:1: there is no function startWith; did you mean startsWith?`},
		{`a and StringContains(b, "c")`, `1:7: there is no function StringContains; did you mean stringContains?`},
		{`mached(a.b) == 1`, `1:1: there is no function mached; did you mean matched?`},
		{`frobnicate(a)`, `1:1: there is no function frobnicate`},
		{`wildcard(a, "b*")`, `1:1: there is no function wildcard; write value like ("PATTERN", ...)`},
		{`match(a, "b*")`, `1:1: there is no function match; write value regex ("EXPRESSION", ...)`},
		{`length~(a) == 1`, `1:1: length has no form with ~`},
		{`length() == 1`, `1:1: length takes 1 argument, not 0`},
		{`startsWith(a)`, `1:1: startsWith takes 2 arguments, not 1`},
		{`substring(a) == "x"`, `1:1: substring takes 2 to 3 arguments, not 1`},
		{`cidrMatch(a)`, `1:1: cidrMatch takes 2 or more arguments, not 1`},
		{`cidrMatch(a, "10.0.0.0")`, `1:14: "10.0.0.0" is no CIDR block; write 10.0.0.0/8 or 2001:db8::/32`},
		{`cidrMatch(a, b)`, `1:14: the block of cidrMatch is a literal`},
		{`startsWith(a, 5)`, `1:15: the substring of startsWith wants text, not a number`},
		{`length(5) == 1`, `1:8: the source of length wants text, not a number`},
		{`substring(a, "1")`, `1:14: the start of substring wants a number, not text`},
		{`number("1", b)`, `1:13: the base of number is a literal`},
		{`number("1", 99)`, `1:13: the base of number is a whole number from 2 to 36`},
		{`between(a, "b", "c", 1)`, `1:22: the greedy of between wants a condition, not a number`},
		{`1 + "a" == 2`, `1:5: + wants a number, not text`},
		{`-"a" == 2`, `1:2: the minus wants a number, not text`},
		{`a + (b == c)`, `1:6: + wants a number, not a condition`},
		{`a and "b"`, `1:7: and wants a condition, not text`},
		{`not 5`, `1:5: not wants a condition, not a number`},
		{`a or length(b)`, `1:6: or wants a condition, not a number`},
		{`a < null`, `1:1: nothing is < null; write == null or != null`},
		{`a in ("x", null)`, `1:12: null is in no list; write == null`},
		{`a : 5`, `1:5: : compares text: write a string, or use ==`},
		{`a : null`, `1:5: : compares text: write a string, or use ==`},
		{`a like (1)`, `1:9: like compares text: write a string, or use ==`},
		{`length(a) : "5"`, `1:1: : wants text, not a number`},
		{`a regex "b("`, `1:9: nothing stands beside | or between parentheses; write () for the empty text`},
		{`a regex "^b$"`, `1:9: ^ is no anchor: a regular expression matches the whole value; write \^ for the character`},
		{`a.b == unknown.column`, `1:8: no stage unknown`},
		{`a in all(unknown.column)`, `1:6: no stage unknown`},
	}
	noStage := errors.New("no stage unknown")
	for _, tt := range tests {
		e, err := ParseExpr(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		_, err = Compile(e, func(r Ref) (int, error) {
			if strings.HasPrefix(r.Name, "unknown.") {
				return 0, noStage
			}
			return 0, nil
		})
		checkError(t, tt.text, err, tt.want)
		if strings.Contains(tt.text, "unknown.") && !errors.Is(err, noStage) {
			t.Errorf("%s: the binder's error is lost", tt.text)
		}
	}
}

func TestHoldsAllocatesNothing(t *testing.T) {
	for _, text := range []string{
		`name == "Report.DOCX"`, `name : "*.docx"`, `name : st.column`, `n > 4 and n <= 5`, `name in~ ("x", "report.docx")`,
		`startsWith~(path, drive)`, `missing == null`, `endsWith(name, ".x") or yes`, `n in all(st.files)`, `name != path`,
	} {
		r := someRow()
		p := compileIn(t, r, text)
		if n := testing.AllocsPerRun(100, func() { p.Holds(r) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

func TestWildcards(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"**", "", true}, {"?", "", false}, {"?", "ä", true}, {"??", "ä", false},
		{"a*b", "ab", true}, {"a*b", "axxb", true}, {"a*b", "axxbc", false}, {"*a*b*", "xxaxxbxx", true}, {"*a?b", "aab", true}, {"*ab", "aab", true}, {"*ab", "abab", true},
		{"a*?", "a", false}, {"a*?", "ab", true}, {"*?a", "aa", true}, {`a\*`, `a\b`, true}, {`a\*`, `a*`, false}, {"a%_", "a%_", true}, {"a%_", "axx", false}, {"*", "a\nb", true}, {"*.txt", "ä.txt", true},
	}
	for _, tt := range tests {
		if got := newPattern(tt.pattern, false).matches(tt.text); got != tt.want {
			t.Errorf("%q on %q: %v", tt.pattern, tt.text, got)
		}
	}
}

// TestWildcardsAgainstRegexp holds the matcher against a regular expression.
func TestWildcardsAgainstRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[abAä*?\\]{0,8}`).Draw(t, "pattern")
		value := rapid.StringMatching(`[abABä*?\\]{0,10}`).Draw(t, "value")
		fold := rapid.Bool().Draw(t, "fold")
		escaped := strings.NewReplacer(`\`, `\\`, `*`, `.*`, `?`, `.`).Replace(text)
		re, err := compileRegex(escaped, fold)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := newPattern(text, fold).matches(value), re.MatchString(value); got != want {
			t.Fatalf("%q on %q: %v, want %v", text, value, got, want)
		}
	})
}

func TestRegex(t *testing.T) {
	tests := []struct {
		expr    string
		fold    bool
		yes, no []string
	}{
		{"", false, []string{""}, []string{"a"}},
		{"ab", false, []string{"ab"}, []string{"a", "abc", "xab", "AB"}},
		{"ab", true, []string{"aB", "AB"}, []string{"äb"}},
		{"k", true, []string{"K"}, []string{"\u212a"}}, // the Kelvin sign folds to k in Unicode only
		{"a|bc|()", false, []string{"a", "bc", ""}, []string{"ac"}},
		{"a.c", false, []string{"a\nc", "aäc"}, []string{"ac"}},
		{"(ab)+", false, []string{"abab"}, []string{"", "aba"}},
		{"a+?", false, []string{"", "aa"}, []string{"b"}}, // optional, not lazy
		{"a{2}b{1,}c{0,2}", false, []string{"aab", "aabbcc"}, []string{"ab", "aabccc"}},
		{"[a-c]+[^x-z]", false, []string{"abd", "ca\n"}, []string{"ax", "d"}},
		{"[a-c]+", true, []string{"aBC"}, []string{"d"}},
		{"[^a]", true, []string{"b"}, []string{"A", "a"}},
		{`[\]\-a]+`, false, []string{"a]-"}, []string{`\`}},
		{`[a-]+`, false, []string{"a-"}, []string{"b"}},
		{`[.*+]+`, false, []string{".*+"}, []string{"a"}},
		{`[\d_]+\s\w\S`, false, []string{"1_ a-"}, []string{"a a-"}},
		{`\.\*\\\"`, false, []string{`.*\"`}, nil},
		{`"a.b"+`, false, []string{"a.ba.b"}, []string{"axb"}},
		{`C:\\Windows( \(x86\))?\\.*\.exe`, true, []string{`c:\windows (X86)\a.EXE`, `C:\Windows\a.exe`}, []string{`C:\Windows\a.dll`}},
		{"a]b}", false, []string{"a]b}"}, nil},
	}
	for _, tt := range tests {
		re, err := compileRegex(tt.expr, tt.fold)
		if err != nil {
			t.Errorf("%q: %v", tt.expr, err)
			continue
		}
		for _, s := range tt.yes {
			if !re.MatchString(s) {
				t.Errorf("%q does not match %q", tt.expr, s)
			}
		}
		for _, s := range tt.no {
			if re.MatchString(s) {
				t.Errorf("%q matches %q", tt.expr, s)
			}
		}
	}
	for _, bad := range []string{
		"a$", "^a", "a&b", "a@b", "#", "~a", "<1-5>", "(?i)a", "(a", "a)", "[a", "[]", "[^]", "a||b", "|a", "*a", "{2}", "a{", "a{x}", "a{,2}", "a{1,2,3}",
		`a\`, `\n`, `\bx`, `[\W]`, `[b-a]`, `[\`, `a"b`, "a{1001}", "a???????????", strings.Repeat("(", 300), "a{2,1}",
	} {
		if re, err := compileRegex(bad, false); err == nil {
			t.Errorf("%q is read as %s", bad, re)
		}
	}
}

func TestFold(t *testing.T) {
	if got := Fold("ÄBC-xYz[`@É"); got != "Äbc-xyz[`@É" {
		t.Error(got)
	}
	if n := testing.AllocsPerRun(100, func() { Fold("nothing to fold: äöü 123") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func anyValue() *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value {
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return esq.Str(rapid.StringMatching(`[aAbB1*é]{0,2}`).Draw(t, "s"))
		case 1:
			return esq.Integer(rapid.Int64Range(-2, 2).Draw(t, "i"))
		case 2:
			return esq.Num(rapid.SampledFrom([]float64{1, -2, 0.5, 1e30, 9.3e18}).Draw(t, "f"))
		case 3:
			return esq.Boolean(rapid.Bool().Draw(t, "b"))
		}
		return Value{}
	})
}

// TestKey: keys are equal exactly when == or : says so of columns.
func TestKey(t *testing.T) {
	e := map[bool]Expr{}
	for fold, text := range map[bool]string{false: "a == b", true: "a : b"} {
		var err error
		if e[fold], err = ParseExpr(text); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, fold := anyValue().Draw(t, "a"), anyValue().Draw(t, "b"), rapid.Bool().Draw(t, "fold")
		r := &row{values: map[string][]Value{"a": {a}, "b": {b}}}
		p, err := Compile(e[fold], r.bind)
		if err != nil {
			t.Fatal(err)
		}
		want := !a.IsNull() && !b.IsNull() && Key(a, fold) == Key(b, fold)
		if got := p.Holds(r); got != want {
			t.Fatalf("%v, %v, fold %v: holds %v, keys %v", a, b, fold, got, want)
		}
		if set := NewSet([]Value{a}); set.Contains(b, fold) != want {
			t.Fatalf("%v, %v, fold %v: the set disagrees", a, b, fold)
		}
	})
}

func TestSet(t *testing.T) {
	s := NewSet(vals("b", "a", nil, "B", 2, 1, "a"))
	if diff := cmp.Diff(vals(1, 2, "B", "a", "b"), s.Values(), cmp.Comparer(func(a, b Value) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if s.Len() != 5 || s.Contains(Value{}, false) || !s.Contains(esq.Str("A"), true) || s.Contains(esq.Str("A"), false) {
		t.Error("wrong elements")
	}
	var none *Set
	if none.Len() != 0 || none.Contains(esq.Str("a"), true) || none.Values() != nil {
		t.Error("a nil set is not empty")
	}
}

func TestDistinct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs := rapid.SliceOfN(anyValue(), 0, 40).Draw(t, "values")
		var want []Value
		for _, v := range vs {
			if !v.IsNull() && !contained(want, v) {
				want = append(want, v)
			}
		}
		if got := distinct(vs); !slices.Equal(got, want) {
			t.Fatalf("%v of %v", got, vs)
		}
	})
}
