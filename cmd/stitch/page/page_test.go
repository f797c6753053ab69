package page_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/cmd/stitch/page"
	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/explain"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

const usbRule = "8a30d849-6e54-41a0-9cbb-d8f055b4dd19"

func TestPages(t *testing.T) {
	s := newSite(t, nil, append(many(3), incident(), crowded(100))...)
	for path, want := range map[string][]string{
		"/": {"5 alerts", "Mass download carried off on a USB drive", `href="./alerts/5f0c9d1e7a3b4c2d8e6f"`, "anna.lindqvist@nordwind.example", "NW-LT-0417", "download 61"},
		"/alerts/" + incident().ID: {
			"risk 73", "Timeline, 5 lanes", `aria-label="download, 61 documents"`, "none, as it must be", "11 more", "the agent knows no account",
			"3 more alerts", "HostName", "Ask first.", "A backup that was agreed on", "stitch.rule.fingerprint", `href="../rules/` + usbRule + `"`,
			`href="../?rule=` + usbRule + `"`, "Nobody has done anything about it.",
		},
		"/rules":             {"5 rules", "2 with holes or a broken ledger", "Not run yet.", "the ledger is from a newer stitch", "2 holes", "every 5 min", `href="./rules/` + usbRule + `"`},
		"/rules/" + usbRule:  {"<h1>", "runs every 5 min", "a stage that brings more than", "startsWith~(file.path,", "&lt;b&gt;"},
		"/rules?span=30d":    {`<a href="?span=30d" aria-current="true">`},
		"/rules?span=eighty": {`<a href="?span=24h" aria-current="true">`},
	} {
		t.Run(path, func(t *testing.T) { s.get(t, path).wants(t, http.StatusOK, want...) })
	}
}

// A rule's holes are said with their reasons.
func TestHoles(t *testing.T) {
	s := newSite(t, nil)
	set, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.get(t, "/rules/"+set.Rules[1].ID).wants(t, http.StatusOK, "logs-&lt;b&gt;*: 2 of 3 shards answered", "tried 12 times since", "not searched yet",
		"412, 3 of them too late", "no index matches", `aria-label="covered from 2026-03-09 12:00:00 until 2026-03-10 11:00:00, then 2 holes"`)
}

// Every answer, good or bad, holds the browser to the same.
func TestHeaders(t *testing.T) {
	s := newSite(t, nil, incident())
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	}
	for _, path := range []string{"/", "/alerts/" + incident().ID, "/alerts/none", "/rules", "/rules/none", "/rules/" + usbRule, "/nothing", "/?status=x", "/static/page.css", "/static/none"} {
		a := s.get(t, path)
		for name, value := range want {
			if got := a.header.Get(name); got != value {
				t.Errorf("%s: %s: %q, want %q", path, name, got, value)
			}
		}
		if cached := a.header.Get("Cache-Control"); cached != "no-store" && path != "/static/page.css" {
			t.Errorf("%s: Cache-Control: %q", path, cached)
		}
		if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") && path != "/static/page.css" {
			t.Errorf("%s: Content-Type: %q", path, kind)
		}
	}
}

// What pages load is named by its content, and kept by the browser only under
// such a name.
func TestAssets(t *testing.T) {
	s := newSite(t, nil)
	found := regexp.MustCompile(`(?:href|src)="(\./static/[^"]+)"`).FindAllStringSubmatch(s.get(t, "/").body, -1)
	if len(found) != 3 {
		t.Fatalf("%d files", len(found))
	}
	for _, f := range found {
		path := strings.TrimPrefix(html.UnescapeString(f[1]), ".")
		if a := s.get(t, path); a.status != http.StatusOK || !strings.Contains(a.header.Get("Cache-Control"), "immutable") || strings.Contains(a.header.Get("Content-Type"), "html") {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
		bare, _, _ := strings.Cut(path, "?")
		if a := s.get(t, bare+"?v=older"); a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v", bare, a.status, a.header)
		}
	}
	if a := s.get(t, "/", "Accept-Encoding", "gzip"); a.header.Get("Content-Encoding") != "gzip" {
		t.Error("pages are not compressed")
	}
}

// Links lead to the right place from every page, at whatever path a proxy has
// the site.
func TestLinksAreRelative(t *testing.T) {
	s := newSite(t, nil, incident())
	for _, path := range []string{"/", "/alerts/" + incident().ID, "/rules", "/rules/" + usbRule, "/a/b/c%2Fd", "/alerts/"} {
		body := s.get(t, path).body
		for _, f := range regexp.MustCompile(`(?:href|src|action)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			link := html.UnescapeString(f[1])
			if u, err := url.Parse(link); err != nil || u.Host == "" && strings.HasPrefix(u.Path, "/") {
				t.Errorf("%s: %s", path, link)
			}
		}
		base, err := url.Parse("http://proxy/below/" + strings.TrimPrefix(path, "/"))
		if err != nil {
			t.Fatal(err)
		}
		rulesLink := html.UnescapeString(regexp.MustCompile(`<a href="([^"]*)"[^>]*>Rules</a>`).FindStringSubmatch(body)[1])
		if to, err := base.Parse(rulesLink); err != nil || to.Path != "/below/rules" {
			t.Errorf("%s leads to %s", rulesLink, to)
		}
	}
}

// Nothing out of data becomes a tag, an attribute or an address that runs.
func TestHostileValues(t *testing.T) {
	a := incident()
	a.Rule.Name = `<script>alert(1)</script>`
	a.Rule.Note = "</p><svg onload=alert(1)>\x00\u2066"
	a.Rule.Severity = `high" onclick="alert(1)`
	a.Stages[3].Stage = `</text><script>alert(1)</script>`
	a.Key[1].Value = esq.Str(hostileUser)
	a.Stages[1].Documents[0].ID = `"><script>alert(1)</script>` + "&}{'!"
	a.Entities[0].Identifiers[`"><i>`] = hostileUser
	s := newSite(t, func(o *page.Options) {
		o.User = func(*http.Request) string { return `<script>alert(1)</script>` }
	}, a, ordinary(3))
	for _, path := range []string{
		"/", "/alerts/" + a.ID, "/?user=" + url.QueryEscape(hostileUser), "/?rule=" + url.QueryEscape(hostileUser), "/?status=" + url.QueryEscape(hostileUser),
		"/alerts/" + url.PathEscape(hostileUser), "/rules/" + url.PathEscape(hostileUser), "/" + url.PathEscape(hostileUser),
	} {
		body := s.get(t, path).body
		for _, tag := range []string{"<script>", "<img", "<svg onload", "<i>", `" onclick=`, "javascript:document.title='owned'\"", "\u202e", "\u2066", "\x00"} {
			if strings.Contains(body, tag) {
				t.Errorf("%s has %q", path, tag)
			}
		}
		if strings.Contains(body, " style=") || regexp.MustCompile(`<[^>]* on[a-z]+="`).MatchString(body) {
			t.Errorf("%s has what the policy forbids", path)
		}
	}
	body := s.get(t, "/alerts/"+a.ID).body
	for _, sign := range []string{`annual<span class="sign">U+202E</span>xcod.exe`, `<span class="sign">U+2066</span>`, "<bdi>javascript:document.title=&#39;owned&#39;</bdi>"} {
		if !strings.Contains(body, sign) {
			t.Errorf("%q is not shown", sign)
		}
	}
	if u := kibanaOf(t, body); !strings.Contains(u, "DISCOVER_APP_LOCATOR") {
		t.Errorf("link %s", u)
	}
}

// kibanaOf returns the first link to Kibana.
func kibanaOf(t *testing.T, body string) string {
	t.Helper()
	found := regexp.MustCompile(`href="(https://kibana\.example/[^"]*)"`).FindStringSubmatch(body)
	if found == nil {
		t.Fatal("no link to Kibana")
	}
	return html.UnescapeString(found[1])
}

// A link asks for the very document, whatever its names are.
func TestLinks(t *testing.T) {
	s := newSite(t, nil, incident())
	body := s.get(t, "/alerts/"+incident().ID).body
	found := regexp.MustCompile(`href="(https://[^"]*)"`).FindAllStringSubmatch(body, -1)
	var queries, places []string
	for _, f := range found {
		u, err := url.Parse(html.UnescapeString(f[1]))
		if err != nil {
			t.Fatal(err)
		}
		switch u.Host {
		case "kibana.example":
			if u.Path != "/s/soc/app/r" || u.Query().Get("l") != "DISCOVER_APP_LOCATOR" {
				t.Errorf("link %s", u)
			}
			var params struct {
				Query struct{ Query string }
			}
			if err := json.Unmarshal([]byte(u.Query().Get("p")), &params); err != nil {
				t.Fatal(err)
			}
			queries = append(queries, params.Query.Query)
		case "osd.example":
			places = append(places, u.EscapedPath())
		}
	}
	if want := `_id:"alert/1?x=a&y#z" and _index:"logs-microsoft_sentinel.event-default"`; !slices.Contains(queries, want) {
		t.Errorf("%q is not among %q", want, queries)
	}
	if want := "/logs-microsoft_sentinel.event-default/alert%2F1%3Fx%3Da%26y%23z"; !slices.Contains(places, want) {
		t.Errorf("%q is not among %q", want, places)
	}
	if n := len(queries); n != 55 {
		t.Errorf("%d links, want one for each document", n)
	}
}

func TestSettings(t *testing.T) {
	_, err := page.New(page.Options{Links: page.Links{Dashboards: "https://osd.example/{Index}"}})
	if err == nil || !strings.Contains(err.Error(), "dashboards_url may have {index}") {
		t.Error(err)
	}
	for _, wrong := range []string{"kibana", "javascript:alert(1)//x", "//kibana.example", "https://user:secret@kibana.example", "https://"} {
		_, err = page.New(page.Options{Links: page.Links{Kibana: wrong}})
		if err == nil || !strings.Contains(err.Error(), "kibana_url must be an address") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// All of ten thousand alerts are on some page, each once, the newest first.
func TestPaging(t *testing.T) {
	const all = 10_000
	s := newSite(t, nil, many(all)...)
	ids := regexp.MustCompile(`href="\./alerts/([0-9a-f]{20})"`)
	older := regexp.MustCompile(`rel="next" href="([^"]*)"`)
	var seen []string
	path := "/?"
	for range all/50 + 1 {
		a := s.get(t, path)
		a.wants(t, http.StatusOK, "10,000 alerts")
		for _, f := range ids.FindAllStringSubmatch(a.body, -1) {
			seen = append(seen, f[1])
		}
		next := older.FindStringSubmatch(a.body)
		if next == nil {
			break
		}
		path = "/" + html.UnescapeString(next[1])
	}
	want := make([]string, all)
	for i := range want {
		want[i] = ordinary(i).ID
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

// A filter is handed on from page to page, and shown as it was asked for.
func TestFilter(t *testing.T) {
	closed := incident()
	s := newSite(t, nil, append(many(400), closed)...)
	if _, err := triage.Act(t.Context(), s.engine, mappings.Names{}, closed.ID, mappings.Action{
		ID: "1", Kind: mappings.Close, By: "anna", At: now(), Reason: "test",
	}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"":                         "401 alerts, newest",
		"status=open":              "400 alerts as asked for",
		"status=closed":            "1 alert as asked for",
		"status=all":               "401 alerts as asked for",
		"status=acknowledged":      "No alert is as asked for",
		"severity=critical":        "100 alerts",
		"rule=rule-0":              "134 alerts",
		"user=user17%40":           "1 alert ",
		"user=%3Cscript":           "4 alerts",
		"host=nw-lt-0399":          "1 alert ",
		"text=user399":             "1 alert ",
		"text=usb+lindqvist":       "1 alert ",
		"since=1h":                 "0 alerts",
		"since=4h":                 "2 alerts",
		"since=24h":                "401 alerts",
		"from=2026-03-10T13:58":    "4 alerts",
		"to=2026-03-10":            "0 alerts",
		"to=2026-03-10T13%3A00":    "339 alerts",
		"severity=low&rule=rule-0": "34 alerts",
	} {
		s.get(t, "/?"+query).wants(t, http.StatusOK, want)
	}
	a := s.get(t, "/?severity=low&text=nordwind&user=&cursor=")
	a.wants(t, http.StatusOK, `<option value="low" selected>`, `value="nordwind"`)
	next, err := url.ParseQuery(strings.TrimPrefix(html.UnescapeString(regexp.MustCompile(`rel="next" href="([^"]*)"`).FindStringSubmatch(a.body)[1]), "?"))
	if err != nil || next.Get("severity") != "low" || next.Get("text") != "nordwind" || next.Has("user") || next.Get("cursor") == "" {
		t.Errorf("next page: %v, %v", next, err)
	}
	s.get(t, "/?"+next.Encode()).wants(t, http.StatusOK, `rel="first" href="?severity=low&amp;text=nordwind"`)
	for _, wrong := range []string{"status=shut", "severity=9", "from=yesterday", "to=x", "since=long", "cursor=x", "text=" + strings.Repeat("a", 201), "text=" + strings.Repeat("a+", 12), "from=2026-03-10&to=2026-03-10"} {
		s.get(t, "/?"+wrong).wants(t, http.StatusBadRequest, "Go back and mend it.")
	}
}

// What is not there, and what cannot be written.
func TestNothingThere(t *testing.T) {
	s := newSite(t, nil, incident())
	s.get(t, "/alerts/none").wants(t, http.StatusNotFound, "There is no alert none")
	s.get(t, "/rules/none").wants(t, http.StatusNotFound, "No rule none is loaded")
	s.get(t, "/none").wants(t, http.StatusNotFound, "There is no such page")
	s.get(t, "/static/none").wants(t, http.StatusNotFound, "There is no such page")
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		for _, path := range []string{"/", "/alerts/" + incident().ID, "/rules", "/rules/" + usbRule, "/static/page.css"} {
			a := s.ask(t, method, path, nil)
			a.wants(t, http.StatusMethodNotAllowed, "Nothing can be written here")
			if a.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s allows %q", method, path, a.header.Get("Allow"))
			}
		}
	}
	if a := s.ask(t, http.MethodHead, "/", nil); a.status != http.StatusOK || a.body != "" {
		t.Errorf("HEAD: %d %q", a.status, a.body)
	}
}

// failing is a cluster that answers with an error.
type failing struct{ err error }

func (f failing) List(context.Context, triage.Filter, triage.Cursor, int) (triage.Page, error) {
	return triage.Page{}, f.err
}
func (f failing) Get(context.Context, string) (*triage.Alert, error) { return nil, f.err }

// Whatever is wrong with the cluster is said with what to do, and nothing of
// the program's inside.
func TestTroubles(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		status int
		want   []string
	}{
		"away":      {fmt.Errorf("list: %w", &esq.UnreachableError{Op: "search", Err: errors.New("connection refused")}), 503, []string{"The cluster cannot be reached", "stitch doctor", "connection refused"}},
		"refused":   {&esq.ResponseError{Op: "search", Status: 403, Reason: "no <b>permissions</b>"}, 503, []string{"refuses the user", "--print-roles", "no &lt;b&gt;"}},
		"in part":   {&esq.PartialError{Op: "search", Reason: "1 of 2 shards answered"}, 503, []string{"in part only"}},
		"busy":      {&esq.ResponseError{Op: "search", Status: 429}, 503, []string{"has trouble"}},
		"slow":      {context.DeadlineExceeded, 503, []string{"did not answer in time"}},
		"surprise":  {errors.New("garbled"), 500, []string{"could not be made", "garbled"}},
		"no answer": {&triage.UnsureError{Alert: "a", Action: "b", Err: errors.New("cut")}, 503, []string{"It is done once"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(o *page.Options) {
				o.Alerts = failing{tt.err}
				o.Coverage = func(context.Context) ([]scheduler.RuleCoverage, error) { return nil, tt.err }
				o.Plan = func(context.Context, *rules.Rule) (*explain.Plan, error) { return nil, tt.err }
			})
			for _, path := range []string{"/", "/alerts/x", "/rules", "/rules/" + usbRule} {
				a := s.get(t, path)
				a.wants(t, tt.status, tt.want...)
				if strings.Contains(a.body, "goroutine") || (a.header.Get("Retry-After") != "") != (tt.status == 503) {
					t.Errorf("%s: %v\n%s", path, a.header, a.body)
				}
			}
		})
	}
}

// A fault of the program is answered like any other error.
func TestFault(t *testing.T) {
	s := newSite(t, func(o *page.Options) {
		o.Coverage = func(context.Context) ([]scheduler.RuleCoverage, error) { panic("secret inside") }
	})
	a := s.get(t, "/rules")
	a.wants(t, http.StatusInternalServerError, "could not be made")
	if strings.Contains(a.body, "secret inside") || strings.Contains(a.body, "goroutine") {
		t.Error(a.body)
	}
}

// An answer that takes too long is given up.
func TestTimeout(t *testing.T) {
	s := newSite(t, func(o *page.Options) {
		o.Timeout = time.Nanosecond
		o.Coverage = func(ctx context.Context) ([]scheduler.RuleCoverage, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	s.get(t, "/rules").wants(t, http.StatusServiceUnavailable, "did not answer in time")
}

// Without coverage, plan and source a page says so.
func TestWithoutCluster(t *testing.T) {
	s := newSite(t, func(o *page.Options) { o.Coverage, o.Plan, o.Source = nil, nil, nil })
	s.get(t, "/rules").wants(t, http.StatusOK, "5 rules")
	s.get(t, "/rules/"+usbRule).wants(t, http.StatusOK, "Not known.")
}
