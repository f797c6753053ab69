package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/stitchdetect/stitch/test/engines"
	"github.com/stitchdetect/stitch/test/engines/node"
)

// serve runs the named engine's node until stdin closes, ctx is done, or the
// node ends by itself, which is an error.
func serve(ctx context.Context, name string, stdin io.Reader, stdout, stderr io.Writer) error {
	all := engines.All()
	i := slices.IndexFunc(all, func(e engines.Engine) bool { return e.Name == name })
	if i < 0 {
		return fmt.Errorf("no engine is named %q", name)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // nothing comes; only its end matters
		cancel()
	}()
	n, err := node.Start(ctx, all[i], logger(stderr))
	if err != nil {
		return json.NewEncoder(stdout).Encode(engines.Served{Missing: err.Error()})
	}
	err = json.NewEncoder(stdout).Encode(engines.Served{URL: n.URL})
	if err == nil {
		select {
		case <-ctx.Done():
		case <-n.Done():
			err = fmt.Errorf("%s ended", name)
		}
	}
	return errors.Join(err, n.Stop())
}
