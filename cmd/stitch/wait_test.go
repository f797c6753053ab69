package main

import (
	"net/http"
	"sync/atomic"
	"testing"
)

// A cluster that comes up later is waited for; one that refuses is not.
func TestWait(t *testing.T) {
	var left atomic.Int32 // of the times that the cluster says no
	late := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == "/" && left.Add(-1) >= 0 && refuse(w, http.StatusServiceUnavailable, "cluster_block_exception", "starting")
	})
	left.Store(1000)
	call{}.run(t, "bootstrap", "--url", late.URL).want(t, exitCluster, "", "starting")
	left.Store(7) // more than a question is asked again by itself
	call{}.run(t, "bootstrap", "--url", late.URL, "--wait", "1m").want(t, exitCluster, "", "not_in_the_fake")

	stranger := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		return refuse(w, http.StatusUnauthorized, "security_exception", "who are you")
	})
	call{}.run(t, "bootstrap", "--url", stranger.URL, "--wait", "1m").want(t, exitCluster, "", "who are you")
}
