package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/stitchdetect/stitch/test/bench/result"
)

// every is the interval of standing processes.
const every = 10 * time.Second

// standing measures processes that run the rules on a schedule, both at once:
// the CPU of each, from the moment at which documents arrive until the next do.
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
		before, err := cpuOf(stitch, elastalert)
		if err != nil {
			return nil, nil, err
		}
		if err := m.feed.next(m.ctx, m.documents); err != nil {
			return nil, nil, err
		}
		select {
		case <-m.ctx.Done():
			return nil, nil, m.ctx.Err()
		case <-time.After(every):
		}
		after, err := cpuOf(stitch, elastalert)
		if err != nil {
			return nil, nil, err
		}
		if round >= 2 { // the first runs warm up
			ours = append(ours, after[0]-before[0])
			theirs = append(theirs, after[1]-before[1])
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

// cpuOf returns the seconds of CPU that each process has taken so far.
func cpuOf(all ...*process) ([]float64, error) {
	var list []float64
	for _, p := range all {
		seconds, err := result.CPUOf(p.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		list = append(list, seconds)
	}
	return list, nil
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
