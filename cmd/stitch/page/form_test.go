package page_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stitchdetect/stitch/cmd/stitch/page"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// newActing is a site that allows triage.
func newActing(t *testing.T, stored ...mappings.Alert) *site {
	t.Helper()
	s := newSite(t, nil, stored...)
	s.Config.Handler = newPage(t, s, s.acting)
	return s
}

// filled is the form of an alert as a browser would send it.
type filled struct {
	fields url.Values
	cookie string
}

// fill asks for the form of an alert.
func (s *site) fill(t *testing.T, id string, header ...string) filled {
	t.Helper()
	a := s.get(t, "/alerts/"+id, header...)
	a.wants(t, http.StatusOK, `action="../alerts/`+id+`/triage"`)
	f := filled{fields: url.Values{}}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]+)">`).FindAllStringSubmatch(a.body, -1) {
		f.fields.Set(m[1], html.UnescapeString(m[2]))
	}
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure {
			t.Errorf("cookie %v", c)
		}
		f.cookie = c.Name + "=" + c.Value
	}
	return f
}

func (f filled) with(name, value string) url.Values {
	fields := url.Values{}
	for n, list := range f.fields {
		fields[n] = list
	}
	fields.Set(name, value)
	return fields
}

func (s *site) history(t *testing.T, id string) []mappings.Action {
	t.Helper()
	a, err := triage.Get(t.Context(), s.engine, mappings.Names{}, id)
	if err != nil {
		t.Fatal(err)
	}
	return a.Triage.History
}

// What an analyst does is written, once, and shown on the page that follows.
func TestTriage(t *testing.T) {
	id := incident().ID
	s := newActing(t, incident())
	f := s.fill(t, id)
	if a := s.get(t, "/alerts/"+id+"?done=close"); strings.Contains(a.body, "Closed.") {
		t.Error("the page says what an address says")
	}
	var want []mappings.Action
	for _, step := range []struct {
		do, reason, comment, from string
		want                      mappings.Action
		shown                     []string
	}{
		{do: "acknowledge", comment: "one\r\ntwo <b>", from: "open",
			want: mappings.Action{Comment: "one\ntwo <b>"}, shown: []string{"Acknowledged.", "one\ntwo &lt;b&gt;", "by <bdi>anna &lt;b&gt;</bdi>"}},
		{do: "comment", comment: " more ", reason: "not for this", from: "acknowledged", want: mappings.Action{Comment: "more"}, shown: []string{"The comment is written."}},
		{do: "close", reason: "false positive", from: "acknowledged", want: mappings.Action{Reason: "false positive"}, shown: []string{"Closed.", ": <bdi>false positive</bdi>"}},
		{do: "reopen", from: "closed", shown: []string{"Open again."}},
	} {
		form := f.with("do", step.do)
		form.Set("action", form.Get("action")+step.do)
		form.Set("reason", step.reason)
		form.Set("comment", step.comment)
		for range 2 { // a second time it changes nothing
			a := s.ask(t, http.MethodPost, "/alerts/"+id+"/triage", form, "Cookie", f.cookie, "Sec-Fetch-Site", "same-origin")
			if a.status != http.StatusSeeOther || a.header.Get("Location") != "../"+id+"?done="+step.do+"#triage" {
				t.Fatalf("%d to %q\n%s", a.status, a.header.Get("Location"), a.body)
			}
		}
		s.get(t, "/alerts/"+id+"?done="+step.do).wants(t, http.StatusOK, step.shown...)
		step.want.ID, step.want.Kind, step.want.By, step.want.At, step.want.From = form.Get("action"), step.do, "anna <b>", now(), step.from
		want = append(want, step.want)
		if diff := cmp.Diff(want, s.history(t, id)); diff != "" {
			t.Fatalf("%s: history (-want +got):\n%s", step.do, diff)
		}
	}
}

// Forms that did not come from the page, or make no sense, write nothing.
func TestForms(t *testing.T) {
	id := incident().ID
	s := newActing(t, incident(), ordinary(1))
	f := s.fill(t, id)
	other := s.fill(t, id)
	fromOther := s.fill(t, ordinary(1).ID, "Cookie", f.cookie)
	own := []string{"Cookie", f.cookie}
	for name, tt := range map[string]struct {
		form   url.Values
		header []string
		status int
		want   string
	}{
		"another site":             {f.with("do", "acknowledge"), append(own, "Sec-Fetch-Site", "cross-site"), 403, "comes from another site"},
		"a neighbouring site":      {f.with("do", "acknowledge"), append(own, "Sec-Fetch-Site", "same-site"), 403, "comes from another site"},
		"another origin":           {f.with("do", "acknowledge"), append(own, "Origin", "https://evil.example"), 403, "comes from another site"},
		"no cookie":                {f.with("do", "acknowledge"), nil, 403, "not yours"},
		"another's cookie":         {f.with("do", "acknowledge"), []string{"Cookie", other.cookie}, 403, "not yours"},
		"another alert's token":    {fromOther.with("do", "acknowledge"), own, 403, "not yours"},
		"no token":                 {url.Values{"do": {"acknowledge"}, "action": {f.fields.Get("action")}}, own, 403, "not yours"},
		"a cookie somebody set":    {f.with("do", "acknowledge"), []string{"Cookie", "stitch_page=x"}, 403, "not yours"},
		"nothing to do":            {f.with("do", ""), own, 400, "There is nothing called"},
		"something else":           {f.with("do", "delete<b>"), own, 400, "There is nothing called delete&lt;b&gt;"},
		"close without a reason":   {f.with("do", "close"), own, 400, "Say why"},
		"comment without a word":   {f.with("do", "comment"), own, 400, "Write a comment"},
		"reopen what is open":      {f.with("do", "reopen"), own, 409, "Somebody was faster"},
		"without an action id":     {url.Values{"do": {"acknowledge"}, "token": {f.fields.Get("token")}}, own, 400, "action id is missing"},
		"a comment without an end": {f.with("comment", strings.Repeat("x", 70_000)), own, 413, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			s.ask(t, http.MethodPost, "/alerts/"+id+"/triage", tt.form, tt.header...).wants(t, tt.status, tt.want)
		})
	}
	if diff := cmp.Diff([]mappings.Action{}, s.history(t, id), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	s.ask(t, http.MethodGet, "/alerts/"+id+"/triage", nil).wants(t, http.StatusMethodNotAllowed)
	s.ask(t, http.MethodPost, "/alerts/none/triage", f.with("do", "acknowledge"), own...).wants(t, http.StatusForbidden, "not yours")
}

// Without leave there are no forms, and what is sent all the same is refused.
func TestReadOnly(t *testing.T) {
	id := incident().ID
	s := newSite(t, nil, incident())
	a := s.get(t, "/alerts/"+id)
	a.wants(t, http.StatusOK, "read only")
	if strings.Contains(a.body, "<form") || a.header.Get("Set-Cookie") != "" {
		t.Error("there is a form")
	}
	acting := newActing(t, incident())
	f := acting.fill(t, id)
	s.ask(t, http.MethodPost, "/alerts/"+id+"/triage", f.with("do", "acknowledge"), "Cookie", f.cookie).wants(t, http.StatusForbidden, "This page only reads", "--allow-triage")
	if n := len(s.history(t, id)); n != 0 {
		t.Errorf("%d actions", n)
	}
}

// Whoever has no name acts as the page.
func TestNobody(t *testing.T) {
	id := incident().ID
	s := newSite(t, nil, incident())
	s.Config.Handler = newPage(t, s, func(o *page.Options) {
		s.acting(o)
		o.User = nil
	})
	f := s.fill(t, id)
	s.ask(t, http.MethodPost, "/alerts/"+id+"/triage", f.with("do", "acknowledge"), "Cookie", f.cookie).wants(t, http.StatusSeeOther)
	if h := s.history(t, id); len(h) != 1 || h[0].By != "page" {
		t.Errorf("history %+v", h)
	}
}
