package parity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/rules"
)

// fewFiles is how many files make a burst in these cases.
const fewFiles = 3

// countedRule is the shipped rule, with fewer files to a burst.
func countedRule(t *testing.T) *rules.Rule {
	t.Helper()
	text, err := os.ReadFile("../../rules/mass_download_counted_usb.toml")
	if err != nil {
		t.Fatal(err)
	}
	few := strings.Replace(string(text), "file_count >= 50", "file_count >= 3", 1)
	if few == string(text) {
		t.Fatal("the rule does not ask for fifty files")
	}
	path := filepath.Join(t.TempDir(), "rule.toml")
	if err := os.WriteFile(path, []byte(few), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	return set.Rules[0]
}

// TestCountedParity holds the counted rule to its note: the incidents that a
// walk through all minutes finds are the alerts that stand, whether the rule runs
// all the way or once, and whether documents are there in time or arrive late. A
// late first download of the day before makes another incident of a burst; the
// alert of the first one is then retracted.
func TestCountedParity(t *testing.T) {
	t.Parallel()
	rule := countedRule(t)
	from := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	checkRounds(t, chainRounds/2, func(t *rapid.T) bool {
		c := &countedCase{counted: counted{addresses: map[string]string{}}}
		c.draw(t, from.UnixMilli())
		scheduled := *rule
		scheduled.Schedule = rules.Every(rapid.SampledFrom([]time.Duration{1000 * time.Hour, 13 * time.Hour}).Draw(t, "interval"))
		return c.check(t, &scheduled, from)
	})
}

// check holds a rule to the case's walk, and returns whether there is an incident
// at all.
func (c *countedCase) check(t rapid.TB, rule *rules.Rule, from time.Time) (found bool) {
	t.Helper()
	want := c.incidents(fewFiles)
	got := map[incident]evidence{}
	for _, a := range replay(t, rule, c.writer.docs, from, from.AddDate(0, 0, 6)) {
		if a.Stitch.Retracted != nil {
			continue
		}
		id, documents := a.incident(t)
		key := map[string]string{}
		for _, k := range a.Stitch.Key {
			key[k.Name] = k.Value
		}
		id.alert, id.user = key["burst"], key["burst.user.upn"]
		if got[id] != nil {
			t.Errorf("two alerts for %v", id)
		}
		got[id] = documents
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("alerts (-by hand +stitch):\n%s\nevery %v, documents:\n%s", diff, rule.Schedule, ndjson(c.writer.docs))
	}
	return len(want) > 0
}

// countedCase is the rows of a case and the documents that hold the same.
type countedCase struct {
	counted
	writer writer
}

// draw draws one or two people's downloads around a midnight, and copies of what
// they downloaded, all of it after from.
func (c *countedCase) draw(t *rapid.T, from int64) {
	c.writer.late = oneIn(t, 2, "late")
	start := from + rapid.SampledFrom([]int64{2*day - minute/2, 2 * day, 2*day + 10*hour}).Draw(t, "start")
	chain := &chainCase{writer: c.writer}
	for range rapid.IntRange(1, 2).Draw(t, "stories") {
		s := drawStory(t, start)
		s.user = rapid.SampledFrom(users()[:6]).Draw(t, "person")
		at := start
		for range rapid.IntRange(5, 12).Draw(t, "downloads") {
			c.download(t, &chain.writer, s, at)
			at += rapid.SampledFrom([]int64{minute / 3, 1, 0, 1, minute / 4, minute / 2, minute / 3, minute - 1, minute, 10 * hour}).Draw(t, "step")
		}
		for range rapid.IntRange(1, 3).Draw(t, "copies") {
			of := rapid.SampledFrom(c.downloads).Draw(t, "copied")
			s.name = of.name
			s.start = of.time
			chain.copy(t, s, of.time)
			if oneIn(t, 2, "mounted for it") {
				s.start = of.time - hour
			}
			chain.mount(t, s)
		}
	}
	c.copies, c.mounts, c.writer = chain.events.copies, chain.events.mounts, chain.writer
}

func (c *countedCase) download(t *rapid.T, w *writer, s story, at int64) {
	e := download{
		time:   at,
		action: mostly(t, "FileDownloaded", []string{"FileSyncDownloadedFull", ""}, "action"),
		email:  mostly(t, rapid.SampledFrom([]string{s.user, strings.ToUpper(s.user)}).Draw(t, "spelling"), users(), "user"),
		ip:     s.ip,
		name:   rapid.SampledFrom([]string{"a.txt", "b.txt", "A.TXT", "c.txt", ""}).Draw(t, "name"),
		source: rapid.SampledFrom([]string{"m365_defender", "o365", "filebeat"}).Draw(t, "source"),
	}
	address := rapid.SampledFrom([]string{"https://x/1", "https://x/2", "https://x/3", "https://X/1", "https://x/4", ""}).Draw(t, "file's address")
	var d document
	if e.source == "m365_defender" {
		d = w.cloudAppEvent(t, cloudAppEvent{TimeGenerated: e.time, ActionType: e.action, Application: "SharePoint",
			AccountObjectId: s.oid, IPAddress: e.ip, UserId: e.email, SourceFileName: e.name})
		d.put("m365_defender.event.raw_event_data.ObjectId", address)
	} else {
		d = w.auditDownload(t, e)
		d.put("url.original", address)
	}
	e.document = w.add(d)
	c.addresses[e.document] = address
	c.downloads = append(c.downloads, e)
}
