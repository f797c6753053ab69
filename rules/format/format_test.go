package format_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/format"
)

func TestSource(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"spaces, order of keys, notes", `
[rule]
type="sequence"   # a chain
  rule_id  =   'r-1'
# what people see
name = "R"
strange = 1
`, `[rule]
rule_id = 'r-1'
# what people see
name = "R"
type = "sequence" # a chain
strange = 1
`},
		{"tables keep what belongs to them", `[rule.alert.details]
B = "b"
A = "a"
[rule.alert]
by = ["a"]
[[rule.stage]]
query = 'x'
id = "one"
[rule.stage.summarize]
n = "count()"
by = ["u"]
[[rule.stage]]
id = "two"

[rule]
name = "R"
[metadata]
maturity = "production"
`, `[metadata]
maturity = "production"

[rule]
name = "R"

[[rule.stage]]
id = "one"
query = 'x'

[rule.stage.summarize]
n = "count()"
by = ["u"]

[[rule.stage]]
id = "two"

[rule.alert.details]
B = "b"
A = "a"

[rule.alert]
by = ["a"]
`},
		{"comments stay where they belong", `# of the file

# of the table
[rule] # note
name = "R" # why
# below the last key

# of the stage
[[rule.stage]]
id = "a"
# the end
`, `# of the file

# of the table
[rule] # note
name = "R" # why

# below the last key

# of the stage
[[rule.stage]]
id = "a"

# the end
`},
		{"values of several lines", `[rule]
tags = [
  "x", # one
  "]",
]   # both
note = """
text \""" more
"""
query = '''
  a = b # no comment
[not a table]
'''
`, `[rule]
tags = [
  "x", # one
  "]",
] # both
note = """
text \""" more
"""
query = '''
  a = b # no comment
[not a table]
'''
`},
		{"a view", `[[source]]
index = ["a-*"]
name = "a"
[source.columns]
"user.id"="x"
[[source]]
name = "b"
`, `[[source]]
name = "a"
index = ["a-*"]

[source.columns]
"user.id" = "x"

[[source]]
name = "b"
`},
		{"tests", `start="2026-01-05"
[event.copy]
at = "+1m"
[event.alert]
at = "+2m"
[[harmless]]
mutation = "x"
[[test]]
name = "a"
[[test.event]]
like = "copy"
[[test.alert]]
at = "+2m"
`, `start = "2026-01-05"

[event.copy]
at = "+1m"

[event.alert]
at = "+2m"

[[harmless]]
mutation = "x"

[[test]]
name = "a"

[[test.event]]
like = "copy"

[[test.alert]]
at = "+2m"
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := format.Source(test.in, rules.KeyOrder())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error("(-want +got):\n" + diff)
			}
		})
	}
}

func TestSourceRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"[rule\n":          "line 2",
		"a = 1\nb = [1,\n": "line 2",
		"a = 1 b\n":        "line 1",
	} {
		if _, err := format.Source(in, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one of %s", in, err, want)
		}
	}
}

// TestShipped holds the shipped rules and views to their own form.
func TestShipped(t *testing.T) {
	for _, pattern := range []string{"../*.toml", "../views/*.toml"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := format.Source(string(text), rules.KeyOrder())
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if diff := cmp.Diff(string(text), got); diff != "" {
				t.Errorf("%s is not in canonical form (-is +should be):\n%s", name, diff)
			}
		}
	}
}

func FuzzSource(f *testing.F) {
	for _, pattern := range []string{"../*.toml", "../views/*.toml"} {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	f.Add("a = [ '''x\n]''', { b = \"]\" } ] # c\r\n[t] #d\n\"k = 1\" = 2\n#e")
	order := rules.KeyOrder()
	f.Fuzz(func(t *testing.T, text string) {
		once, err := format.Source(text, order)
		if err != nil {
			if strings.Contains(err.Error(), "report") {
				t.Fatal(err)
			}
			return
		}
		twice, err := format.Source(once, order)
		if err != nil {
			t.Fatalf("the result is refused: %v\n%s", err, once)
		}
		if diff := cmp.Diff(once, twice); diff != "" {
			t.Error("formatting again changes (-once +twice):\n" + diff)
		}
	})
}
