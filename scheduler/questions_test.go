package scheduler_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// numbered are rules of which each asks for an action of its own, "open" and its
// number.
func numbered(t testing.TB, n int, text string) *rules.Set {
	var texts []string
	for i := range n {
		id := fmt.Sprintf("%04d", i)
		texts = append(texts, strings.ReplaceAll(strings.ReplaceAll(text, "ID", id), `"open"`, `"open`+id+`"`))
	}
	return loaded(t, texts...)
}

// requests returns what was asked since it was asked last.
func (y *house) requests() []asked {
	y.mu.Lock()
	defer y.mu.Unlock()
	list := y.asked
	y.asked = nil
	return list
}

func putTogether(list []asked) (questions int) {
	for _, a := range list {
		questions += len(a.questions)
	}
	return questions
}

// What a thousand rules ask in a minute in which something arrives where they
// look, that none of them asks for: a budget of requests.
func TestRequestsOfAThousandBusyRules(t *testing.T) {
	rules := numbered(t, 1000, doorRule)
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		y.happens(t, "0", "shut", 2*time.Hour) // so that the fields are known
		var turns sync.Map                     // by rule id
		seen, stop := y.running(t, scheduler.Options{Rules: rules, Turned: func(of scheduler.Turn) { turns.Store(of.Rule.ID, of) }})
		time.Sleep(30 * time.Second)
		y.happens(t, "1", "shut", 0)
		y.set(func() { y.slow = 20 * time.Millisecond })
		for minute, budget := range []int{25, 15, 15} {
			y.requests()
			y.taken()
			seen.taken()
			time.Sleep(time.Minute)
			requests := y.requests()
			n := putTogether(requests)
			if minute == 0 {
				n-- // whether anything at all arrived there
			}
			if len(requests) > budget || n != 1000 || len(y.taken()) != len(requests) {
				t.Errorf("minute %d: %d questions in %d requests, and may take %d", minute, n, len(requests), budget)
			}
			t.Logf("minute %d: %d requests", minute, len(requests))
			runs := seen.taken()
			if len(runs) != 1000 {
				t.Errorf("minute %d: %d runs", minute, len(runs))
			}
			checkEnds(t, runs, requests)
			for _, r := range runs {
				if of, _ := turns.Load(r.Rule.ID); of.(scheduler.Turn).Began.Before(r.Slice.To) {
					t.Errorf("a turn began at %v that asked at %v", of.(scheduler.Turn).Began, r.Slice.To)
				}
			}
		}
		stop()
	})
}

// checkEnds checks that each idle run covers what was there when it asked, and
// says so: its slice ends at the moment at which a request went out.
func checkEnds(t *testing.T, runs []scheduler.Report, requests []asked) {
	t.Helper()
	ends := map[time.Time]int{}
	for _, r := range runs {
		if !r.Idle || r.Err != nil {
			t.Errorf("%+v", r)
		}
		ends[r.Slice.To]++
	}
	for _, a := range requests {
		at := a.at.UTC()
		if ends[at]--; ends[at] < 0 && len(a.questions) == 1 {
			continue // whether anything at all arrived there
		}
		ends[at] -= len(a.questions) - 1
	}
	for at, n := range ends {
		if n > 0 {
			t.Errorf("%d slices end at %v, and were not asked for then", n, at)
		}
	}
}

// What arrives while a question waits to be put is in what it asks for.
func TestWhatArrivesWhileAQuestionWaits(t *testing.T) {
	rules := numbered(t, 200, doorRule)
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		y.happens(t, "0", "shut", 2*time.Hour) // so that the fields are known
		seen, stop := y.running(t, scheduler.Options{Rules: rules, Concurrency: 1})
		time.Sleep(30 * time.Second)
		y.happens(t, "1", "shut", 0)
		time.Sleep(time.Minute)
		y.set(func() { y.slow = 10 * time.Second })
		y.requests()
		seen.taken()
		time.Sleep(31 * time.Second) // the first questions are under way, others wait
		for i := range 200 {
			y.happens(t, fmt.Sprint("open", i), fmt.Sprintf("open%04d", i), 0)
		}
		time.Sleep(10 * time.Minute)
		y.set(func() { y.slow = 0 })
		time.Sleep(2 * time.Minute)
		stop()
		within := 0 // idle runs that asked after the documents arrived, and may not be
		arrived := y.begun.Add(121 * time.Second)
		for _, r := range seen.taken() {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			if r.Idle && r.Slice.From.Before(arrived) && r.Slice.To.After(arrived) {
				within++
			}
		}
		if n := len(y.alerts()); n != 200 || within > 0 {
			t.Errorf("alerts of %d rules, want 200; %d idle runs have overlooked something", n, within)
		}
	})
}

// A window that falls due while the question waits is asked about with it.
func TestWindowsThatFallDueWhileAQuestionWaits(t *testing.T) {
	rules := numbered(t, 40, strings.NewReplacer(`"w"`, `"ID"`, `"W"`, `"ID"`).Replace(openWindow))
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		y.happens(t, "0", "shut", 2*time.Hour) // so that the fields are known
		seen, stop := y.running(t, scheduler.Options{Rules: rules, Concurrency: 1})
		time.Sleep(6 * time.Minute)
		y.set(func() { y.slow = 3 * time.Minute })
		seen.taken()
		time.Sleep(25 * time.Minute)
		y.set(func() { y.slow = 0 })
		time.Sleep(10 * time.Minute)
		several := 0
		until := map[string]time.Time{}
		for _, r := range seen.taken() {
			if last, ok := until[r.Rule.ID]; r.Err != nil || ok && !last.Equal(r.Slice.From) {
				t.Fatalf("%+v", r)
			}
			until[r.Rule.ID] = r.Slice.To
			if !r.Idle { // it owed windows from before
				continue
			}
			due := 0
			for at := y.begun; !at.After(r.Slice.To); at = at.Add(5 * time.Minute) {
				if at.After(r.Slice.From) {
					due++
				}
			}
			if r.Windows != due {
				t.Errorf("%d windows from %v to %v, want %d", r.Windows, r.Slice.From, r.Slice.To, due)
			}
			if due > 1 {
				several++
			}
		}
		stop()
		if several == 0 {
			t.Error("no question had to wait for long")
		}
	})
}

// An engine that takes long is asked less at once, until it is quick again.
func TestFewerQuestionsOfASlowEngine(t *testing.T) {
	rules := numbered(t, 100, doorRule)
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		y.happens(t, "0", "shut", 2*time.Hour) // so that the fields are known
		_, stop := y.running(t, scheduler.Options{Rules: rules, Concurrency: 2})
		time.Sleep(30 * time.Second)
		y.happens(t, "1", "shut", 0)
		time.Sleep(2 * time.Minute)
		y.set(func() { y.slow = 3 * time.Second })
		y.requests()
		time.Sleep(3 * time.Minute)
		slow := y.requests()
		if last := slow[len(slow)-1]; len(last.questions) != 1 {
			t.Errorf("after %d slow answers, %d questions go out together", len(slow), len(last.questions))
		}
		y.set(func() { y.slow = 20 * time.Millisecond })
		time.Sleep(2 * time.Minute)
		y.requests()
		time.Sleep(time.Minute)
		if quick := y.requests(); len(quick) > 10 || putTogether(quick) < 100 {
			t.Errorf("of a quick engine, %d questions in %d requests", putTogether(quick), len(quick))
		}
		stop()
	})
}

// A request that fails is a whole run of each rule that was in it, and nothing
// is covered by it.
func TestQuestionsThatFailTogether(t *testing.T) {
	rules := numbered(t, 100, doorRule)
	synctest.Test(t, func(t *testing.T) {
		y := newHouse()
		y.happens(t, "0", "shut", 2*time.Hour) // so that the fields are known
		seen, stop := y.running(t, scheduler.Options{Rules: rules, Concurrency: 2})
		time.Sleep(30 * time.Second)
		y.happens(t, "1", "shut", 0)
		time.Sleep(time.Minute)
		seen.taken()
		y.requests()
		y.set(func() {
			y.slow, y.broken = time.Second, &esq.PartialError{Op: "look", Reason: "1 of 2 shards answered"}
		})
		time.Sleep(time.Minute)
		runs, requests := seen.taken(), y.requests()
		if len(runs) != 100 || putTogether(requests) != 100 || len(requests) > 20 || slices.ContainsFunc(runs, func(r scheduler.Report) bool { return r.Idle || r.Err != nil }) {
			t.Errorf("%d runs after %d questions in %d requests", len(runs), putTogether(requests), len(requests))
		}
		stop()
	})
}
