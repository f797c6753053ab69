package main

import (
	"os"
	"path/filepath"
	"testing"
)

const (
	untidyRule = "[rule]\nname='R' # note\nrule_id = 'r'\n"
	tidyRule   = "[rule]\nrule_id = 'r'\nname = 'R' # note\n"
)

func TestFmt(t *testing.T) {
	untidy, tidy := write(t, "untidy.toml", untidyRule), write(t, "tidy.toml", tidyRule)
	if err := os.Chmod(untidy, 0o640); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(untidy)

	call{}.run(t, "fmt", "--check", tidy).want(t, exitFine, "", "")
	call{}.run(t, "fmt", "--check", folder).want(t, exitProblems, untidy+"\n", "1 file not in canonical form; run stitch fmt "+folder)
	mustHold(t, untidy, untidyRule)

	call{}.run(t, "fmt", folder, tidy).want(t, exitFine, untidy+"\n", "")
	mustHold(t, untidy, tidyRule)
	if info, err := os.Stat(untidy); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v; want it kept", info.Mode(), err)
	}
	if left, _ := os.ReadDir(folder); len(left) != 1 {
		t.Errorf("the folder holds %v, want the file alone", left)
	}
	if r := (call{}).run(t, "fmt", folder); r.out != "" {
		t.Errorf("formatted twice: %s", r.out)
	}
}

func TestFmtOfBrokenFiles(t *testing.T) {
	broken, untidy := write(t, "broken.toml", "[rule\n"), write(t, "untidy.toml", untidyRule)
	call{}.run(t, "fmt", broken, untidy).want(t, exitProblems, broken+": read TOML: line 2", "1 file could not be formatted")
	mustHold(t, broken, "[rule\n")
	mustHold(t, untidy, tidyRule)
	call{}.run(t, "fmt").want(t, exitUsage, "", "name files or folders")
	call{}.run(t, "fmt", "nowhere.toml").want(t, exitUsage, "", `cannot find "nowhere.toml"`)
}

func TestFmtOfStdin(t *testing.T) {
	r := call{stdin: untidyRule}.run(t, "fmt", "-")
	if r.code != exitFine || r.out != tidyRule {
		t.Errorf("exit code %d, %q", r.code, r.out)
	}
	call{stdin: untidyRule}.run(t, "fmt", "--check", "-").want(t, exitProblems, "", "not in canonical form")
}

func mustHold(t *testing.T, name, want string) {
	t.Helper()
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
	}
}
