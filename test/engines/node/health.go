package node

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/stitchdetect/stitch/test/engines"
)

// startLimit bounds the time from the start of a node to its first good
// answer: some ten seconds on an idle machine, several times that on a busy one.
const startLimit = 3 * time.Minute

// waitHealthy returns when the engine at e.URL is healthy, and an error when it
// is not in time or when ended reports one.
func waitHealthy(ctx context.Context, e engines.Engine, ended func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not ready after %v", startLimit))
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !healthy(ctx, e) {
		if err := ended(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}

// healthy asks for the cluster's health, since a node answers GET / earlier
// than it takes documents.
func healthy(ctx context.Context, e engines.Engine) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	status, _, err := e.Request(ctx, http.MethodGet, "/_cluster/health?wait_for_status=yellow&timeout=1s", "")
	return err == nil && status == http.StatusOK
}
