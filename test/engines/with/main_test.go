package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/test/engines"
)

// without makes nodes impossible to start, for the test's time.
func without(t *testing.T, choice string) {
	t.Setenv("STITCH_TEST_ENGINES", choice)
	t.Setenv("STITCH_TEST_VIA", "nothing")
	for _, e := range engines.All() {
		t.Setenv(e.URLVariable(), "")
		t.Setenv(e.MissingVariable(), "")
	}
}

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name, choice string
		args         []string
		code         int
		out, log     string // parts of what is written
	}{
		{name: "usage", code: 2, log: "usage"},
		{name: "the command's exit code", choice: "none", args: []string{"bash", "-c", "echo hello; exit 7"}, code: 7, out: "hello\n"},
		{name: "missing", choice: "es8", args: []string{"bash", "-c", `echo "$STITCH_TEST_ES8_MISSING"`}, out: `unknown word "nothing"`},
		{name: "missing but required", choice: "es8,required", args: []string{"echo", "hello"}, code: 1, log: "es8 is required"},
		{name: "wrong choice", choice: "es1", args: []string{"true"}, code: 1, log: "STITCH_TEST_ENGINES"},
		{name: "serve what is not", args: []string{"-serve", "es1"}, code: 1, log: `"es1"`},
		{name: "serve usage", args: []string{"-serve"}, code: 2, log: "usage"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			without(t, tt.choice)
			var out, log bytes.Buffer
			code := run(t.Context(), tt.args, strings.NewReader(""), &out, &log)
			if code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(log.String(), tt.log) {
				t.Errorf("got code %d, output %q and log %q; want %d, %q and %q", code, out.String(), log.String(), tt.code, tt.out, tt.log)
			}
		})
	}
}

func TestRunEndsTheCommandWithTheContext(t *testing.T) {
	without(t, "none")
	ctx, cancel := context.WithCancel(t.Context())
	var log bytes.Buffer
	code := run(ctx, []string{"bash", "-c", "echo up; exec tail -f /dev/null"}, nil, writer(func() { cancel() }), &log)
	if code != 1 || !strings.Contains(log.String(), context.Canceled.Error()) {
		t.Errorf("got code %d and log %q", code, log.String())
	}
}

// writer calls itself when something is written.
type writer func()

func (w writer) Write(b []byte) (int, error) {
	w()
	return len(b), nil
}

func TestServeSaysWhatIsMissing(t *testing.T) {
	without(t, "")
	var out, log bytes.Buffer
	if code := run(t.Context(), []string{"-serve", "os3"}, strings.NewReader(""), &out, &log); code != 0 {
		t.Errorf("got code %d and log %q", code, log.String())
	}
	var served engines.Served
	if err := json.Unmarshal(out.Bytes(), &served); err != nil {
		t.Fatal(err)
	}
	if served.URL != "" || !strings.Contains(served.Missing, `unknown word "nothing"`) {
		t.Errorf("got %+v", served)
	}
}
