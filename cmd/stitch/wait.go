package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq"
)

// patience is how long a command that prepares a cluster waits for it to be
// there, as where both are started together.
type patience struct{ wait time.Duration }

func (p *patience) flag(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&p.wait, "wait", 0, "how long to wait for a cluster that does not answer yet, such as 5m")
}

// open opens the cluster, which it asks again for as long as it may.
func (p *patience) open(ctx context.Context, config esq.Config) (*esq.Cluster, error) {
	waiting, cancel := context.WithTimeout(ctx, p.wait)
	defer cancel()
	for {
		cluster, err := esq.Open(ctx, config)
		if err == nil || !starting(err) || waiting.Err() != nil {
			return cluster, err
		}
		select {
		case <-time.After(time.Second):
		case <-waiting.Done():
			return nil, err
		}
	}
}

// starting reports whether a cluster does not answer, or says that it cannot
// yet, rather than refuse.
func starting(err error) bool {
	var unreachable *esq.UnreachableError
	var answered *esq.ResponseError
	return errors.As(err, &unreachable) || errors.As(err, &answered) && answered.Status == http.StatusServiceUnavailable
}
