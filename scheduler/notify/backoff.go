package notify

import (
	"hash/fnv"
	"strconv"
	"time"
)

// How long a route that failed is left alone, doubled with each failure in a row.
const (
	firstRouteWait = 10 * time.Second
	lastRouteWait  = 5 * time.Minute
)

// How long a message that failed waits, doubled with each attempt; one that was
// refused waits longer.
const (
	firstWait        = 15 * time.Second
	lastWait         = 15 * time.Minute
	firstRefusedWait = time.Hour
	lastRefusedWait  = 24 * time.Hour
)

func routeWait(route string, failures int) time.Duration {
	return spread(route, failures, doubled(firstRouteWait, lastRouteWait, failures))
}

func messageWait(key string, attempts int, refused bool) time.Duration {
	if refused {
		return spread(key, attempts, doubled(firstRefusedWait, lastRefusedWait, attempts))
	}
	return spread(key, attempts, doubled(firstWait, lastWait, attempts))
}

// doubled is first for one failure, twice as much for each further one, at most
// last.
func doubled(first, last time.Duration, failures int) time.Duration {
	d := first
	for i := 1; i < failures && d < last; i++ {
		d *= 2
	}
	return min(d, last)
}

// spread takes up to half of a time away, by a hash, so that what failed at once
// does not come back at once.
func spread(key string, attempt int, d time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key + "\x00" + strconv.Itoa(attempt)))
	return d - time.Duration(float64(d)/2*float64(h.Sum32())/float64(1<<32))
}
