package esq

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// A pit is a point in time: a view of some indices that stays the same from
// page to page. Its id may change with every answer.
type pit struct {
	c    *Cluster
	op   string
	id   string
	cost *Stats
}

// openPIT opens a point in time of the indices; it is nil if there are none.
func (c *Cluster) openPIT(ctx context.Context, op string, indices []string, cost *Stats) (*pit, error) {
	if len(indices) == 0 {
		cost.NoIndex = true
		return nil, nil
	}
	var answer pitAnswer
	err := c.transport.do(ctx, call{
		op: op, cost: cost,
		build: func() esapi.Request { return c.dialect.openPIT(indices) },
	}, &answer)
	if err != nil {
		return nil, c.explainPIT(ctx, op, indices, cost, err)
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

// explainPIT tells why a point in time could not be opened. OpenSearch refuses
// one of no indices with words that say nothing; a search of the same indices
// tells. The error is nil if there are none.
func (c *Cluster) explainPIT(ctx context.Context, op string, indices []string, cost *Stats, err error) error {
	var refusal *ResponseError
	if !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest && refusal.Status != http.StatusNotFound {
		return err
	}
	var answer searchAnswer
	body := searchBody{Query: MatchNone{}}
	if again := c.search(ctx, op, indices, body, cost, &answer); again != nil {
		return err
	}
	if answer.Shards.Total > 0 {
		return err
	}
	cost.NoIndex = true
	return nil
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
func (p *pit) search(ctx context.Context, body searchBody) (searchAnswer, error) {
	body.PIT = &pitRef{ID: p.id, KeepAlive: keepAliveText()}
	var answer searchAnswer
	err := p.c.search(ctx, p.op, nil, body, p.cost, &answer)
	var refusal *ResponseError
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return answer, &PartialError{Op: p.op, Reason: fmt.Sprintf(
			"its point in time is gone, with an index or a node or after %v without a request (%s)", keepAlive, refusal.Type)}
	}
	if err != nil {
		return answer, err
	}
	if answer.PIT != "" {
		p.id = answer.PIT
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
