package esq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

const (
	// maxTogether bounds how many questions go out in one request.
	maxTogether = 100
	// atOnce is how many of them the engine works on at a time: a run is to cost
	// the cluster little, not to be over at any price.
	atOnce = 2
)

// Ask puts questions in as few requests as they need: one multi-search, and
// more for what does not fit into its answer. Where the user may not ask so
// (OpenSearch has a privilege for it), they are put one after the other.
func (c *Cluster) Ask(ctx context.Context, questions []Question) ([]Stats, error) {
	all := make([]Stats, len(questions))
	list := make([]inquiry, len(questions))
	for i, q := range questions {
		var err error
		if list[i], err = c.inquiry(q, &all[i]); err != nil {
			return all, &QuestionError{Question: i, Err: err}
		}
	}
	t := newTurns()
	ahead := c.readAhead(ctx, list, t)
	defer ahead.close(ctx)
	outcomes := c.together(ctx, list, t, ahead.leaves())
	for i, q := range list {
		err := outcomes[i].err
		switch {
		case err != nil:
		case outcomes[i].answer != nil:
			err = c.conclude(ctx, q, outcomes[i].answer)
		case ahead.has(i):
			err = ahead.hand(ctx, i)
		default:
			err = c.carryOut(ctx, q)
		}
		if err != nil {
			return all, &QuestionError{Question: i, Err: err}
		}
	}
	return all, nil
}

func (c *Cluster) inquiry(q Question, stats *Stats) (inquiry, error) {
	switch {
	case q.Search != nil:
		return c.searching(q.Search.Search, stats, q.Search.Yield), nil
	case q.Count != nil:
		return c.counting(q.Count.Indices, q.Count.Query, stats, q.Count.Yield), nil
	case q.Group != nil:
		return c.grouping(q.Group.Grouping, stats, q.Group.Yield)
	}
	return inquiry{}, errors.New("a question that asks nothing")
}

// outcome is what a multi-search brought for an inquiry; nothing, if it was not
// in one.
type outcome struct {
	answer *searchAnswer
	err    error
}

// together answers, in multi-searches, the inquiries that have a first request.
// The outcomes are parallel to them. The engine works on so many of them at a
// time at the most, within one turn. One alone goes out so only beside walks, for
// which it would have to wait.
func (c *Cluster) together(ctx context.Context, list []inquiry, t turns, most int) []outcome {
	outcomes := make([]outcome, len(list))
	var open []int
	for i, q := range list {
		if q.first != nil && len(q.indices) > 0 {
			open = append(open, i)
		}
	}
	if len(open) == 0 || len(open) == 1 && most == atOnce || c.apart.Load() {
		return outcomes
	}
	for some := range slices.Chunk(open, maxTogether) {
		if err := t.take(ctx, list[some[0]].op); err != nil {
			outcomes[some[0]].err = err
			break
		}
		allowed := c.askTogether(ctx, list, some, most, outcomes)
		t.end()
		if !allowed {
			break
		}
	}
	return outcomes
}

// askTogether asks some of the inquiries, those again for which the engine had
// no room. It reports false if the user may not ask several at once.
func (c *Cluster) askTogether(ctx context.Context, list []inquiry, open []int, most int, outcomes []outcome) (allowed bool) {
	for attempt := 1; ; attempt++ {
		answers, err := c.multiSearch(ctx, list, open, most)
		var refusal *ResponseError
		if errors.As(err, &refusal) && refusal.Status == http.StatusForbidden {
			if !c.apart.Swap(true) {
				c.transport.log.WarnContext(ctx, "questions go out one by one, since the user may not put several in one request", "err", err)
			}
			return false
		}
		if err != nil {
			outcomes[open[0]].err = err
			return true
		}
		var again []int
		for n, i := range open {
			f := answers[n].failure(list[i].op, c.transport.secrets)
			switch {
			case f == nil:
				outcomes[i] = outcome{&answers[n].searchAnswer, c.whole(list[i].op, list[i].first.Aggs != nil, list[i].stats, &answers[n].searchAnswer)}
			default:
				outcomes[i].err = f.err
				if f.retryable(false) {
					again = append(again, i)
				}
			}
		}
		if len(again) == 0 || attempt >= c.transport.retry.Attempts {
			return true
		}
		open = again
		wait := c.transport.retry.wait(attempt, 0)
		c.transport.retrying()
		c.transport.log.WarnContext(ctx, "questions put off by the engine, trying again",
			"questions", len(open), "attempt", attempt, "wait", wait, "err", outcomes[open[0]].err)
		if err := sleep(ctx, wait); err != nil {
			return true
		}
	}
}

// multiSearch sends one multi-search; the answers are parallel to open.
func (c *Cluster) multiSearch(ctx context.Context, list []inquiry, open []int, most int) ([]togetherAnswer, error) {
	op := fmt.Sprintf("%s and ask %d questions more", list[open[0]].op, len(open)-1)
	var body bytes.Buffer
	for _, i := range open {
		head, err := marshal(object{
			"index": list[i].indices, "ignore_unavailable": true, "allow_no_indices": true, "allow_partial_search_results": false,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: write indices: %w", list[i].op, err)
		}
		content, err := c.written(list[i].op, *list[i].first)
		if err != nil {
			return nil, err
		}
		for _, line := range [][]byte{head, content} {
			body.Write(line)
			body.WriteByte('\n')
		}
	}
	var answer multiAnswer
	for _, i := range open {
		answer.wanted = append(answer.wanted, list[i].first.wanted)
	}
	err := c.transport.do(ctx, call{op: op, cost: list[open[0]].stats, build: func() esapi.Request {
		return esapi.MsearchRequest{Body: bytes.NewReader(body.Bytes()), MaxConcurrentSearches: esapi.IntPtr(most)}
	}}, &answer)
	if err != nil {
		return nil, err
	}
	if len(answer.Responses) != len(open) {
		return nil, &PartialError{Op: op, Reason: fmt.Sprintf("%d of %d questions were answered", len(answer.Responses), len(open))}
	}
	return answer.Responses, nil
}

// togetherAnswer is one answer of a multi-search.
type togetherAnswer struct {
	searchAnswer
	Status int             `json:"status"`
	Error  json.RawMessage `json:"error"`
}

// failure is why there is no answer, or nil.
func (a togetherAnswer) failure(op string, hide *secrets) *failure {
	if len(a.Error) == 0 && a.Status < http.StatusMultipleChoices {
		return nil
	}
	body, err := marshal(object{"error": a.Error})
	if err != nil {
		body = a.Error
	}
	refusal, kinds := parseRefusal(op, a.Status, body, hide)
	return &failure{err: refusal, status: a.Status, kinds: kinds}
}
