package ruletest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

func TestMoment(t *testing.T) {
	from := time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"+5m":                  "2026-01-05T00:05:00.000Z",
		"-1d 2h":               "2026-01-03T22:00:00.000Z",
		"+1h30m":               "2026-01-05T01:30:00.000Z",
		"+0s":                  "2026-01-05T00:00:00.000Z",
		"+1ms":                 "2026-01-05T00:00:00.001Z",
		"2026-02-01":           "2026-02-01T00:00:00.000Z",
		"2026-02-01T03:00+02:": "",
		"5m":                   "",
		"+5":                   "",
		"+5m-3s":               "",
		"+":                    "",
	} {
		got, err := moment(text, from)
		if (err == nil) != (want != "") || err == nil && stamp(got) != want {
			t.Errorf("%q: %s, %v; want %s", text, stamp(got), err, want)
		}
	}
}

// FuzzRead reads any text as tests: there are tests, or problems.
func FuzzRead(f *testing.F) {
	names, err := filepath.Glob("../*.test.toml")
	if err != nil || len(names) == 0 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		// One test of each: a long text is slow to try.
		parts := strings.SplitAfterN(string(text), "\n[[test]]\n", 3)
		f.Add(strings.TrimSuffix(strings.Join(parts[:2], ""), "\n[[test]]\n"))
	}
	f.Add("[event.a]\nlike = 'a'\nat = '+1m'\nrepeat = 3\n[[test]]\nname = 'x'\nevents = ['a +5m']\nalerts = 0\n")
	f.Add("[[test]]\nname = 'x'\n[[test.event]]\nindex = 'i'\nat = 2026-01-01\ndocument = {a = [1, {b = 2}]}\n[[test.alert]]\nx.y = 1979-05-27\n")
	set, err := rules.Load(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := &Suite{File: "x.test.toml", set: set}
		if problems := s.read(text); len(problems) == 0 && len(s.Tests) == 0 {
			t.Error("neither tests nor problems")
		}
	})
}
