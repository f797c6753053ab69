package result

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// Sample is figures of the same thing, one a round.
type Sample []float64

// Median is the middle figure, the mean of the two in the middle of an even
// number, and 0 of none.
func (s Sample) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Spread is the least and the greatest figure, "0.31 … 0.42".
func (s Sample) Spread() string {
	if len(s) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g … %.3g", slices.Min(s), slices.Max(s))
}

// Over returns the ratios of two samples round by round: what drifts with the
// machine falls out.
func (s Sample) Over(other Sample) Sample {
	ratios := make(Sample, 0, len(s))
	for i := range min(len(s), len(other)) {
		ratios = append(ratios, s[i]/other[i])
	}
	return ratios
}

// Alternate runs A B … A B …: one round that does not count, to warm up, and
// then as many as asked. What a run measures, it keeps where counts is true.
func Alternate(rounds int, runs ...func(counts bool) error) error {
	for round := range rounds + 1 {
		for i, run := range runs {
			runtime.GC()
			if err := run(round > 0); err != nil {
				return fmt.Errorf("run %d of round %d: %w", i+1, round, err)
			}
		}
	}
	return nil
}

// Usage is what a process took from its start to its end.
type Usage struct {
	Wall float64 // seconds
	CPU  float64 // seconds, of user and system
	Peak int64   // resident bytes
	Out  []byte  // what it wrote to standard output
}

// Process runs a command to its end. One that fails is an error with what it
// wrote to standard error.
func Process(ctx context.Context, name string, args ...string) (Usage, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failed
	began := time.Now()
	err := cmd.Run()
	u := Usage{Wall: time.Since(began).Seconds(), Out: out.Bytes()}
	if err != nil {
		return u, fmt.Errorf("run %s: %w: %s", name, err, failed.String())
	}
	u.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.Peak = r.Maxrss * 1024
	}
	return u, nil
}

// CPU runs f and returns the seconds of CPU, of user and system, that this
// process took meanwhile, garbage collection included.
func CPU(f func() error) (seconds float64, err error) {
	began := cpu()
	err = f()
	return cpu() - began, err
}

func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
