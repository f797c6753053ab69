package faults

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/test/engines"
)

// kills has the program killed at random moments while documents arrive.
func kills(t *testing.T, e engines.Engine, program string) {
	f := figures{seed: newSeed(t)}
	s := newSite(t, e, program, []string{e.URL}, f.seed, oneNode())
	s.history.settled()
	k := &killer{site: s, proxy: newProxy(t, e.URL), random: rand.New(rand.NewPCG(f.seed, 2))}
	stop := s.load(t)
	k.measure(t)
	for target := number(t, "STITCH_FAULT_KILLS", 15); f.kills < target && t.Context().Err() == nil; {
		run := k.round(t)
		f.runs++
		switch {
		case run.killed:
			f.kills++
		default:
			if run.code != 0 {
				f.failed++
			}
			pause(t, time.Second) // until the rules are due again
		}
	}
	stop()
	s.conclude(t, f)
}

// load has documents arrive until the returned function is called, which
// returns when all have arrived.
func (s *site) load(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var loading sync.WaitGroup
	loading.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			delay := time.Duration(n%3) * 700 * time.Millisecond // between stamp and index
			s.history.arrive(t, s.history.draw(12), delay)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return func() {
		cancel()
		loading.Wait()
	}
}

// killer runs the program and kills it.
type killer struct {
	*site
	proxy  *proxy
	random *rand.Rand
	calls  int           // of a run that is left alone
	took   time.Duration // by such a run
}

// measure has one run pass.
func (k *killer) measure(t *testing.T) {
	t.Helper()
	pause(t, time.Second)
	k.proxy.follow(nil)
	began := time.Now()
	if run := k.once(t, []string{k.proxy.url}); run.code != 0 {
		t.Fatalf("a run under load: %s", run)
	}
	k.calls, k.took = k.proxy.seen(), time.Since(began)
	t.Logf("a run is %d calls and takes %v", k.calls, k.took)
}

// round has one run pass, which is killed most of the time. Now and then
// another scheduler runs at the same time.
func (k *killer) round(t *testing.T) outcome {
	t.Helper()
	var twin *process
	if k.random.IntN(5) == 0 {
		twin = k.start(t, k.urls)
	}
	run := k.oneRun(t)
	if twin != nil {
		// Two at once may stand in each other's way; that is for the end to judge.
		if other := twin.end(t); other.code != 0 {
			t.Logf("a second scheduler: code %d\n%s", other.code, other.out)
		}
	} else if !run.killed && run.code != 0 {
		t.Errorf("a run that nothing befell: %s", run)
	}
	return run
}

// oneRun kills a run after some time, before one of its calls, or when the
// cluster has done what it was asked and not yet said so; or leaves it alone.
func (k *killer) oneRun(t *testing.T) outcome {
	t.Helper()
	var p *process
	started := make(chan struct{})
	kill := func() {
		<-started
		p.kill()
		<-p.done
	}
	at := k.random.IntN(k.calls + 1)
	after := time.Duration(k.random.Int64N(int64(k.took)))
	way := k.random.IntN(7)
	k.proxy.follow(func(call) fault {
		at--
		switch {
		case at != 0:
			return fault{}
		case way < 2:
			return fault{before: kill, cut: unsent}
		case way < 4:
			return fault{after: kill, cut: unanswered}
		}
		return fault{}
	})
	p = k.start(t, []string{k.proxy.url})
	close(started)
	if way == 4 || way == 5 {
		select {
		case <-p.done:
		case <-time.After(after):
			p.kill()
		}
	}
	return p.end(t)
}
