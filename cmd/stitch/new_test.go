package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNewRule(t *testing.T) {
	out := filepath.Join(t.TempDir(), "mine", "usb.toml")
	call{}.run(t, "new", "rule", "--name", `Odd "name" \\`, "--stage", "download", "--stage", "file_write", "--stage", "file_write", "--out", out).
		want(t, exitFine, "wrote "+out, "")
	call{}.run(t, "check", filepath.Dir(out)).want(t, exitFine, "1 rule, no problems", "")
	call{}.run(t, "fmt", "--check", out).want(t, exitFine, "", "")
	text, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(text), "'user.email : file_write.user.email'") || !strings.Contains(string(text), "file_write_2") {
		t.Errorf("%v\n%s", err, text)
	}
	call{}.run(t, "new", "rule", "--name", "x", "--stage", "download", "--out", out).want(t, exitUsage, "", out+" is there already")
}

func TestNewAsks(t *testing.T) {
	out := filepath.Join(t.TempDir(), "r.toml")
	call{stdin: "Asked for\ndownload, usb_mount\n" + out + "\n"}.run(t, "new", "rule").want(t, exitFine, "wrote "+out, "What is the rule called: ")
	call{stdin: "Asked for\n"}.run(t, "new", "rule").want(t, exitUsage, "", "no answer; give it with --stage")
	call{}.run(t, "new").want(t, exitUsage, "", "say what")
	call{}.run(t, "new", "rule", "--name", "x", "--stage", "downlod", "--out", filepath.Join(t.TempDir(), "x.toml")).
		want(t, exitProblems, "", `unknown view "downlod" (did you mean download?)`)
}

func TestNewView(t *testing.T) {
	folder := t.TempDir()
	view := filepath.Join(folder, "views", "logon.toml")
	args := []string{"new", "view", "--name", "A logon", "--index", "logs-vpn-*", "--filter", `event.action:"log on"`, "--out"}
	call{}.run(t, append(args, view)...).want(t, exitFine, "wrote "+view, "")
	call{}.run(t, append(args, filepath.Join(folder, "logon.toml"))...).want(t, exitUsage, "", "a view lies in a folder named views")
	rule := filepath.Join(folder, "rule.toml")
	call{}.run(t, "new", "rule", "--name", "Two logons", "--stage", "logon", "--stage", "download", "--out", rule).want(t, exitFine, "wrote "+rule, "")
	call{}.run(t, "check", folder).want(t, exitFine, "1 rule, no problems", "")
}

func TestRules(t *testing.T) {
	call{}.run(t, "rules").want(t, exitFine, "  runs      every 5m\n", "")
	var list []listedRule
	decode(t, call{}.run(t, "rules", "--output", "json"), exitFine, &list)
	if len(list) < 4 || list[0].ID == "" || len(list[0].Sources) == 0 || list[0].CoveredUntil != nil {
		t.Errorf("%+v", list)
	}
	call{}.run(t, "rules", "--output", "xml").want(t, exitUsage, "", "--output must be text or json")
	call{}.run(t, "rules", "--rules", write(t, "r.toml", eventRule)).want(t, exitFine, "  sources   events-*\n", "")
	call{}.run(t, "rules", "--rules", write(t, "r.toml", strings.Replace(eventRule, `interval = "1m"`, `schedule = "CRON_TZ=Europe/Berlin 0 6 * * *"`, 1))).
		want(t, exitFine, "  runs      CRON_TZ=Europe/Berlin 0 6 * * *\n", "")
}
