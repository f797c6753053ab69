package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/scheduler"
)

func TestCoverageShowsTheHeartbeat(t *testing.T) {
	beat := &scheduler.Heartbeat{At: time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC), Holder: "one\x1b", Token: 3, Version: "v1", Rules: 5}
	var text, object strings.Builder
	writeCoverage(&text, nil, nil, beat)
	if want := "last heartbeat 2026-11-22T23:00:00Z, of one"; !strings.HasPrefix(text.String(), want) || strings.Contains(text.String(), "\x1b") {
		t.Errorf("%q", text.String())
	}
	if err := writeCoverageJSON(&object, nil, nil, beat); err != nil {
		t.Fatal(err)
	}
	if want := `"at": "2026-11-22T23:00:00Z"`; !strings.Contains(object.String(), want) {
		t.Errorf("%s", object.String())
	}
	text.Reset()
	writeCoverage(&text, nil, nil, nil)
	if text.Len() > 0 {
		t.Errorf("without a heartbeat: %q", text.String())
	}
}

func TestCoverageSaysWhoHoldsTheLease(t *testing.T) {
	renewed := time.Date(2026, 3, 10, 8, 0, 0, 0, time.UTC)
	for want, lease := range map[string]*scheduler.Lease{
		"": nil,
		"lease held by host-1, token 3, renewed 2026-03-10T08:00:00Z\n": {Holder: "host-1", Token: 3, Renewed: renewed},
		"lease free, given back 2026-03-10T08:00:00Z\n":                 {Token: 3, Renewed: renewed},
	} {
		var out strings.Builder
		writeCoverage(&out, nil, lease, nil)
		if out.String() != want {
			t.Errorf("%+v: %q, want %q", lease, out.String(), want)
		}
	}
}
