package simulation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// subject is a rule and the documents it is tried on.
type subject struct {
	name string
	// rules is the rule in all versions, as Process has them.
	rules    [3]*rules.Rule
	interval ms
	lateness ms
	settle   ms
	span     ms
	kinds    int // of documents
	// accepts are the kinds of which every stamped document is accepted by some
	// stage.
	accepts []int
	// length is how much time the events of a history take, step what lies
	// between two of their times.
	lengths []ms
	step    ms
	source  func(d Document) (index string, source map[string]any)
}

// subjects loads all rules, by name.
func subjects(t testing.TB) map[string]*subject {
	t.Helper()
	load := func(paths ...string) *rules.Set {
		set, err := rules.Load(paths)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	own, changed, shipped := load("testdata/rules"), load("testdata/changed"), load()
	out := map[string]*subject{}
	add := func(name string, s *subject, r, other *rules.Rule) {
		same := *r
		same.Fingerprint = "changed" + r.Fingerprint
		if other == nil {
			other = &same
		}
		s.name, s.rules = name, [3]*rules.Rule{r, sameMeaning: &same, otherMeaning: other}
		s.interval = msOf(r.Schedule.Next(base).Sub(base))
		s.lateness, s.settle, s.span = msOf(r.Lateness), msOf(r.Settle), msOf(r.Span)
		out[name] = s
	}
	accepts := map[string][]int{
		"pair": {0, 1}, "first": {0, 1, 2, 3}, "drive": {0, 1, 2, 3}, "window": {0}, "status": {0, 1},
		"absent": {0, 1}, "between": {0, 2, 3}, "absent-window": {0, 1},
	}
	for _, r := range own.Rules {
		s := &subject{kinds: 4, lengths: []ms{hour, hour, hour, 14 * hour}, step: minute, source: simpleSource, accepts: accepts[r.ID]}
		add(r.ID, s, r, changed.ByID(r.ID))
	}
	addShipped := func(name, id string, interval time.Duration, lengths ...ms) {
		r := *shipped.ByID(id)
		r.Schedule = rules.Every(interval)
		add(name, &subject{kinds: 5, lengths: lengths, step: hour, source: shippedSource}, &r, nil)
	}
	addShipped("events", "8a30d849-6e54-41a0-9cbb-d8f055b4dd19", 4*time.Hour, 36*hour, 10*24*hour)
	addShipped("groups", "6267ce44-1e9d-471b-9f1e-ae76a6b7aa84", 24*time.Hour, 30*hour, 5*24*hour)
	return out
}

// version is the rule in a version.
func (s *subject) version(n int) *rules.Rule { return s.rules[n] }

// simple reports whether the rule is one of testdata, whose documents are alike.
func (s *subject) simple() bool { return s.step == minute }

type object = map[string]any

func isoTime(t ms) string { return t.at().Format("2006-01-02T15:04:05.000Z") }

// simpleSource is a document for the rules in testdata.
func simpleSource(d Document) (string, map[string]any) {
	event := object{"action": string(rune('a' + d.Kind))}
	source := object{
		"@timestamp": isoTime(d.Event), "event": event,
		"user": object{"name": fmt.Sprintf("u%d", d.User)},
		"host": object{"id": fmt.Sprintf("h%d", d.Host)},
		"file": object{"name": fmt.Sprintf("f%d", d.Name)},
		"sim":  object{"report": fmt.Sprintf("r%d", d.Host)},
	}
	if d.Generation == unstamped {
		return "plain-sim-default", source
	}
	if d.stamped() {
		event["ingested"] = isoTime(d.Stamp)
	}
	return fmt.Sprintf("logs-sim-default-2024.02.29-%06d", d.Generation+1), source
}

// shippedSource is a document as the sources of the shipped views have it.
func shippedSource(d Document) (string, map[string]any) {
	upn := fmt.Sprintf("u%d@x.example", d.User)
	address := fmt.Sprintf("203.0.113.%d", d.Host)
	name := fmt.Sprintf("f%d.txt", d.Name)
	drive := string(rune('E'+d.Host)) + ":"
	event := object{"kind": "event"}
	source := object{"@timestamp": isoTime(d.Event), "event": event}
	if d.stamped() {
		event["ingested"] = isoTime(d.Stamp)
	}
	dataset := "m365_defender.event"
	switch d.Kind {
	case 0: // a download
		event["action"] = "filedownloaded"
		source["host"] = object{"ip": []string{address}}
		source["m365_defender"] = object{"event": object{
			"category": "AdvancedHunting-CloudAppEvents", "application": "Microsoft SharePoint Online",
			"account":        object{"object_id": fmt.Sprintf("o%d", d.User)},
			"raw_event_data": object{"UserId": upn, "SourceFileName": name, "Operation": "FileDownloaded"},
		}}
	case 1: // an alert
		dataset = "microsoft_sentinel.event"
		source["microsoft_sentinel"] = object{"event": object{
			"alert": object{"name": "Mass download by a single user"}, "status": []string{"New", "Active", "Resolved"}[d.Name%3],
			"system_alert_id": fmt.Sprintf("alert-%d-%d", d.User, d.Name),
			"entities": []object{
				{"Type": "account", "AadUserId": fmt.Sprintf("o%d", d.User)}, {"Type": "ip", "Address": address},
			},
		}}
	case 2: // a mount
		event["action"] = "usbdrivemounted"
		source["host"] = object{"id": "m0", "name": "m0.x.example"}
		source["m365_defender"] = object{"event": object{
			"category": "AdvancedHunting-DeviceEvents", "additional_fields": object{"DriveLetter": drive, "ProductName": name},
		}}
	case 3: // a copy
		event["action"] = "creation"
		source["host"] = object{"id": "m0", "name": "m0.x.example"}
		source["file"] = object{"name": name, "path": drive + `\` + name}
		source["process"] = object{"executable": `c:\windows\explorer.exe`, "name": "explorer.exe"}
		source["m365_defender"] = object{"event": object{
			"category": "AdvancedHunting-DeviceFileEvents", "initiating_process": object{"account_upn": upn},
		}}
	default: // the audit log's alert, which has a name alone
		dataset = "o365.audit"
		event["code"] = "SecurityComplianceAlerts"
		source["rule"] = object{"name": "Mass download by a single user"}
		source["o365"] = object{"audit": object{"AlertId": fmt.Sprintf("audit-%d-%d", d.User, d.Name), "Data": object{"f3u": strings.ToUpper(upn)}}}
	}
	return fmt.Sprintf("logs-%s-default-2024.02.29-%06d", dataset, d.Generation+1), source
}
