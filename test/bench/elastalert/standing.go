package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/stitchdetect/stitch/test/bench/result"
)

// every is the interval of standing processes.
const every = 10 * time.Second

// standing measures processes that run the rules on a schedule, both at once.
func (m *measure) standing() (ours, theirs result.Sample, err error) {
	stitch, err := m.start(m.options.Stitch, "run", "--url", m.node.url, "--rules", filepath.Join(m.folder, "stitch"))
	if err != nil {
		return nil, nil, err
	}
	defer stitch.stop()
	elastalert, err := m.start(filepath.Join(filepath.Dir(m.Python), "elastalert"), "--config", m.config(), "--verbose")
	if err != nil {
		return nil, nil, err
	}
	defer elastalert.stop()
	// A round is an interval: documents arrive, and each runs its rules once.
	for round := range m.Rounds + 2 {
		before, beforeThere := stitch.cpu(), elastalert.cpu()
		if err := m.feed.next(m.ctx, m.documents); err != nil {
			return nil, nil, err
		}
		select {
		case <-m.ctx.Done():
			return nil, nil, m.ctx.Err()
		case <-time.After(every):
		}
		if round >= 2 { // the first runs warm up
			ours = append(ours, stitch.cpu()-before)
			theirs = append(theirs, elastalert.cpu()-beforeThere)
		}
	}
	err = m.agree(func() error {
		select {
		case <-m.ctx.Done():
		case <-time.After(every / 4):
		}
		return m.ctx.Err()
	})
	if err != nil {
		err = fmt.Errorf("%w\nstitch: %s\nelastalert: %s", err, stitch.tail(), elastalert.tail())
	}
	return ours, theirs, err
}

// process is one that stands.
type process struct {
	cmd *exec.Cmd
	log *bytes.Buffer
}

func (m *measure) start(name string, args ...string) (*process, error) {
	p := &process{exec.CommandContext(m.ctx, name, args...), &bytes.Buffer{}}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.Env = append(os.Environ(), "STITCH_LISTEN=off")
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// stop ends the process and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		_ = p.cmd.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-done
	}
}

// tail is the last of what the process has said; to be asked when it is over.
func (p *process) tail() string {
	p.stop()
	text := p.log.String()
	return text[max(0, len(text)-2000):]
}

// cpu returns the seconds of CPU, of user and system, that the process has
// taken so far; /proc counts them in hundredths.
func (p *process) cpu() float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	if errors.Join(err1, err2) != nil {
		return 0
	}
	return (user + system) / 100
}

func packageVersion(ctx context.Context, python, name string) string {
	out, err := exec.CommandContext(ctx, python, "-c", "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))", name).Output()
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(out))
}

func pythonVersion(ctx context.Context, python string) string {
	out, err := exec.CommandContext(ctx, python, "-c", "import platform; print(platform.python_version())").Output()
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(out))
}
