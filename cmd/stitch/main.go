// Command stitch runs detections on Elasticsearch and OpenSearch that neither
// can run by itself: chains of events across indices, found on a schedule.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // for CRON_TZ where the machine has no time zones, as in a container

	_ "golang.org/x/crypto/x509roots/fallback" // where the machine trusts nobody, as in a container

	"github.com/stitchdetect/stitch/esq"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks to stop, the next one kills.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv})
	os.Exit(code)
}

// streams is what a command may touch of the world around it.
type streams struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) (string, bool)
	retry    esq.Retry // of requests to a cluster
}
