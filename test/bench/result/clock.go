package result

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// CPUOf returns the seconds of CPU, of user and system, that a running process
// has taken so far, threads included that have ended. It reads the process's own
// clock, which counts nanoseconds; /proc counts hundredths of a second.
func CPUOf(pid int) (float64, error) {
	const scheduled = 2 // CPUCLOCK_SCHED; a process's clock is its id turned over, and the kind
	var at unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &at); err != nil {
		return 0, fmt.Errorf("read CPU clock of process %d: %w", pid, err)
	}
	return float64(at.Nano()) / 1e9, nil
}
