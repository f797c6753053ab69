package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/cmd/stitch/demo"
	"github.com/stitchdetect/stitch/rules/doctor"
)

// What a person is shown. The first are documents of ours in the shapes of the
// o365 and endpoint packages; the second is the demo's day.
func TestDoctor(t *testing.T) {
	folder := filepath.Join("testdata", "doctor")
	data := filepath.Join(folder, "data.ndjson")
	args := []string{"doctor", "--rules", filepath.Join(folder, "rules"), "--data", data}
	r := call{}.run(t, args...)
	r.want(t, exitProblems, "cannot fire  Downloaded, then written to a drive", "")
	golden(t, filepath.Join(folder, "chain.golden"), r.out)

	day := write(t, "day.ndjson", string(demo.Day(time.Date(2026, time.March, 10, 0, 0, 0, 0, time.UTC))))
	r = call{}.run(t, "doctor", "571ff456-aa7f-4e48-8a88-39698bb5418f", "--data", day)
	r.want(t, exitProblems, `passes none of 6 documents; values seen: AlertTriggered, AlertUpdated; "Mass download by a single user" stands in rule.name`, "")
	golden(t, filepath.Join(folder, "571ff456.golden"), r.out)

	r = call{}.run(t, "doctor", "e53ba448-405c-4220-a0c8-a0a0045dd570", "--data", day)
	r.want(t, exitFine, "\ncan fire     Microsoft 365 mass download by a single user (corrected) (e53ba448-405c-4220-a0c8-a0a0045dd570)\n", "")
}

// Every shipped rule but the one that cannot can fire on the demo's day, and
// the JSON says the same as the text.
func TestDoctorOnTheDemo(t *testing.T) {
	day := write(t, "day.ndjson", string(demo.Day(time.Date(2026, time.March, 10, 0, 0, 0, 0, time.UTC))))
	r := call{}.run(t, "doctor", "--data", day, "--output", "json")
	r.want(t, exitProblems, `"can_fire": false`, "")
	var report doctor.Report
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatal(err)
	}
	text := call{}.run(t, "doctor", "--data", day).out
	for _, rule := range report.Rules {
		if want := rule.ID != "571ff456-aa7f-4e48-8a88-39698bb5418f"; rule.Fires != want {
			t.Errorf("%s can fire: %v, want %v: %v", rule.Name, rule.Fires, want, rule.Reasons)
		}
		verdict := map[bool]string{true: "can fire     ", false: "cannot fire  "}[rule.Fires]
		if !strings.Contains(text, "\n"+verdict+rule.Name+" (") {
			t.Errorf("%s: %q is not in the text", rule.Name, verdict)
		}
	}
}

func TestDoctorUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	data := write(t, "data.ndjson", event("a", "2024-02-22T10:00:00Z"))
	for _, tt := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{}, exitUsage, "no cluster named"},
		{[]string{"nope", "--data", data}, exitUsage, `no rule with id "nope"`},
		{[]string{"--data", data, "--url", "http://127.0.0.1:1"}, exitUsage, "--data and --url exclude each other"},
		{[]string{"--data", "nowhere"}, exitUsage, "open data"},
		{[]string{"--data", data, "--output", "yaml"}, exitUsage, "--output must be text or json"},
		{[]string{"--data", data, "--last", "1s"}, exitUsage, "--last must be a minute at least"},
		{[]string{"--data", data, "--at", "soon"}, exitUsage, "is not a time"},
		{[]string{"--data", write(t, "empty", "")}, exitProblems, "say when to look with --at"},
		{[]string{"--url", "http://127.0.0.1:1"}, exitCluster, "no answer"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			call{}.run(t, append([]string{"doctor"}, tt.args...)...).want(t, tt.code, "", tt.err)
		})
	}
}

// A cluster whose user may do less than a run needs.
func TestDoctorWithoutRights(t *testing.T) {
	t.Chdir(t.TempDir())
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasPrefix(r.URL.Path, "/_resolve/"), strings.HasSuffix(r.URL.Path, "/_stats/docs"), strings.HasPrefix(r.URL.Path, "/_nodes/"):
			return refuse(w, 403, "security_exception", "action ["+r.URL.Path+"] is unauthorized")
		case r.URL.Path == "/_security/user/_has_privileges":
			return say(w, 200, `{"index":{"events-*":{"read":true},"detections-stitch.state":{"read":true,"write":true,"view_index_metadata":true},
				"detections-stitch.alerts-*":{"read":true},"detections-stitch.runs-*":{"write":true,"auto_configure":true}}}`)
		}
		return false
	})
	rule := write(t, "rule.toml", eventRule)
	r := call{}.run(t, "doctor", "--url", f.URL, "--rules", rule)
	r.want(t, exitProblems, "the user is refused what a run does with its own indices: no write, auto_configure on detections-stitch.alerts-*; give its role these privileges", "")
	for _, want := range []string{"note: not all is known of the indices: ", "note: the cluster's clock cannot be compared with ours: "} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%q is not in\n%s", want, r.out)
		}
	}
	if f.all() != "" {
		t.Errorf("the doctor wrote\n%s", f.all())
	}
}
