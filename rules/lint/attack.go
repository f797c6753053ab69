package lint

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/stitchdetect/stitch/rules"
)

//go:embed attack.txt
var attackText string

// technique is an entry of ATT&CK; tactics have none above them.
type technique struct {
	name    string
	tactics []string
}

// attackTable reads attack.txt: ids to entries.
var attackTable = sync.OnceValue(func() map[string]technique {
	table := map[string]technique{}
	for line := range strings.Lines(attackText) {
		if columns := strings.Split(strings.TrimSpace(line), "\t"); len(columns) == 2 {
			table[columns[0]] = technique{name: columns[1]}
		} else if len(columns) == 3 {
			table[columns[0]] = technique{columns[1], strings.Fields(columns[2])}
		}
	}
	return table
})

// attack judges what the rule says of MITRE ATT&CK.
func (o *outline) attack() {
	for i, t := range o.rule.Threat {
		if t.Framework != "MITRE ATT&CK" {
			continue
		}
		at := []string{"rule", "threat", fmt.Sprint(i)}
		o.entry(append(at, "tactic"), t.Tactic, "tactics")
		for k, tech := range t.Techniques {
			path := append(at[:3:3], "technique", fmt.Sprint(k))
			o.entry(path, tech.Reference, "techniques")
			o.serves(path, tech.Reference, t.Tactic)
			for n, sub := range tech.Subtechniques {
				path := append(path[:5:5], "subtechnique", fmt.Sprint(n))
				o.entry(path, sub, "techniques")
				if !strings.HasPrefix(sub.ID, tech.ID+".") {
					o.find("attack-mismatch", append(path, "id"), fmt.Sprintf("%s is no subtechnique of %s", sub.ID, tech.ID), "move it or correct the id")
				}
			}
		}
	}
}

// entry judges id, name and reference of one entry.
func (o *outline) entry(path []string, ref rules.Reference, kind string) {
	known, ok := attackTable()[ref.ID]
	if !ok {
		o.find("attack-outdated", append(path[:len(path):len(path)], "id"), fmt.Sprintf("%s is not in ATT&CK 17.0", ref.ID), "take the entry that has replaced it")
		return
	}
	if ref.Name != known.name {
		o.find("attack-outdated", append(path[:len(path):len(path)], "name"), fmt.Sprintf("%s is called %q", ref.ID, known.name), "take that name")
	}
	want := "https://attack.mitre.org/" + kind + "/" + strings.ReplaceAll(ref.ID, ".", "/") + "/"
	if ref.URL != "" && strings.TrimSuffix(ref.URL, "/")+"/" != want {
		o.find("attack-outdated", append(path[:len(path):len(path)], "reference"), fmt.Sprintf("the page of %s is elsewhere", ref.ID), "refer to "+want)
	}
}

func (o *outline) serves(path []string, tech, tactic rules.Reference) {
	known, ok := attackTable()[tech.ID]
	if ok && !slices.Contains(known.tactics, tactic.ID) {
		o.find("attack-mismatch", append(path[:len(path):len(path)], "id"),
			fmt.Sprintf("%s (%s) does not serve the tactic %s", tech.ID, known.name, tactic.ID),
			"it serves "+strings.Join(known.tactics, ", ")+"; move it or correct the id")
	}
}
