package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/stitchdetect/stitch/test/bench/result"
)

type measure struct {
	options
	node     *node
	log      io.Writer
	interval time.Duration
	sizes    []int
}

// life is what was seen of one process.
type life struct {
	rules          int
	began          time.Time
	first, all     time.Duration // until one rule, and until every rule, has run
	resident, peak int64         // bytes
	delays         []float64     // seconds
	missed         int
	cpu            float64 // seconds, of the steady time
	steady         time.Duration
}

// processes measures processes with more and more rules, each started anew with
// the ledgers of a first start.
func (m *measure) processes(ctx context.Context, r *result.Result) error {
	table := result.Table{
		Caption: fmt.Sprintf("Processes with rules that are due every %v", m.interval),
		Columns: []string{"rules", "new: first run after", "new: all have run after", "again: first run after", "again: all have run after",
			"resident", "start delay p50", "p99", "worst", "schedules missed", "CPU of a core"},
	}
	var last life
	for i, count := range m.sizes {
		if err := m.node.forget(ctx); err != nil {
			return err
		}
		dir, err := writeRules(m.Data, count, m.interval)
		if err != nil {
			return err
		}
		fresh, err := m.live(ctx, dir, count, 0, false)
		if err != nil {
			return err
		}
		// When it starts again, all rules have been due meanwhile.
		time.Sleep(m.interval)
		steady := m.steady - m.interval
		if i == len(m.sizes)-1 {
			steady = m.steady
		}
		if last, err = m.live(ctx, dir, count, steady, false); err != nil {
			return err
		}
		table.Rows = append(table.Rows, last.row(strconv.Itoa(count), fresh))
		fmt.Fprintln(m.log, table.Rows[len(table.Rows)-1])
		if i == len(m.sizes)-1 {
			busy, err := m.live(ctx, dir, count, m.steady-m.interval, true)
			if err != nil {
				return err
			}
			table.Rows = append(table.Rows, busy.row(fmt.Sprintf("%d, while documents arrive that no rule asks for", count), fresh))
			fmt.Fprintln(m.log, table.Rows[len(table.Rows)-1])
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	r.Tables = append(r.Tables, table)
	r.Targets = append(r.Targets, last.targets()...)
	return nil
}

// row is the life in the table, after a first one.
func (l life) row(what string, fresh life) []string {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
	quantile := func(q float64) string { return fmt.Sprintf("%.3f s", l.delay(q)) }
	return []string{what, seconds(fresh.first), seconds(fresh.all), seconds(l.first), seconds(l.all),
		fmt.Sprintf("%d MB", l.peak>>20), quantile(0.5), quantile(0.99), quantile(1), strconv.Itoa(l.missed), fmt.Sprintf("%.2f %%", 100*l.share())}
}

func (l life) share() float64 { return l.cpu / max(l.steady.Seconds(), 1e-9) }

// delay is a quantile of the start delays, in seconds.
func (l life) delay(q float64) float64 {
	if len(l.delays) == 0 {
		return 0
	}
	slices.Sort(l.delays)
	return l.delays[min(len(l.delays)-1, int(q*float64(len(l.delays))))]
}

func (l life) targets() []result.Target {
	list := []result.Target{
		{Reach: fmt.Sprintf("%d idle rules cost under 1 %% of a core at a one-minute schedule", l.rules), Got: fmt.Sprintf("%.2f %%", 100*l.share()), Met: l.share() < 0.01},
		{Reach: fmt.Sprintf("%d rules in one process: under 200 MB resident", l.rules), Got: fmt.Sprintf("%d MB at the most", l.peak>>20), Met: l.peak < 200<<20},
		{Reach: "start to first run under 1 s", Got: fmt.Sprintf("%.2f s", l.first.Seconds()), Met: l.first < time.Second},
		{Reach: "no schedule missed", Got: fmt.Sprintf("%d missed of %d runs", l.missed, len(l.delays)), Met: l.missed == 0},
		{Reach: "p99 start delay under 1 s", Got: fmt.Sprintf("%.3f s", l.delay(0.99)), Met: l.delay(0.99) < 1},
	}
	for i := range list {
		if !list[i].Met {
			list[i].Why = "all rules are due at the same moment, and the node that answers them has the same two cores as everything else here"
		}
	}
	return list
}

// live starts a process, waits until every rule has run, watches it for a while
// and ends it. If it is busy, documents arrive meanwhile that no rule asks for.
func (m *measure) live(ctx context.Context, dir string, count int, steady time.Duration, busy bool) (life, error) {
	if busy {
		writing, stop := context.WithCancel(ctx)
		defer stop()
		go m.node.disturb(writing, m.interval/6)
	}
	cmd := exec.CommandContext(ctx, m.Stitch, "run", "--url", m.node.url, "--rules", dir, "--listen", "", "--log-format", "json", "--reload", "0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return life{}, err
	}
	l := life{rules: count, began: time.Now(), steady: steady}
	if err := cmd.Start(); err != nil {
		return l, fmt.Errorf("start stitch: %w", err)
	}
	w := &watcher{ran: map[string][]time.Time{}, enough: count, all: make(chan struct{})}
	all := w.all
	go w.read(stderr)
	select {
	case <-all:
	case <-time.After(5 * time.Minute):
		_ = cmd.Process.Kill()
		return l, fmt.Errorf("of %d rules not all have run: %s", count, w.lastLine())
	}
	l.all = time.Since(l.began)
	// The steady time begins between two due times, and ends so.
	half := m.interval / 2
	from := time.Now().Add(half).Truncate(m.interval).Add(half)
	if steady > 0 {
		time.Sleep(time.Until(from))
		before, _ := result.CPUOf(cmd.Process.Pid)
		time.Sleep(steady)
		if l.cpu, err = result.CPUOf(cmd.Process.Pid); err != nil {
			_ = cmd.Process.Kill()
			return l, fmt.Errorf("stitch: %w: %s", err, w.lastLine())
		}
		l.cpu -= before
		l.resident, l.peak = memoryOf(cmd.Process.Pid)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		return l, fmt.Errorf("stitch: %w: %s", err, w.lastLine())
	}
	w.judge(&l, m.interval, from)
	return l, nil
}

// watcher reads the log of a process.
type watcher struct {
	mu     sync.Mutex
	ran    map[string][]time.Time // by rule: when its runs began to look
	enough int
	all    chan struct{}
	last   string
}

func (w *watcher) read(log io.Reader) {
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct {
			Msg    string
			RuleID string `json:"rule_id"`
			To     time.Time
		}
		err := json.Unmarshal(lines.Bytes(), &line)
		w.mu.Lock()
		if err != nil || line.Msg != "run done" {
			w.last = lines.Text()
			w.mu.Unlock()
			continue
		}
		w.ran[line.RuleID] = append(w.ran[line.RuleID], line.To)
		if len(w.ran) == w.enough && w.all != nil {
			close(w.all)
			w.all, w.enough = nil, 0
		}
		w.mu.Unlock()
	}
}

func (w *watcher) lastLine() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// judge reads the delays and what was missed from when each run began.
func (w *watcher) judge(l *life, interval time.Duration, from time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := time.Time{}
	for _, times := range w.ran {
		if first.IsZero() || times[0].Before(first) {
			first = times[0]
		}
		for due := from.Truncate(interval).Add(interval); due.Before(from.Add(l.steady)); due = due.Add(interval) {
			i := slices.IndexFunc(times, func(t time.Time) bool { return !t.Before(due) && t.Before(due.Add(interval)) })
			if i < 0 {
				l.missed++
				continue
			}
			l.delays = append(l.delays, times[i].Sub(due).Seconds())
		}
	}
	l.first = first.Sub(l.began)
}

// memoryOf is what a process has resident, now and at the most, in bytes.
func memoryOf(pid int) (now, peak int64) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(data)) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kb); n == 1 {
			now = kb << 10
		}
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kb); n == 1 {
			peak = kb << 10
		}
	}
	return now, peak
}
