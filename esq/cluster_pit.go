package esq

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// A pit is a point in time: a view of some indices that stays the same from
// page to page. Its id may change with every answer.
type pit struct {
	c    *Cluster
	op   string
	cost *Stats // of opening and closing it

	mu sync.Mutex
	id string
}

// openPIT opens a point in time of the indices; it is nil if there are none.
func (c *Cluster) openPIT(ctx context.Context, op string, indices []string, cost *Stats) (*pit, error) {
	if len(indices) == 0 {
		cost.NoIndex = true
		return nil, nil
	}
	answer, there, err := c.askPIT(ctx, op, indices, cost)
	if err != nil {
		return nil, err
	}
	if !there {
		cost.NoIndex = true
		return nil, nil
	}
	p := &pit{c: c, op: op, id: answer.id(), cost: cost}
	if answer.Shards == nil { // older ones do not say; the first page will
		return p, nil
	}
	if err := answer.Shards.whole(op); err != nil {
		p.close(ctx)
		return nil, err
	}
	if answer.Shards.Total == 0 {
		cost.NoIndex = true
		p.close(ctx)
		return nil, nil
	}
	return p, nil
}

// askPIT asks for a point in time; there is false if there are no indices. OpenSearch
// refuses one of indices whose shards are just about to start, for good as it
// says; it is asked again as after any failure that passes.
func (c *Cluster) askPIT(ctx context.Context, op string, indices []string, cost *Stats) (answer pitAnswer, there bool, err error) {
	for attempt := 1; ; attempt++ {
		answer = pitAnswer{}
		err = c.transport.do(ctx, call{
			op: op, cost: cost,
			build: func() esapi.Request { return c.dialect.openPIT(indices) },
		}, &answer)
		var refusal *ResponseError
		if !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest && refusal.Status != http.StatusNotFound {
			return answer, err == nil, err
		}
		there, unknown := c.haveShards(ctx, op, indices, cost)
		if unknown == nil && !there {
			return answer, false, nil
		}
		if unknown != nil || attempt >= c.transport.retry.Attempts {
			return answer, false, err
		}
		if interrupted := sleep(ctx, c.transport.retry.wait(attempt, 0)); interrupted != nil {
			return answer, false, errors.Join(err, interrupted)
		}
	}
}

// haveShards reports whether a search of the indices has any shard to ask.
// OpenSearch refuses a point in time of no indices with words that say nothing.
func (c *Cluster) haveShards(ctx context.Context, op string, indices []string, cost *Stats) (bool, error) {
	var answer searchAnswer
	body := searchBody{Query: MatchNone{}}
	if err := c.search(ctx, op, indices, body, cost, &answer); err != nil {
		return false, err
	}
	return answer.Shards.Total > 0, nil
}

// close frees the point in time, also when ctx has ended. What goes wrong then
// goes wrong without harm: it expires by itself.
func (p *pit) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	req, err := p.c.dialect.closePIT(p.id)
	if err == nil {
		p.cost.Requests++
		// One attempt: nobody waits for this.
		if f := p.c.transport.attempt(ctx, call{op: p.op, build: func() esapi.Request { return req }}, nil); f != nil {
			err = f.err
		}
	}
	if err != nil {
		p.c.transport.log.DebugContext(ctx, "point in time not closed", "op", p.op, "err", err)
	}
}

// search asks for one page of the point in time, and checks that it is whole.
func (p *pit) search(ctx context.Context, body searchBody, cost *Stats) (searchAnswer, error) {
	p.mu.Lock()
	id := p.id
	p.mu.Unlock()
	body.PIT = &pitRef{ID: id, KeepAlive: keepAliveText()}
	var answer searchAnswer
	err := p.c.search(ctx, p.op, nil, body, cost, &answer)
	var refusal *ResponseError
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return answer, &PartialError{Op: p.op, Reason: fmt.Sprintf(
			"its point in time is gone, with an index or a node or after %v without a request (%s)", keepAlive, refusal.Type)}
	}
	if err != nil {
		return answer, err
	}
	if answer.PIT != "" {
		p.mu.Lock()
		p.id = answer.PIT
		p.mu.Unlock()
	}
	return answer, nil
}

// describe names an operation on indices for errors, shortly.
func describe(verb string, indices []string) string {
	const most = 5
	if len(indices) > most {
		return fmt.Sprintf("%s %s and %d more", verb, strings.Join(indices[:most], ","), len(indices)-most)
	}
	return verb + " " + strings.Join(indices, ",")
}
