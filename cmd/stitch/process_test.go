package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// built is the program as a user has it.
func built(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stitch")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// process is the program at work.
type process struct {
	*exec.Cmd
	log    *bufio.Scanner
	said   bytes.Buffer
	exited chan error
}

func start(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), path, args...), exited: make(chan error, 1)}
	p.Dir = t.TempDir()
	if !slices.Contains(args, "--listen") {
		p.Env = append(os.Environ(), "STITCH_LISTEN=off")
	}
	stderr, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.log = bufio.NewScanner(io.TeeReader(stderr, &p.said))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// waitFor reads the log until a line has the words.
func (p *process) waitFor(t *testing.T, words string) {
	t.Helper()
	for p.log.Scan() {
		if strings.Contains(p.log.Text(), words) {
			return
		}
	}
	t.Fatalf("it ended without saying %s:\n%s", words, p.said.String())
}

func (p *process) signal(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// end reads the rest of the log and returns how the process ended.
func (p *process) end() error {
	for p.log.Scan() {
	}
	return p.Wait()
}

func TestSignals(t *testing.T) {
	path := built(t)
	rule := write(t, "rule.toml", eventRule)

	t.Run("between runs", func(t *testing.T) {
		f := newFake(t, nil)
		p := start(t, path, "run", "--url", f.URL, "--rules", rule)
		p.waitFor(t, "run done")
		p.signal(t)
		if err := p.end(); err != nil || !strings.Contains(p.said.String(), "msg=stopped") {
			t.Errorf("%v\n%s", err, p.said.String())
		}
	})

	// stuck is a cluster that does not answer a search before the test ends.
	stuck := func(t *testing.T) (*fakeCluster, chan struct{}) {
		asked, over := make(chan struct{}, 10), make(chan struct{})
		f := newFake(t, func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/_search") {
				asked <- struct{}{}
				<-over
			}
			return false
		})
		t.Cleanup(func() { close(over) }) // before the server is closed, which waits for it
		return f, asked
	}

	t.Run("a run in hand is abandoned after the grace", func(t *testing.T) {
		f, asked := stuck(t)
		p := start(t, path, "run", "--url", f.URL, "--rules", rule, "--grace", "50ms")
		<-asked
		p.signal(t)
		if err := p.end(); err != nil || !strings.Contains(p.said.String(), "msg=stopped") || !strings.Contains(p.said.String(), "run failed") {
			t.Errorf("%v\n%s", err, p.said.String())
		}
		if strings.Contains(f.all(), "outcome") {
			t.Errorf("an abandoned run left a record:\n%s", f.all())
		}
	})

	t.Run("the second signal kills", func(t *testing.T) {
		f, asked := stuck(t)
		p := start(t, path, "run", "--url", f.URL, "--rules", rule, "--grace", "1h")
		<-asked
		p.signal(t)
		p.waitFor(t, "msg=stopping")
		go func() { p.exited <- p.end() }()
		again := time.NewTicker(10 * time.Millisecond)
		defer again.Stop()
		for {
			select {
			case err := <-p.exited:
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
					t.Errorf("it ended with %v\n%s", err, p.said.String())
				}
				return
			case <-again.C:
				p.signal(t)
			}
		}
	})
}

// A reader that had enough, as head has, makes no noise.
func TestBrokenPipe(t *testing.T) {
	path := built(t)
	data := write(t, "data.ndjson", event("a", "2024-02-22T10:00:00Z"))
	for _, args := range [][]string{
		{"check"}, {"--help"},
		{"replay", "--rules", write(t, "rule.toml", eventRule), "--output", "ndjson", "--data", data},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, args...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = w, &said
		err = cmd.Run()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGPIPE) {
			t.Errorf("%q ended with %v", args, err)
		}
		if said.Len() > 0 {
			t.Errorf("%q says %s", args, said.String())
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
