package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/stitchdetect/stitch/test/bench/documents"
	"github.com/stitchdetect/stitch/test/bench/site"
)

// background is ordinary documents as they are written again and again, with
// the time of the moment.
type background struct{ batches [][]byte }

// perSecond is how many requests a second bring the background.
const perSecond = 4

var (
	stamps  = regexp.MustCompile(`2026-03-02T\d\d:\d\d:\d\d(\.\d+)?`)
	creates = regexp.MustCompile(`(?m)^\{"create":\{"_index":"([^"]+)".*$`)
)

func newBackground(rate int) (*background, error) {
	var lines bytes.Buffer
	_, err := documents.Write(&lines, documents.Options{
		Documents: 10 * rate, Seed: 17, From: time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC), Period: 24 * time.Hour, Bulk: true,
	})
	if err != nil {
		return nil, err
	}
	// Without an id of their own they may be written more than once.
	text := creates.ReplaceAll(lines.Bytes(), []byte(`{"create":{"_index":"$1"}}`))
	b := &background{}
	var batch []byte
	n := 0
	for line := range bytes.Lines(text) {
		batch = append(batch, line...)
		if n++; n == 2*rate/perSecond {
			b.batches, batch, n = append(b.batches, batch), nil, 0
		}
	}
	return b, nil
}

// warm makes the indices, and has the node compile what it needs.
func (b *background) warm(ctx context.Context, node *site.Site) error {
	for _, batch := range b.batches[:min(len(b.batches), 5*perSecond)] {
		if err := node.Bulk(ctx, batch); err != nil {
			return fmt.Errorf("write background: %w", err)
		}
	}
	return nil
}

// write writes documents at the rate until the time is up, and returns how many
// it wrote in how long.
func (b *background) write(ctx context.Context, node *site.Site, o options) (float64, error) {
	began, written := time.Now(), 0
	for n := 0; time.Since(began) < o.length; n++ {
		due := began.Add(time.Duration(n) * time.Second / perSecond)
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
		now := []byte(time.Now().UTC().Format("2006-01-02T15:04:05.000"))
		if err := node.Bulk(ctx, stamps.ReplaceAllLiteral(b.batches[n%len(b.batches)], now)); err != nil {
			return 0, fmt.Errorf("write background: %w", err)
		}
		written += o.rate / perSecond
	}
	return float64(written) / time.Since(began).Seconds(), nil
}
