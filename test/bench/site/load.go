package site

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Loaded is what was brought onto a node.
type Loaded struct {
	Documents int
	Bytes     int64 // of the documents alone
}

// batchBytes is about how long a request of loading is.
const batchBytes = 6 << 20

// Load writes the lines of _bulk requests that make writes, with two requests on
// their way at a time, and makes them visible to searches.
func (s *Site) Load(ctx context.Context, fill func(io.Writer) error) (Loaded, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	from, to := io.Pipe()
	go func() { to.CloseWithError(fill(to)) }()
	batches := make(chan []byte, 2)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for batch := range batches {
				if err := s.bulkPatiently(ctx, batch); err != nil {
					cancel(err)
				}
			}
		})
	}
	loaded, err := deal(ctx, from, batches)
	close(batches)
	workers.Wait()
	if err := errors.Join(err, from.Close(), context.Cause(ctx)); err != nil {
		return loaded, fmt.Errorf("load documents: %w", err)
	}
	_, err = s.Ask(ctx, http.MethodPost, "/logs-*,filebeat-*/_refresh?ignore_unavailable=true", "")
	return loaded, err
}

// deal cuts pairs of lines into batches.
func deal(ctx context.Context, from io.Reader, batches chan<- []byte) (loaded Loaded, err error) {
	lines := bufio.NewReaderSize(from, 1<<20)
	batch := make([]byte, 0, batchBytes+1<<16)
	flush := func() error {
		select {
		case batches <- batch:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		batch = make([]byte, 0, batchBytes+1<<16)
		return nil
	}
	for source := false; ; source = !source {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			if len(batch) > 0 {
				return loaded, flush()
			}
			return loaded, nil
		}
		if err != nil {
			return loaded, fmt.Errorf("read line: %w", err)
		}
		batch = append(batch, line...)
		if !source {
			continue
		}
		loaded.Documents++
		loaded.Bytes += int64(len(line))
		if len(batch) >= batchBytes {
			if err := flush(); err != nil {
				return loaded, err
			}
		}
	}
}

// errBusy is of a node whose memory is full until it has tidied up.
var errBusy = errors.New("the node has no memory to spare")

// bulkPatiently is [Site.Bulk] that gives a busy node time.
func (s *Site) bulkPatiently(ctx context.Context, lines []byte) error {
	const pause, patience = 500 * time.Millisecond, 60
	for try := 1; ; try++ {
		err := s.Bulk(ctx, lines)
		if !errors.Is(err, errBusy) || try == patience {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Bulk sends one request; every write of it must succeed.
func (s *Site) Bulk(ctx context.Context, lines []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/_bulk?filter_path=errors,items.*.error", bytes.NewReader(lines))
	if err != nil {
		return fmt.Errorf("write documents: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("write documents: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("write documents: %w", err)
	}
	if res.StatusCode == http.StatusTooManyRequests {
		return fmt.Errorf("write documents: %w: %.200s", errBusy, answer)
	}
	var outcome struct{ Errors bool }
	if err := json.Unmarshal(answer, &outcome); err != nil || res.StatusCode != http.StatusOK || outcome.Errors {
		return fmt.Errorf("write documents: status %d: %.500s", res.StatusCode, answer)
	}
	return nil
}

func indexNames(answer []byte) []string {
	var list []struct{ Index string }
	if json.Unmarshal(answer, &list) != nil {
		return nil
	}
	var names []string
	for _, x := range list {
		names = append(names, x.Index)
	}
	return names
}
