package node

import (
	_ "embed"
	"fmt"
	"io"
	"os/exec"
	"sync"
)

//go:embed supervise
var superviseScript string

// Process is a command under supervision: it and all that it started end when
// this process ends, however that comes about.
type Process struct {
	stdin io.Closer
	done  chan struct{}
	err   error // set when done is closed
}

// Supervise starts the command without standard input; what it writes goes to
// stdout and stderr. When it ends, the folder is removed if one is named.
func Supervise(folder string, stdout, stderr io.Writer, command ...string) (*Process, error) {
	cmd := exec.Command("bash", append([]string{"-c", superviseScript, "supervise", folder}, command...)...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("supervise %s: %w", command[0], err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("supervise %s: %w", command[0], err)
	}
	p := &Process{stdin: stdin, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the command has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the command to end by itself, and returns an [exec.ExitError]
// if it failed.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// End ends the command, if it still runs, and waits until it has ended.
func (p *Process) End() {
	// An error would say that the pipe is closed already.
	_ = p.stdin.Close()
	<-p.done
}

// tail is a writer that keeps the end of what was written. Safe for concurrent
// use.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	t.kept = t.kept[max(0, len(t.kept)-tailSize):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
