package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// call is one call of the program.
type call struct {
	env   map[string]string
	stdin string
	out   io.Writer // instead of a buffer
	// patient calls repeat requests as they do in earnest, for real engines: one
	// that has just made an index may not answer about it at once.
	patient bool
}

// result is what came of a call.
type result struct {
	code     int
	out, err string
}

func (c call) run(t *testing.T, args ...string) result {
	t.Helper()
	return c.runContext(t.Context(), args...)
}

func (c call) runContext(ctx context.Context, args ...string) result {
	var out, err bytes.Buffer
	s := streams{
		in: strings.NewReader(c.stdin), out: &out, err: &err,
		env:   c.lookup,
		retry: esq.Retry{Attempts: 2, Base: time.Millisecond, Max: time.Millisecond},
	}
	if c.patient {
		s.retry = esq.Retry{}
	}
	if c.out != nil {
		s.out = c.out
	}
	code := run(ctx, args, s)
	return result{code, out.String(), err.String()}
}

// lookup is the environment, in which nothing is listened to unless a test says
// so: tests run side by side.
func (c call) lookup(name string) (string, bool) {
	if v, ok := c.env[name]; ok || name != "STITCH_LISTEN" {
		return v, ok
	}
	return "off", true
}

// want fails the test unless the code is this one, and both outputs hold the
// words, or are empty where there are none.
func (r result) want(t *testing.T, code int, out, err string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for _, o := range []struct{ name, got, want string }{{"stdout", r.out, out}, {"stderr", r.err, err}} {
		if o.want == "" && o.got != "" || !strings.Contains(o.got, o.want) {
			t.Errorf("%s: %q is not in\n%s", o.name, o.want, o.got)
		}
	}
}

// write makes a file of a temporary folder and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// eventRule finds every document of an index, once a minute.
const eventRule = `[rule]
name = "Any event"
rule_id = "0d3a5b1e-61c9-4d0c-9c5a-111111111111"
type = "query"
language = "kuery"
index = ["events-*"]
query = "event.action:copy"
interval = "1m"
`

// brokenRule has two problems.
const brokenRule = `[rule]
name = "Broken"
rule_id = "0d3a5b1e-61c9-4d0c-9c5a-222222222222"
type = "query"
langauge = "kuery"
index = ["events-*"]
query = "event.action:("
`

func TestUsage(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	disabled := write(t, "off.toml", eventRule+"enabled = false\n")
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"unknown command", []string{"frobnicate"}, `unknown command "frobnicate"; there are alerts, bootstrap, check, coverage, demo`},
		{"nearly a command", []string{"chekc"}, `unknown command "chekc"; did you mean check?`},
		{"help about nothing", []string{"help", "frobnicate"}, `unknown command "frobnicate"`},
		{"completion of no shell", []string{"completion"}, "name a shell"},
		{"completion of an unknown shell", []string{"completion", "csh"}, "takes no arguments"},
		{"unknown flag", []string{"--frobnicate"}, "unknown flag: --frobnicate; see stitch --help"},
		{"unknown flag of a command", []string{"demo", "--frobnicate"}, "unknown flag: --frobnicate; see stitch demo --help"},
		{"argument of demo", []string{"demo", "x"}, `stitch demo takes no arguments, not "x"`},
		{"argument of run", []string{"run", "x"}, "takes no arguments"},
		{"argument of once", []string{"once", "x"}, "takes no arguments"},
		{"argument of bootstrap", []string{"bootstrap", "x"}, "takes no arguments"},
		{"argument of version", []string{"version", "x"}, "takes no arguments"},
		{"no data", []string{"replay"}, "no data"},
		{"no such data", []string{"replay", "--data", nowhere}, "open data: open " + nowhere},
		{"all data that is not there", []string{"replay", "--data", nowhere, nowhere + "2"}, nowhere + "2"},
		{"data in a folder", []string{"replay", "--data", t.TempDir()}, "is a folder; name the files in it"},
		{"unknown output", []string{"replay", "--data", "-", "--output", "xml"}, `--output must be text or ndjson, not "xml"`},
		{"no time", []string{"replay", "--data", "-", "--from", "yesterday"}, `--from: "yesterday" is not a time`},
		{"end before beginning", []string{"replay", "--data", "-", "--from", "2024-02-23", "--to", "2024-02-22"}, "not after it begins"},
		{"no time at all", []string{"replay", "--data", "-", "--from", "2024-02-23", "--to", "2024-02-23"}, "not after it begins"},
		{"no such rules", []string{"replay", "--data", "-", "--rules", nowhere}, "rules: cannot find"},
		{"no such rule", []string{"replay", "--data", "-", "--rule", "x"}, `no rule with id "x"; there are `},
		{"disabled rules only", []string{"replay", "--data", "-", "--rules", disabled}, "enabled = false"},
		{"no concurrency", []string{"run", "--url", "http://h", "--concurrency", "0"}, "--concurrency must be at least 1"},
		{"negative grace", []string{"once", "--url", "http://h", "--grace", "-1s"}, "--grace"},
		{"no duration", []string{"once", "--grace", "soon"}, "invalid argument"},
		{"unknown log format", []string{"run", "--url", "http://h", "--log-format", "xml"}, "--log-format must be text or json"},
		{"no cluster", []string{"bootstrap"}, "no cluster named"},
		{"no cluster for run", []string{"run"}, "no cluster named"},
		{"no such rules for run", []string{"run", "--url", "http://h", "--rules", nowhere}, "rules: cannot find"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			call{}.run(t, tt.args...).want(t, exitUsage, "", tt.want)
		})
	}
}

func TestHelp(t *testing.T) {
	call{}.run(t).want(t, exitFine, "Available Commands", "")
	call{}.run(t, "--help").want(t, exitFine, "Exit codes", "")
	call{}.run(t, "help", "replay").want(t, exitFine, "both", "")
	for _, name := range []string{"bootstrap", "run", "once"} {
		call{}.run(t, name, "--help").want(t, exitFine, "STITCH_PASSWORD_FILE", "")
	}
	version := call{}.run(t, "version")
	version.want(t, exitFine, "stitch ", "")
	if flag := (call{}).run(t, "--version"); flag != version {
		t.Errorf("version says %q, --version %q", version.out, flag.out)
	}
}

func TestVersionTellsTheBuild(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.99", Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "cafe"}, {Key: "vcs.modified", Value: "true"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"},
	}}
	info.Main.Version = "(devel)"
	if got, want := describe(info), "devel, commit cafe with changes of 2026-01-02T03:04:05Z, go1.99 "; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q...", got, want)
	}
	info.Main.Version = "v1.2.3"
	info.Settings = nil
	if got := describe(info); !strings.HasPrefix(got, "v1.2.3, go1.99 ") {
		t.Errorf("got %q", got)
	}
}

func TestCheck(t *testing.T) {
	good, broken := write(t, "good.toml", eventRule), write(t, "a.toml", brokenRule)
	other := filepath.Join(filepath.Dir(broken), "b.toml")
	if err := os.WriteFile(other, []byte("[rule\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	call{}.run(t, "check").want(t, exitFine, " rules, no problems", "")
	call{}.run(t, "check", good).want(t, exitFine, "1 rule, no problems, 1 warning\n", "")

	// Sorted by file, whatever the order of the arguments, and by line.
	r := call{}.run(t, "check", other, good, broken)
	if lines := strings.Split(r.out, "\n"); r.code != exitProblems || r.err != "" || len(lines) != 4 ||
		!strings.HasPrefix(lines[0], broken+":5: Broken: ") ||
		!strings.HasPrefix(lines[1], broken+":7: Broken: ") ||
		!strings.HasPrefix(lines[2], other+":2: ") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if !strings.Contains(r.out, `"rule.langauge" (did you mean language?)`) {
		t.Errorf("no suggestion in\n%s", r.out)
	}

	nowhere := filepath.Join(t.TempDir(), "nowhere.toml")
	r = call{}.run(t, "check", nowhere, broken)
	r.want(t, exitUsage, nowhere+": ", "")
	if !strings.Contains(r.out, broken+":5:") {
		t.Errorf("the problems of the other file are missing:\n%s", r.out)
	}
	call{}.run(t, "check", t.TempDir()).want(t, exitProblems, "no *.toml in this folder", "")
}

// fails is a writer that has no room.
type fails struct{ err error }

func (f fails) Write([]byte) (int, error) { return 0, f.err }

func TestOutputThatCannotBeWritten(t *testing.T) {
	full := call{out: fails{errors.New("no space left")}}
	full.run(t, "check").want(t, exitProblems, "", "stitch: write output: no space left\n")
	full.run(t, "version").want(t, exitProblems, "", "write output")
	gone := call{out: fails{&os.PathError{Op: "write", Path: "stdout", Err: syscall.EPIPE}}}
	gone.run(t, "check").want(t, exitFine, "", "")
	gone.run(t, "--help").want(t, exitFine, "", "")
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		`E:\Pläne\ÜÄ.dwg`:       `E:\Pläne\ÜÄ.dwg`,
		"a\x1b[31mred\x1b[0m":   "a<U+001B>[31mred<U+001B>[0m",
		"gpj.\u202etxt.exe":     "gpj.<U+202E>txt.exe",
		"one\ntwo\r\tthree\x00": "one<U+000A>two<U+000D><U+0009>three<U+0000>",
		"zero\u200bwidth\ufeff": "zero<U+200B>width<U+FEFF>",
		"\u009b31m \u0085":      "<U+009B>31m <U+0085>",
		"ship 🚢, \U000e0041":    "ship 🚢, <U+E0041>",
		"\xff":                  "<U+FFFD>",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, tt := range []struct {
		in    string
		width int
		want  string
	}{{"abc", 3, "abc"}, {"abcdef", 5, "ab…ef"}, {"abcdef", 4, "ab…f"}, {"äöüäöü", 3, "ä…ü"}, {"abc", 1, "…"}, {"日本語", 6, "日本語"}, {"日本語", 5, "日…語"}, {"日本語", 4, "日…"}} {
		if got := fit(tt.in, tt.width); got != tt.want {
			t.Errorf("%q in %d: got %q, want %q", tt.in, tt.width, got, tt.want)
		}
	}
}
