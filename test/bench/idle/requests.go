package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/test/bench/result"
)

// tap counts what goes to the node and comes from it, but for the lease.
type tap struct {
	mu   sync.Mutex
	seen traffic
}

type traffic struct {
	requests, up, down int
	paths              []string
}

func (t *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	res.Body = io.NopCloser(bytes.NewReader(answer))
	if bytes.Contains(body, []byte(`"_id":"lease"`)) {
		return res, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen.requests++
	t.seen.up += len(body)
	t.seen.down += len(answer)
	t.seen.paths = append(t.seen.paths, req.Method+" "+req.URL.Path)
	return res, nil
}

func (t *tap) taken() traffic {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := t.seen
	t.seen = traffic{}
	return seen
}

// requests counts what single runs ask.
func (m *measure) requests(ctx context.Context, r *result.Result) error {
	if err := m.node.forget(ctx); err != nil {
		return err
	}
	table := result.Table{
		Caption: "What a run sends and receives",
		Columns: []string{"rule", "run", "requests", "bytes sent", "bytes received"},
	}
	most := 0
	for i, kind := range []string{"a kuery query", "a chain of two stages"} {
		rows, idle, err := m.oneRule(ctx, i, kind)
		if err != nil {
			return err
		}
		table.Rows = append(table.Rows, rows...)
		most = max(most, idle)
	}
	r.Tables = append(r.Tables, table)
	target := result.Target{Reach: "a run when nothing new arrived: one request per rule at most", Got: fmt.Sprintf("%d request", most), Met: most <= 1}
	if !target.Met {
		target.Why = "see the table"
	}
	r.Targets = append(r.Targets, target)
	return nil
}

// oneRule counts the first run of a rule, idle ones, the storing of several, and
// one in which something arrived, and returns the requests of an idle one.
func (m *measure) oneRule(ctx context.Context, i int, kind string) ([][]string, int, error) {
	dir, err := writeRules(m.Data, 2, time.Minute)
	defer os.RemoveAll(dir)
	if err != nil {
		return nil, 0, err
	}
	set, err := rules.Load([]string{dir})
	if err != nil {
		return nil, 0, err
	}
	t := &tap{}
	c, err := esq.Open(ctx, esq.Config{URLs: []string{m.node.url}, Transport: t})
	if err != nil {
		return nil, 0, err
	}
	clock := scheduler.NewVirtualClock(time.Now())
	turns := make(chan scheduler.Turn, 100)
	s := scheduler.New(scheduler.Options{Rules: &rules.Set{Rules: set.Rules[i : i+1]}, Engine: c, Clock: clock, LeasePeriod: time.Hour, Turned: func(t scheduler.Turn) { turns <- t }})
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	t.taken()
	go func() { defer close(done); s.Run(ctx) }()
	var rows [][]string
	row := func(what string) traffic {
		seen := t.taken()
		rows = append(rows, []string{kind, what, fmt.Sprint(seen.requests), fmt.Sprint(seen.up), fmt.Sprint(seen.down)})
		fmt.Fprintln(m.log, kind, what, strings.Join(seen.paths, " "))
		return seen
	}
	next := func() error {
		for {
			select {
			case turn := <-turns:
				if turn.Err != nil || turn.Runs > 0 {
					return turn.Err
				}
			case <-time.After(10 * time.Millisecond):
				clock.Set(clock.Now().Add(time.Second)) // until it is due
			}
		}
	}
	err = next()
	row("the first one, of a rule that is new")
	idle := 0
	for n := 0; n < 3 && err == nil; n++ {
		err = next()
		idle = max(idle, row("nothing arrived").requests)
	}
	stop()
	<-done
	row("what is stored of all of them, at the end")
	return rows, idle, err
}
