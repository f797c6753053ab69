package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// writeRules writes a folder of n rule files: of ten, six ask one query in kuery,
// two a condition in EQL, and two are chains like the shipped one.
func writeRules(folder string, texts []string, n int) error {
	chain, err := os.ReadFile(filepath.Join("rules", "mass_download_usb.toml"))
	if err != nil {
		return fmt.Errorf("read chain: %w", err)
	}
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		return fmt.Errorf("make folder of rules: %w", err)
	}
	r := rand.New(rand.NewPCG(9, 9))
	for i := range n {
		var text string
		switch i % 10 {
		case 0, 5:
			text = strings.Replace(string(chain), "8a30d849-6e54-41a0-9cbb-d8f055b4dd19", ruleID(i), 1)
		case 3, 7:
			text = oneStage(i, drawCondition(r))
		default:
			text = oneQuery(i, texts[i%len(texts)])
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("rule_%05d.toml", i)), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write rule: %w", err)
		}
	}
	return nil
}

func ruleID(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

func head(i int, kind string) string {
	return fmt.Sprintf(`[metadata]
creation_date = "2026/11/22"
maturity = "production"
updated_date = "2026/11/22"

[rule]
rule_id = %q
name = "Rule %d"
description = "Written to be read again."
author = ["stitch"]
license = "Apache-2.0"
type = %q
index = ["logs-*"]
from = "now-10m"
interval = "5m"
severity = "low"
risk_score = 21
`, ruleID(i), i, kind)
}

func oneQuery(i int, query string) string {
	return head(i, "query") + "language = \"kuery\"\nquery = '''\n" + query + "\n'''\n"
}

func oneStage(i int, condition string) string {
	return head(i, "sequence") + "\n[[rule.stage]]\nid = \"event\"\nquery = '''" + condition + "'''\n\n[rule.alert]\nanchor = \"event\"\n"
}
