package scheduler

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// questions are those of rules that wait to be put. The first of them leads: it
// waits for a place, and puts from there, in one request, its own question and
// those behind it. A rule alone asks at once, and the more wait, the fewer
// requests each takes. It is safe for concurrent use.
type questions struct {
	mu      sync.Mutex
	waiting []*question // in the order in which they came
	most    int         // of one request
}

// question is put by its rule, or by another's while that waits.
type question struct {
	// put returns what is asked, at the time when that goes out; nothing if it is
	// not to be. It is called once.
	put      func(at time.Time) (esq.Looking, bool)
	lead     chan struct{} // closed when its rule is the one to put questions
	answered chan struct{} // closed when seen is there
	seen     *esq.Seen     // nil if nothing was asked
}

// How many questions go out in one request: few at first, then as many as an
// engine answers before long, lest one request take until it is given up, and
// with it the questions of all.
const (
	fewQuestions  = 10
	manyQuestions = 100
	beforeLong    = 2 * time.Second
)

func newQuestions() *questions { return &questions{most: fewQuestions} }

// ask puts a question, once there is a place. The caller has one, when it calls
// and when that returns; others may have it meanwhile.
func (r runner) ask(ctx context.Context, put func(at time.Time) (esq.Looking, bool)) *esq.Seen {
	q := &question{put: put, lead: make(chan struct{}), answered: make(chan struct{})}
	r.held.questions.add(q)
	release(r.places) // to those who have yet to say what they ask
	select {
	case <-q.answered:
		r.places <- struct{}{}
	case <-q.lead:
		r.places <- struct{}{}
		r.putAll(ctx, r.held.questions.take())
	}
	return q.seen
}

func (l *questions) add(q *question) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, q)
	if len(l.waiting) == 1 {
		close(q.lead)
	}
}

// take returns the questions that the rule of the first is to put, and has the
// rule of the next one lead. That waits for a place like everyone else, so that
// those who have their answers go on before it.
func (l *questions) take() []*question {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.waiting), l.most)
	batch := slices.Clone(l.waiting[:n])
	if l.waiting = slices.Delete(l.waiting, 0, n); len(l.waiting) > 0 {
		close(l.waiting[0].lead)
	}
	return batch
}

// putAll puts questions in one request, and hands over the answers.
func (r runner) putAll(ctx context.Context, batch []*question) {
	at := r.present()
	var asked []*question
	var list []esq.Looking
	for _, q := range batch {
		if looking, ok := q.put(at); ok {
			asked, list = append(asked, q), append(list, looking)
		}
	}
	if len(list) > 0 {
		for i, seen := range esq.PresenceOfEach(ctx, r.engine, list) {
			asked[i].seen = &seen
		}
		r.held.questions.took(len(list), r.clock.Now().Sub(at))
	}
	for _, q := range batch {
		close(q.answered)
	}
}

// took notes how long a request of so many questions took.
func (l *questions) took(n int, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case d > beforeLong:
		l.most = max(1, min(l.most, n)/2)
	case n == l.most:
		l.most = min(2*l.most, manyQuestions)
	}
}
