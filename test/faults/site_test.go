package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/test/engines"
	"github.com/stitchdetect/stitch/test/engines/node"
)

// chosen returns the engine of the name, or ends the test if it is not to run
// on it.
func chosen(t *testing.T, name string) engines.Engine {
	t.Helper()
	choice, err := engines.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines.All() {
		if e.Name == name {
			if !choice.Wants(e) {
				t.Skipf("%s is not asked for", name)
			}
			return e
		}
	}
	t.Fatalf("no engine is named %q", name)
	return engines.Engine{}
}

// unavailable ends a test that has no nodes.
func unavailable(t *testing.T, err error) {
	t.Helper()
	choice, choiceErr := engines.FromEnvironment()
	if choiceErr != nil || choice.Required {
		t.Fatal(errors.Join(err, choiceErr))
	}
	t.Skip(err)
}

// ownNode starts a node for this test alone.
func ownNode(t *testing.T, name string) engines.Engine {
	t.Helper()
	e := chosen(t, name)
	n, err := node.Start(t.Context(), e, t.Logf)
	if err != nil {
		unavailable(t, err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	e.URL = n.URL
	// A cluster that watches its disk lifts the block that a full one would set.
	e.Must(t, http.MethodPut, "/_cluster/settings", `{"persistent":{"cluster.routing.allocation.disk.threshold_enabled":false}}`)
	return e
}

// number reads how often something is to be done.
func number(t *testing.T, variable string, short int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return short
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%q is not a number", variable, text)
	}
	return n
}

// newSeed is the seed of a test's choices.
func newSeed(t *testing.T) uint64 {
	t.Helper()
	if n := number(t, "STITCH_FAULT_SEED", 0); n > 0 {
		return uint64(n)
	}
	return uint64(rand.Uint32()) + 1
}

// build makes the program, as its users have it.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stitch")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/stitchdetect/stitch/cmd/stitch").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return path
}

// site is a cluster with a history, prepared for stitch.
type site struct {
	e       engines.Engine
	urls    []string // of the cluster's nodes
	program string
	rules   string
	history *history
}

// newSite prepares the cluster, removing what another test has left of stitch's
// indices, and begins the coverage of all rules.
func newSite(t *testing.T, e engines.Engine, program string, urls []string, seed uint64, settings map[string]string) *site {
	t.Helper()
	clear(t, e)
	s := &site{e: e, urls: urls, program: program, history: newHistory(t, e, seed, settings)}
	s.rules = writeRules(t, s.history.prefix)
	out, err := s.command(t.Context(), urls, "bootstrap").CombinedOutput()
	if err != nil {
		t.Fatalf("bootstrap: %v: %s", err, out)
	}
	s.history.arrive(t, s.history.draw(20), 0)
	if run := s.once(t, urls); run.code != 0 || run.ran() != ruleCount {
		t.Fatalf("the first run: %s", run)
	}
	return s
}

// clear deletes all indices of stitch and of the test, each by its name.
func clear(t *testing.T, e engines.Engine) {
	t.Helper()
	listed := e.Must(t, http.MethodGet, "/_cat/indices/"+mappings.DefaultPrefix+".*,"+indexPrefix+"*?h=index&expand_wildcards=all", "")
	for _, index := range strings.Fields(string(listed)) {
		e.Must(t, http.MethodDelete, "/"+index, "")
	}
}

// command is a call of the program on the cluster.
func (s *site) command(ctx context.Context, urls []string, args ...string) *exec.Cmd {
	for _, u := range urls {
		args = append(args, "--url", u)
	}
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Dir = filepath.Dir(s.program) // without a configuration
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "STITCH_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	return cmd
}

// process is the program at work.
type process struct {
	cmd      *exec.Cmd
	out, log bytes.Buffer
	done     chan struct{}
	err      error // set when done is closed
}

// start starts "once" on the cluster at the URLs.
func (s *site) start(t *testing.T, urls []string) *process {
	t.Helper()
	p := &process{cmd: s.command(t.Context(), urls, "once", "--rules", s.rules), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p
}

// kill ends the process at once, without a word to it.
func (p *process) kill() {
	// An error says that it has ended already.
	_ = p.cmd.Process.Kill()
}

// end waits for the process to end, and returns what it said.
func (p *process) end(t *testing.T) outcome {
	t.Helper()
	<-p.done
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		t.Fatal(p.err)
	}
	state := p.cmd.ProcessState
	return outcome{code: state.ExitCode(), killed: !state.Exited(), out: p.out.String(), log: p.log.String()}
}

// once runs what is due.
func (s *site) once(t *testing.T, urls []string) outcome {
	t.Helper()
	return s.start(t, urls).end(t)
}

// outcome is what became of a call of the program.
type outcome struct {
	code     int
	killed   bool
	out, log string
}

func (o outcome) String() string {
	return fmt.Sprintf("code %d, killed %t\n%s%s", o.code, o.killed, o.out, o.log)
}

// ran is how many rules ran.
func (o outcome) ran() int {
	n := 0
	for line := range strings.Lines(o.out) {
		if strings.HasPrefix(line, "ran ") {
			n++
		}
	}
	return n
}

// whole reports whether the call says that every rule without windows has
// looked at everything. (A rule with windows may not be due.)
func (o outcome) whole() bool {
	if o.code != 0 || o.killed {
		return false
	}
	for line := range strings.Lines(o.out) {
		if strings.HasPrefix(line, "not due ") && !strings.Contains(line, windowedRule) {
			return false
		}
	}
	return o.ran() > 0
}

// pause waits, and no longer than the test lasts.
func pause(t testing.TB, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
