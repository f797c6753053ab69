package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
)

func TestUnpack(t *testing.T) {
	c := column{json: []string{"f3u", "eid"}}
	for _, test := range []struct {
		text string
		want []esq.Value
	}{
		{`{"f3u":"ann@example.com","eid":"other"}`, []esq.Value{esq.Str("ann@example.com")}},
		{`{"f3u":null,"eid":"bob@example.com"}`, []esq.Value{esq.Str("bob@example.com")}},
		{`{"f3u":["a",null,5,true,{}]}`, []esq.Value{esq.Str("a"), esq.Integer(5), esq.Boolean(true)}},
		{`{"f3u":{"a":"b"}}`, nil},
		{`{"F3U":"ann"}`, nil},
		{`ann@example.com`, nil},
		{`"ann@example.com"`, nil},
		{`{"f3u":"cut off`, nil},
		{``, nil},
	} {
		if diff := cmp.Diff(test.want, c.unpack([]esq.Value{esq.Str(test.text)}), cmp.Comparer(sameValue)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.text, diff)
		}
	}
	if got := c.unpack([]esq.Value{esq.Integer(1)}); len(got) != 0 {
		t.Errorf("a number holds %v", got)
	}
	if got := (column{}).unpack([]esq.Value{esq.Str("{}")}); len(got) != 1 {
		t.Errorf("a column that is not packed: %v", got)
	}
}

// TestPackedColumn asks for a member that no query can reach.
func TestPackedColumn(t *testing.T) {
	set, err := Load([]string{write(t, map[string]string{
		"views/report.toml": `
[[source]]
name = "s"
index = ["logs-*"]
[source.columns]
"user.email" = { from = "data", json = "f3u", as = "lower" }
`,
		"rule.toml": "[rule]\nrule_id = \"r\"\nname = \"R\"\ntype = \"sequence\"\nfrom = \"now-1d\"\n" + `
[[rule.stage]]
id = "a"
query = 'report where user.email == "ann"'
`})})
	if err != nil {
		t.Fatal(err)
	}
	m := engineOf(t, `
logs-1 1 01:00:00 {"data":"{\"f3u\":\"Ann\"}"}
logs-1 2 02:00:00 {"data":"{\"f3u\":\"bob\"}"}
logs-1 3 03:00:00 {"data":"ann"}
`)
	if alerts := runDay(t, set.Rules[0], m).Alerts; len(alerts) != 1 || alerts[0].Stages[0].Documents[0].ID != "1" {
		t.Errorf("alerts %v, want document 1's", alerts)
	}
}
