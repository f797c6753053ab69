package esq_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
)

// A slow engine takes a second for each search, and notes how many it works on.
// A search for "none" it refuses.
type slow struct {
	mu                   sync.Mutex
	now, most, asked     int
	opened, closed, hits int // points in time; hits of each search
}

func (s *slow) RoundTrip(req *http.Request) (*http.Response, error) {
	body := ""
	if req.Body != nil {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	pit := strings.HasSuffix(req.URL.Path, "_pit")
	switch {
	case req.URL.Path == "/":
		return answer(req, reply{body: es8Info}), nil
	case pit && req.Method == http.MethodDelete:
		s.count(&s.closed, 1)
		return answer(req, reply{body: `{"succeeded":true}`}), nil
	case pit:
		s.count(&s.opened, 1)
		return answer(req, reply{body: `{"id":"p","_shards":{"total":3,"successful":3,"failed":0}}`}), nil
	}
	place := s.count(&s.asked, 1)
	s.count(&s.now, 1)
	defer s.count(&s.now, -1)
	time.Sleep(time.Second)
	switch {
	case strings.Contains(body, "none"):
		return answer(req, reply{status: http.StatusBadRequest, body: `{}`}), nil
	case strings.HasSuffix(req.URL.Path, "_msearch"):
		return answer(req, responses(slices.Repeat([]string{fmt.Sprintf(counted, 7)}, strings.Count(body, "\n")/2)...)), nil
	}
	var places []int
	for i := range s.hits {
		places = append(places, 10*place+i)
	}
	return answer(req, reply{body: page(s.hits, places...)}), nil
}

func (s *slow) count(what *int, by int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	*what += by
	s.most = max(s.most, s.now)
	return *what
}

func (s *slow) open(t *testing.T) *esq.Cluster {
	t.Helper()
	c, err := esq.Open(t.Context(), esq.Config{URLs: []string{"http://cluster:9200"}, Transport: s})
	must(t, err)
	c.SetMaxClauses(1)
	return c
}

// inParts is a query that goes out in so many parts.
func inParts(n int, text string) esq.Search {
	var some []esq.Query
	for i := range n {
		some = append(some, esq.Prefix{Field: "x", Value: fmt.Sprint(text, i)})
	}
	s := everything
	s.Query = esq.Or(some...)
	return s
}

// The parts of a query are asked two at a time.
func TestPartsAreAskedBesideEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{hits: 1}
		c := s.open(t)
		began := time.Now()
		hits, stats, err := search(t.Context(), c, inParts(5, "a"))
		must(t, err)
		if len(hits) == 0 || stats.Requests != 7 || stats.Took.Milliseconds() != 5 || s.most != 2 || time.Since(began) != 3*time.Second {
			t.Errorf("%d hits, %+v, %d at once, %v for 5 searches of a second", len(hits), stats, s.most, time.Since(began))
		}
		if s.opened != 1 || s.closed != 1 {
			t.Errorf("%d points in time opened, %d closed", s.opened, s.closed)
		}
	})
}

// What goes out page by page is asked beside the other questions, and handed
// over in their order.
func TestQuestionsInPartsAreAskedBesideOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		c := s.open(t)
		var got list
		began := time.Now()
		_, err := c.Ask(t.Context(), []esq.Question{
			got.search(inParts(2, "a")), got.count(nil, "i"), got.search(inParts(3, "b")), got.count(nil, "i"), got.search(inParts(2, "c")),
		})
		must(t, err)
		if diff := cmp.Diff(list{"count 7", "count 7"}, got); diff != "" || s.most != 2 || s.asked != 8 || time.Since(began) != 4*time.Second {
			t.Errorf("%d at once, %v for %d searches of a second %s", s.most, time.Since(began), s.asked, diff)
		}
		if s.opened != 3 || s.closed != 3 {
			t.Errorf("%d points in time opened, %d closed", s.opened, s.closed)
		}
	})
}

// So is one question that would otherwise go out by itself.
func TestAQuestionIsAskedBesideParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		c := s.open(t)
		var got list
		began := time.Now()
		_, err := c.Ask(t.Context(), []esq.Question{got.search(inParts(3, "a")), got.count(nil, "i")})
		must(t, err)
		if diff := cmp.Diff(list{"count 7"}, got); diff != "" || s.most != 2 || time.Since(began) != 2*time.Second {
			t.Errorf("%d at once, %v for %d searches of a second %s", s.most, time.Since(began), s.asked, diff)
		}
	})
}

// Whatever ends the questions early, no point in time stays open.
func TestWhatWasBegunIsEnded(t *testing.T) {
	stop := errors.New("enough")
	for name, test := range map[string]struct {
		first esq.Question
		which int
	}{
		"a question that is refused": {esq.Question{Search: &esq.Asking{Search: inParts(2, "none"), Yield: func(esq.Hit) error { return nil }}}, 0},
		"a caller that has enough":   {esq.Question{Search: &esq.Asking{Search: inParts(2, "a"), Yield: func(esq.Hit) error { return stop }}}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &slow{hits: 2}
			c := s.open(t)
			var got list
			_, err := c.Ask(t.Context(), []esq.Question{test.first, got.search(inParts(3, "b")), got.search(inParts(3, "c")), got.search(inParts(3, "d"))})
			var which *esq.QuestionError
			if !errors.As(err, &which) || which.Question != test.which || len(got) > 0 {
				t.Errorf("%s: %v, answers %v", name, err, got)
			}
			synctest.Wait()
			if s.opened != s.closed || s.opened > 3 {
				t.Errorf("%s: %d points in time opened, %d closed", name, s.opened, s.closed)
			}
		})
	}
}
