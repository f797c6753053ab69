package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// writeRules writes so many rules, no two alike, into a new folder.
func writeRules(data string, count int, interval time.Duration) (string, error) {
	dir, err := os.MkdirTemp(data, "idle-rules-")
	if err != nil {
		return "", fmt.Errorf("write rules: %w", err)
	}
	for i := range count {
		text := ruleText(i, interval)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("rule%04d.toml", i)), []byte(text), 0o600); err != nil {
			return dir, fmt.Errorf("write rules: %w", err)
		}
	}
	return dir, nil
}

// ruleText is the i-th rule: a query, or a chain of two stages.
func ruleText(i int, interval time.Duration) string {
	first, second := kinds()[i%4], kinds()[(i+1)%4]
	head := fmt.Sprintf("[rule]\nname = \"Rule %d\"\nrule_id = \"00000000-0000-4000-8000-%012d\"\ninterval = \"%ds\"\nfrom = \"now-%ds\"\n", i, i, int(interval.Seconds()), 2*int(interval.Seconds()))
	if i%2 == 0 {
		return head + fmt.Sprintf("type = \"query\"\nlanguage = \"kuery\"\nindex = [\"idle-%s-*\"]\nquery = 'event.action:(a%d or \"b%d\") and not user.name:u%d and event.code:c%d'\n", first, i%7, i, i%50, i%100)
	}
	return head + fmt.Sprintf(`type = "sequence"
index = ["idle-%s-*"]
maxspan = "1h"
[[rule.stage]]
id = "one"
query = 'any where event.action == "a%d" and event.code == "c%d" and user.name != null'
[[rule.stage]]
id = "two"
index = ["idle-%s-*"]
query = 'any where event.action in ("a%d", "x%d") and startsWith~(file.name, "F%d")'
join = 'user.name == one.user.name'
[rule.alert]
anchor = "two"
by = ["two"]
`, first, i%7, i%100, second, (i+3)%7, i, i%9)
}
