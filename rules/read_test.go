package rules

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestManyFiles loads more files than are read at once, which share a view and
// exceptions: what is wrong is said in the order of the files, and of an
// exception once for each rule.
func TestManyFiles(t *testing.T) {
	files := map[string]string{
		"views/event.toml": "[[source]]\nname = \"s\"\nindex = [\"logs-*\"]\nfilter = 'a:b'\n[source.columns]\n\"user.name\" = {}\n",
	}
	var except string
	var want, ofExceptions []string
	rule := `[rule]
rule_id = "r-%03d"
name = "R %03d"
type = "sequence"
%s
[[rule.stage]]
id = "a"
query = 'event where user.name != null'
[[rule.stage]]
id = "b"
query = 'event where endsWith(user.name, "x")'
join = 'user.name == a.user.name'
`
	for i := range 100 {
		wrong := ""
		if i%10 == 3 {
			wrong = `colour = "red"`
			want = append(want, fmt.Sprintf("rule_%03d.toml:5: R %03d: unknown key \"rule.colour\"; remove it or correct it", i, i))
		}
		if i%10 == 7 {
			ofExceptions = append(ofExceptions, fmt.Sprintf("exceptions/e.toml:%d: rule R %03d has no stage \"c\" (did you mean a?)", 7*len(ofExceptions)+7, i))
			except += fmt.Sprintf("[[exception]]\nrule = \"r-%03d\"\nowner = \"o\"\nreason = \"y\"\nwhen = 'user.name == \"x\"'\n\nstage = \"c\"\n", i)
		}
		files[fmt.Sprintf("rule_%03d.toml", i)] = fmt.Sprintf(rule, i, i, wrong)
	}
	except += "[[exception]]\nrule = \"*\"\nowner = \"o\"\nreason = \"y\"\nwhen = 'user.name == \"y\"'\n"
	files["exceptions/e.toml"] = except
	dir := write(t, files)
	for range 5 {
		if diff := cmp.Diff(append(ofExceptions[:len(ofExceptions):len(ofExceptions)], want...), problemsOf(t, dir)); diff != "" {
			t.Fatalf("problems (-want +got):\n%s", diff)
		}
	}
}
