// Package node starts search nodes for tests: as a container, or as a local
// process by the script engine, which assembles nodes from Maven Central.
//
// What it starts ends with this process. The supervisor of a local node watches
// a pipe whose other end this process holds; a container is removed by
// [Node.Stop], and killed by Docker after some hours if that was never called.
package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/stitchdetect/stitch/test/engines"
)

// viaVariable is the environment variable that says how nodes are started.
const viaVariable = "STITCH_TEST_VIA"

// Node is a search node that answers.
type Node struct {
	URL  string
	stop func() error
	done <-chan struct{}
}

// Stop ends the node and removes its data, and returns when both are done.
func (n *Node) Stop() error { return n.stop() }

// Done is closed when a local node has ended. It is nil for a container.
func (n *Node) Done() <-chan struct{} { return n.done }

// Start starts a node of the engine in the first of the ways that
// STITCH_TEST_VIA names and that leads there, and returns when it answers. How
// each way went is said to logf. If none leads there, the error says what each
// lacks, in words for the one who wants to test.
func Start(ctx context.Context, e engines.Engine, logf func(format string, args ...any)) (*Node, error) {
	ways := os.Getenv(viaVariable)
	if ways == "" {
		ways = "docker,process"
	}
	var failures []error
	for way := range strings.SplitSeq(ways, ",") {
		n, err := startVia(ctx, strings.TrimSpace(way), e)
		if err == nil {
			logf("%s %s at %s (%s)", e.Family, e.Version, n.URL, way)
			return n, nil
		}
		logf("%s %s: %v", e.Family, e.Version, err)
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(failures...)
}

func startVia(ctx context.Context, way string, e engines.Engine) (*Node, error) {
	switch way {
	case "docker":
		d, err := NewDocker()
		if err != nil {
			return nil, err
		}
		return d.Start(ctx, e, Image(e))
	case "process":
		return startProcess(ctx, e)
	}
	return nil, fmt.Errorf("unknown word %q in %s: write docker or process", way, viaVariable)
}
