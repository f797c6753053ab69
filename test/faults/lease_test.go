package faults

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/test/engines"
	"github.com/stitchdetect/stitch/test/engines/node"
)

// leases has one scheduler run and another stand by, while documents arrive.
// The first is stopped (SIGSTOP) in the midst of its work until the other has
// taken over, wakes up late, and is killed; or it is killed at once.
func leases(t *testing.T, e engines.Engine, program string) {
	f := figures{seed: newSeed(t)}
	s := newSite(t, e, program, []string{e.URL}, f.seed, oneNode())
	s.history.settled()
	random := rand.New(rand.NewPCG(f.seed, 4))
	stop := s.load(t)
	holder := s.stand(t)
	s.awaitToken(t, 0, time.Minute)
	for round := range 1 + number(t, "STITCH_FAULT_KILLS", 15)/20 {
		standby := s.stand(t)
		pause(t, 2*time.Second+time.Duration(random.Int64N(int64(2*time.Second))))
		lease := s.lease(t)
		sleeps := round%2 == 0
		began := time.Now()
		if sleeps {
			holder.signal(t, syscall.SIGSTOP)
		} else {
			holder.signal(t, syscall.SIGKILL)
		}
		// Within two periods, and a little for a machine that is busy.
		s.awaitToken(t, lease.Token, 2*lease.period()+10*time.Second)
		t.Logf("taken over after %v, the period is %v", time.Since(began).Round(time.Second), lease.period())
		if sleeps {
			holder.signal(t, syscall.SIGCONT)
			pause(t, 3*time.Second)
			holder.signal(t, syscall.SIGKILL)
		}
		<-holder.process.Done()
		f.kills++
		holder = standby
	}
	stop()
	// The one that is left finds everything by itself.
	pause(t, 2*grid)
	if d := s.compare(t); !d.none() {
		t.Errorf("before the scheduler is stopped: %s\n%s", d, holder.log.end())
	}
	holder.signal(t, syscall.SIGTERM)
	if err := holder.process.Wait(); err != nil {
		t.Errorf("told to stop: %v\n%s", err, holder.log.end())
	}
	s.conclude(t, f)
}

// standing is "run" at work. It ends with the test, however that ends.
type standing struct {
	process *node.Process
	log     *lastWords
	pid     int
}

// stand starts "run".
func (s *site) stand(t *testing.T) *standing {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pid")
	said := &lastWords{}
	args := append([]string{"bash", "-c", `echo $$ >"$1.new" && mv "$1.new" "$1" && shift && exec "$@"`, "stand", file},
		s.command(t.Context(), s.urls, "run", "--listen", "", "--rules", s.rules).Args...)
	p, err := node.Supervise("", said, said, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.End)
	out := &standing{process: p, log: said}
	for range 300 {
		text, err := os.ReadFile(file)
		if err == nil {
			if out.pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
				t.Fatal(err)
			}
			return out
		}
		pause(t, 100*time.Millisecond)
	}
	t.Fatal("the scheduler does not start")
	return nil
}

func (s *standing) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(s.pid, signal); err != nil {
		t.Fatalf("signal %v: %v\n%s", signal, err, s.log.end())
	}
}

// leaseDocument is what the lease says of who holds it.
type leaseDocument struct {
	Holder   string
	Token    int64
	PeriodMS int64 `json:"period_ms"`
}

func (l leaseDocument) period() time.Duration { return time.Duration(l.PeriodMS) * time.Millisecond }

// lease reads the lease, which is empty before the first one.
func (s *site) lease(t *testing.T) leaseDocument {
	t.Helper()
	status, answer, err := s.e.Request(t.Context(), http.MethodGet, "/"+mappings.Names{}.State()+"/_doc/lease", "")
	var found struct {
		Source leaseDocument `json:"_source"`
	}
	if err != nil || status != http.StatusNotFound && json.Unmarshal(answer, &found) != nil {
		t.Fatalf("read the lease: %v: %s", err, answer)
	}
	return found.Source
}

// awaitToken returns when the lease has changed hands.
func (s *site) awaitToken(t *testing.T, last int64, limit time.Duration) {
	t.Helper()
	for began := time.Now(); time.Since(began) < limit; pause(t, 200*time.Millisecond) {
		if s.lease(t).Token > last {
			return
		}
	}
	t.Fatalf("nobody has taken the lease in %v: %+v", limit, s.lease(t))
}

// lastWords keeps the end of what is written. It is safe for concurrent use.
type lastWords struct {
	mu   sync.Mutex
	kept []byte
}

// Write implements [io.Writer].
func (l *lastWords) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, b...)
	l.kept = l.kept[max(0, len(l.kept)-8<<10):]
	return len(b), nil
}

func (l *lastWords) end() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.Clone(l.kept))
}
