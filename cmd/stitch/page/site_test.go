package page_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/cmd/stitch/page"
	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/explain"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// now is when all pages are asked for.
func now() time.Time { return time.Date(2026, 3, 10, 18, 0, 0, 0, time.UTC) }

// at is a time of that day.
func at(clock string) time.Time {
	t, err := time.Parse("15:04:05", clock)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 3, 10, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

func strs(list ...string) []esq.Value {
	values := make([]esq.Value, len(list))
	for i, s := range list {
		values[i] = esq.Str(s)
	}
	return values
}

// What somebody may have called a file, and himself.
const (
	hostileFile = `E:\<img src=x onerror="document.title='owned'">.docx`
	turnedFile  = "E:\\annual\u202excod.exe"
	hostileUser = `"><script>document.title='owned'</script>@contoso.com`
	hostileLink = `javascript:document.title='owned'`
)

// incident is an alert with something in everything that is shown.
func incident() mappings.Alert {
	doc := func(index, id, source, clock string, columns map[string][]esq.Value) mappings.Document {
		return mappings.Document{Index: index, ID: id, Source: source, Time: at(clock), Columns: columns}
	}
	a := mappings.Alert{
		ID: "5f0c9d1e7a3b4c2d8e6f", Written: at("15:00:02"), Anchor: at("09:16:30"), Start: at("09:12:04"), End: at("13:47:21"), Ticket: 7,
		Rule: mappings.Rule{
			ID: "8a30d849-6e54-41a0-9cbb-d8f055b4dd19", Name: "Mass download carried off on a USB drive",
			Description: "One person downloads many files,\nand soon after copies of the same names are written to a USB drive.",
			Type:        "sequence", Severity: "high", RiskScore: 73, Author: []string{"stitch"}, License: "Apache-2.0", Version: 3,
			References:     []string{"https://attack.mitre.org/techniques/T1052/001/", hostileLink},
			FalsePositives: []string{"A backup that was agreed on"}, Note: "Ask first.\nThen look at the drive.", Fingerprint: "f00d",
		},
		Key: []mappings.KeyValue{{Name: "alert", Value: esq.Str("MDCA-17")}, {Name: "user.email", Value: esq.Str("anna.lindqvist@nordwind.example")}},
		Weak: []string{
			"alert: the audit log knows no object id", "copy: the agent knows no account",
		},
		Details:  map[string]any{"Drive": "E:", "Files": []any{hostileFile, turnedFile}},
		Entities: []mappings.Entity{{Type: "Account", Identifiers: map[string]any{"FullName": "anna.lindqvist@nordwind.example"}}, {Type: "Host", Identifiers: map[string]any{"HostName": "NW-LT-0417"}}},
		Suppression: &mappings.Suppression{
			Terms: []mappings.KeyValue{{Name: "user.email", Value: esq.Str("anna.lindqvist@nordwind.example")}},
			Start: at("09:16:30"), End: at("14:02:00"), Count: 3,
		},
		Columns: map[string][]esq.Value{
			"user.email": strs("anna.lindqvist@nordwind.example"), "host.name": strs("NW-LT-0417"), "file.path": strs(hostileFile, turnedFile), "source.ip": strs("203.0.113.7"),
		},
	}
	download := mappings.Stage{Stage: "download", First: at("09:12:04"), Last: at("09:15:58"), Count: 61, Omitted: 11}
	for i := range 50 {
		download.Documents = append(download.Documents, mappings.Document{
			Index: "logs-m365_defender.event-default", ID: fmt.Sprintf("download-%02d", i), Source: "m365_defender",
			Time: at("09:12:04").Add(time.Duration(i*i) * 80 * time.Millisecond),
			Columns: map[string][]esq.Value{
				"user.email": strs("anna.lindqvist@nordwind.example"), "file.name": strs(fmt.Sprintf("Tender %02d.xlsx", i)),
				"source.ip": strs("203.0.113.7"), "event.action": strs("FileDownloaded"),
			},
		})
	}
	a.Stages = []mappings.Stage{
		download,
		{Stage: "alert", First: at("09:16:30"), Last: at("09:16:30"), Count: 1, Documents: []mappings.Document{
			doc("logs-microsoft_sentinel.event-default", "alert/1?x=a&y#z", "microsoft_sentinel", "09:16:30", map[string][]esq.Value{
				"rule.name": strs("Mass download by a single user"), "user.email": strs("anna.lindqvist@nordwind.example"),
			}),
		}},
		{Stage: "mount", First: at("13:40:11"), Last: at("13:40:11"), Count: 1, Documents: []mappings.Document{
			doc("logs-m365_defender.event-default", "mount-1", "m365_defender", "13:40:11", map[string][]esq.Value{
				"volume.drive_letter": strs("E:"), "host.name": strs("NW-LT-0417"), "device.product.name": strs("Ultra Fit"),
			}),
		}},
		{Stage: "copy", First: at("13:42:00"), Last: at("13:47:21"), Count: 3, Documents: []mappings.Document{
			doc("logs-endpoint.events.file-default", "copy-1", "endpoint", "13:42:00", map[string][]esq.Value{
				"file.path": strs(hostileFile), "host.name": strs("NW-LT-0417"), "process.executable": strs(`C:\Windows\explorer.exe`),
			}),
			doc("logs-endpoint.events.file-default", "copy-2", "endpoint", "13:44:10", map[string][]esq.Value{
				"file.path": strs(turnedFile), "host.name": strs("NW-LT-0417"),
			}),
			doc("logs-endpoint.events.file-default", "copy-3", "endpoint", "13:47:21", map[string][]esq.Value{
				"file.path": strs(`E:\` + strings.Repeat("very long folder name without end ", 12) + `\Tender 07.xlsx`), "host.name": strs("NW-LT-0417"),
			}),
		}},
		{Stage: "scan"},
	}
	return a
}

// ordinary is one of many alerts: the nth, written n minutes before the
// incident.
func ordinary(n int) mappings.Alert {
	user := fmt.Sprintf("user%d@nordwind.example", n)
	when := at("14:00:00").Add(-time.Duration(n) * time.Minute)
	if n%100 == 3 {
		user = hostileUser
	}
	severity := []string{"low", "medium", "high", "critical"}[n%4]
	return mappings.Alert{
		ID: fmt.Sprintf("%020x", n+1), Written: when, Anchor: when, Start: when, End: when, Ticket: 1,
		Rule: mappings.Rule{
			ID: fmt.Sprintf("rule-%d", n%3), Name: []string{"Copies at night", "A sign-in from far away", "Microsoft 365 mass download by a single user (corrected)"}[n%3],
			Type: "query", Severity: severity, RiskScore: 21,
		},
		Key: []mappings.KeyValue{{Name: "user.email", Value: esq.Str(user)}},
		Stages: []mappings.Stage{{Stage: "event", First: when, Last: when, Count: 1, Documents: []mappings.Document{
			{Index: "logs-x", ID: fmt.Sprint(n), Time: when, Columns: map[string][]esq.Value{"user.email": strs(user)}},
		}}},
		Columns: map[string][]esq.Value{"user.email": strs(user), "host.name": strs(fmt.Sprintf("NW-LT-%04d", n%500))},
	}
}

// many are the first ordinary ones.
func many(n int) []mappings.Alert {
	list := make([]mappings.Alert, n)
	for i := range list {
		list[i] = ordinary(i)
	}
	return list
}

// crowded is an alert of a stage with many documents, all of them listed.
func crowded(many int) mappings.Alert {
	a := incident()
	a.ID = "crowded"
	a.Written = at("15:30:00")
	s := mappings.Stage{Stage: "copy", First: at("10:00:00"), Count: many}
	for i := range many {
		s.Last = at("10:00:00").Add(time.Duration(i) * 700 * time.Millisecond)
		s.Documents = append(s.Documents, mappings.Document{
			Index: "logs-x", ID: fmt.Sprint(i), Time: s.Last, Columns: map[string][]esq.Value{"file.path": strs(fmt.Sprintf(`E:\%d.docx`, i))},
		})
	}
	a.Stages = []mappings.Stage{a.Stages[0], s}
	a.End = s.Last
	return a
}

// alerts reads those of an engine.
type alerts struct{ engine triage.Engine }

var _ page.Alerts = alerts{}

func (a alerts) List(ctx context.Context, f triage.Filter, after triage.Cursor, size int) (triage.Page, error) {
	return triage.List(ctx, a.engine, mappings.Names{}, f, after, size)
}

func (a alerts) Get(ctx context.Context, id string) (*triage.Alert, error) {
	return triage.Get(ctx, a.engine, mappings.Names{}, id)
}

// site is the page over the embedded engine, as a browser reaches it.
type site struct {
	*httptest.Server
	engine *memory.Engine
}

// newSite makes one with alerts.
func newSite(t testing.TB, change func(*page.Options), stored ...mappings.Alert) *site {
	t.Helper()
	s := &site{engine: memory.New(memory.Options{Now: now})}
	var ops []esq.Write
	for _, a := range stored {
		source, err := a.Document()
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, esq.Write{Ref: esq.Ref{Index: mappings.Names{}.AlertIndex(a.Anchor), ID: a.ID}, Source: source})
	}
	outcomes, err := s.engine.Bulk(t.Context(), ops, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	s.Server = httptest.NewServer(newPage(t, s, change))
	t.Cleanup(s.Close)
	return s
}

// newPage makes the page of a site.
func newPage(t testing.TB, s *site, change func(*page.Options)) *page.Page {
	t.Helper()
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := page.Options{
		Alerts: alerts{s.engine}, Rules: func() *rules.Set { return set }, Clock: now, Version: "test",
		Coverage: func(context.Context) ([]scheduler.RuleCoverage, error) { return covered(set), nil },
		Plan: func(ctx context.Context, r *rules.Rule) (*explain.Plan, error) {
			return explain.Describe(ctx, s.engine, r, now(), false)
		},
		Source: func(*rules.Rule) (string, error) { return "[rule]\nname = \"<b>\"\n", nil },
		Links:  page.Links{Kibana: "https://kibana.example/s/soc", Dashboards: "https://osd.example/{index}/{id}"},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(&o)
	}
	p, err := page.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// acting allows triage, by somebody with a name of his own.
func (s *site) acting(o *page.Options) {
	o.User = func(*http.Request) string { return "anna <b>" }
	o.Act = func(ctx context.Context, id string, a mappings.Action) error {
		_, err := triage.Act(ctx, s.engine, mappings.Names{}, id, a)
		return err
	}
}

// covered is a day of every rule, with something else about each.
func covered(set *rules.Set) []scheduler.RuleCoverage {
	var list []scheduler.RuleCoverage
	for i, r := range set.Rules {
		c := scheduler.RuleCoverage{
			Rule: r, Start: now().Add(-30 * time.Hour), CoveredUntil: now().Add(-5 * time.Minute), Next: now().Add(10 * time.Minute),
			Covered: []rules.Window{{From: now().Add(-30 * time.Hour), To: now().Add(-5 * time.Minute)}},
			LastRun: &scheduler.LastRun{Finished: now().Add(-4 * time.Minute), Outcome: "success"},
			Sources: []scheduler.SourceCoverage{{Stage: "download", View: "download", Source: "o365", Count: 412, Late: 3}, {Stage: "copy", View: "file_write", Source: "endpoint", NoIndex: true}},
		}
		switch i {
		case 1:
			c.CoveredUntil = now().Add(-7 * time.Hour)
			c.Covered = []rules.Window{{From: c.Start, To: c.CoveredUntil}, {From: now().Add(-5 * time.Hour), To: now().Add(-5 * time.Minute)}}
			c.Holes = []scheduler.Hole{
				{From: c.CoveredUntil, To: now().Add(-5 * time.Hour), Reason: "search logs-<b>*: 2 of 3 shards answered", Since: now().Add(-4 * time.Hour), Attempts: 12},
				{From: now().Add(-5 * time.Minute), To: now().Add(-5*time.Minute + time.Second)},
			}
			c.LastRun = &scheduler.LastRun{Finished: now().Add(-time.Minute), Outcome: "failure", Error: "search logs-<b>*: 2 of 3 shards answered"}
		case 2:
			c = scheduler.RuleCoverage{Rule: r}
		case 3:
			c = scheduler.RuleCoverage{Rule: r, Err: errors.New("the ledger is from a newer stitch")}
		}
		list = append(list, c)
	}
	return list
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// get asks for a page, without following redirects.
func (s *site) get(t testing.TB, path string, header ...string) answer {
	t.Helper()
	return s.ask(t, http.MethodGet, path, nil, header...)
}

func (s *site) ask(t testing.TB, method, path string, form url.Values, header ...string) answer {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// text is what a reader sees of it, nearly.
func (a answer) text() string {
	_, body, _ := strings.Cut(a.body, "<main")
	return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, ""))
}

// wants fails the test unless the status is this one and all words are there,
// in the page or in what a reader sees of it.
func (a answer) wants(t testing.TB, status int, words ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d", a.status, status)
	}
	text := a.text()
	for _, w := range words {
		if !strings.Contains(a.body, w) && !strings.Contains(text, w) {
			t.Errorf("%q is not in\n%.2000s", w, strings.Join(strings.Fields(text), " "))
		}
	}
}
