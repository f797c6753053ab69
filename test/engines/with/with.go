package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"github.com/stitchdetect/stitch/test/engines"
	"github.com/stitchdetect/stitch/test/engines/node"
)

// with runs the command beside the nodes and returns its exit code.
func with(ctx context.Context, command []string, stdout, stderr io.Writer) (code int, err error) {
	choice, err := engines.FromEnvironment()
	if err != nil {
		return 0, err
	}
	started := startAll(ctx, choice, stderr)
	defer func() {
		for _, s := range started {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("start nodes: %w", err)
	}
	environment := []string{"env"}
	for _, s := range started {
		if s.err != nil && choice.Required {
			return 0, fmt.Errorf("%s is required: %w", s.engine.Name, s.err)
		}
		environment = append(environment, s.variable())
	}
	return supervise(ctx, append(environment, command...), stdout, stderr)
}

// start is what became of one engine: a node, or why there is none.
type start struct {
	engine engines.Engine
	node   *node.Node
	err    error
}

// startAll starts, all at once, a node for every engine that is chosen and has
// none.
func startAll(ctx context.Context, choice engines.Choice, stderr io.Writer) []start {
	var wanted []start
	for _, e := range engines.All() {
		if choice.Wants(e) && os.Getenv(e.URLVariable()) == "" {
			wanted = append(wanted, start{engine: e})
		}
	}
	var all sync.WaitGroup
	for i := range wanted {
		logger(stderr)("starting %s; assembling it the first time takes minutes", wanted[i].engine.Name)
		all.Go(func() { wanted[i].node, wanted[i].err = node.Start(ctx, wanted[i].engine, logger(stderr)) })
	}
	all.Wait()
	return wanted
}

// variable is the environment variable that tells the command's tests of the
// node, or why there is none.
func (s start) variable() string {
	if s.err != nil {
		return s.engine.MissingVariable() + "=" + s.err.Error()
	}
	return s.engine.URLVariable() + "=" + s.node.URL
}

func (s start) stop() error {
	if s.err != nil {
		return nil
	}
	if err := s.node.Stop(); err != nil {
		return fmt.Errorf("stop %s: %w", s.engine.Name, err)
	}
	return nil
}

// supervise runs the command and returns its exit code. The command and all
// that it started end when ctx is done, which is an error.
func supervise(ctx context.Context, command []string, stdout, stderr io.Writer) (int, error) {
	p, err := node.Supervise("", stdout, stderr, command...)
	if err != nil {
		return 0, err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.End()
		return 0, fmt.Errorf("run the command: %w", context.Cause(ctx))
	}
	err = p.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}
