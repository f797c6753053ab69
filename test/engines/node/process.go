package node

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/test/engines"
)

// scripts are written out before use, so that they are found wherever the
// program runs.
//
//go:embed engine log4j2.properties elasticsearch opensearch
var scripts embed.FS

// startProcess starts a local process. The first time for an engine it
// assembles it, which takes a minute and the network.
func startProcess(ctx context.Context, e engines.Engine) (*Node, error) {
	for _, tool := range []string{"bash", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("no local process: no %s here: install bash, Maven, JDK 17 and a JDK from 21 on", tool)
		}
	}
	n, err := assembleAndRun(ctx, e)
	if errors.Is(err, errEnded) { // perhaps somebody else took the port before the node did
		n, err = assembleAndRun(ctx, e)
	}
	if err != nil {
		return nil, fmt.Errorf("no local process: %w", err)
	}
	return n, nil
}

// errEnded says that a node ended before it was ready.
var errEnded = errors.New("the node ended")

func assembleAndRun(ctx context.Context, e engines.Engine) (*Node, error) {
	dir, err := os.MkdirTemp("", "stitch-node-")
	if err != nil {
		return nil, fmt.Errorf("make folder for node: %w", err)
	}
	engine := filepath.Join(dir, "engine")
	err = writeScripts(dir)
	if err == nil {
		err = assemble(ctx, engine, e)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return run(ctx, dir, engine, e)
}

// assemble has the script engine put the node together, if it has not yet.
func assemble(ctx context.Context, engine string, e engines.Engine) error {
	var log tail
	p, err := Supervise("", &log, &log, engine, "fetch", e.Family, e.Version)
	if err != nil {
		return err
	}
	defer p.End()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-p.Done():
	}
	if err := p.Wait(); err != nil {
		return fmt.Errorf("assemble it (with Maven, JDK 17 and a JDK from 21 on): %w: %s", err, strings.TrimSpace(log.String()))
	}
	return nil
}

// run runs the assembled node, and returns when it answers. When the node ends
// its supervisor removes dir.
func run(ctx context.Context, dir, engine string, e engines.Engine) (*Node, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	var log tail
	p, err := Supervise(dir, &log, &log, engine, "run", e.Family, e.Version, filepath.Join(dir, "data"), port)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	e.URL = "http://127.0.0.1:" + port
	err = waitHealthy(ctx, e, func() error {
		select {
		case <-p.Done():
			return errEnded
		default:
			return nil
		}
	})
	if err != nil {
		p.End()
		return nil, fmt.Errorf("run it: %w: %s", err, strings.TrimSpace(log.String()))
	}
	stop := func() error {
		p.End()
		return nil
	}
	return &Node{URL: e.URL, stop: stop, done: p.Done()}, nil
}

// writeScripts writes the script engine and what it needs into dir.
func writeScripts(dir string) error {
	err := fs.WalkDir(scripts, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(dir, path), 0o755)
		}
		content, err := scripts.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, path), content, 0o755)
	})
	if err != nil {
		return fmt.Errorf("write scripts: %w", err)
	}
	return nil
}

// freePort returns a port of the loopback interface that was free just now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("find free port: %w", err)
	}
	return strconv.Itoa(port), nil
}
