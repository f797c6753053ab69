package engines

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
)

// Served is the line that command with -serve prints: a node's URL, or why
// there is none.
type Served struct {
	URL     string `json:"url,omitempty"`
	Missing string `json:"missing,omitempty"`
}

// servers has command with serve nodes, each engine's at most once.
type servers struct {
	mu    sync.Mutex
	nodes map[string]func() (Served, error)
	// held are the commands' inputs. Were nobody to hold them, the garbage
	// collector would close them, and the nodes would end in mid-test.
	held []io.Closer
}

// ofThisProcess is state of the package, since a test process is what shares
// nodes: the tests of one binary know nothing else in common.
var ofThisProcess = servers{nodes: map[string]func() (Served, error){}}

// serve returns what became of e's node, starting it at the first call.
func (s *servers) serve(e Engine) (Served, error) {
	s.mu.Lock()
	node, ok := s.nodes[e.Name]
	if !ok {
		node = sync.OnceValues(func() (Served, error) { return s.start(e) })
		s.nodes[e.Name] = node
	}
	s.mu.Unlock()
	return node()
}

// start starts command with for e. The command watches its standard input,
// whose other end nobody but this process holds: it closes, and the node ends,
// when this process does.
func (s *servers) start(e Engine) (Served, error) {
	var served Served
	cmd := exec.Command("go", "run", "github.com/stitchdetect/stitch/test/engines/with", "-serve", e.Name)
	var log bytes.Buffer
	cmd.Stderr = &log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return served, fmt.Errorf("serve %s: %w", e.Name, err)
	}
	s.mu.Lock()
	s.held = append(s.held, stdin)
	s.mu.Unlock()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return served, fmt.Errorf("serve %s: %w", e.Name, err)
	}
	if err := cmd.Start(); err != nil {
		return served, fmt.Errorf("serve %s: %w", e.Name, err)
	}
	if err := json.NewDecoder(stdout).Decode(&served); err != nil {
		_, drained := io.Copy(io.Discard, stdout)
		return served, fmt.Errorf("serve %s: %w: %s", e.Name, errors.Join(err, drained, cmd.Wait()), log.Bytes())
	}
	return served, nil
}
