package page

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// pageSize is how many alerts are on one page.
const pageSize = 50

// maxWord is how long a word of the filter may be, in bytes.
const maxWord = 200

// maxTexts is how many words can be looked for at once.
const maxTexts = 10

// choice is an entry of a list to choose from.
type choice struct{ Value, Name string }

// everything is the status of all alerts, also of those that do not hold any more.
const everything = "all"

func statuses() []choice {
	return []choice{{"", "any"}, {"open", "open"}, {"acknowledged", "acknowledged"}, {"closed", "closed"}, {everything, "any, also retracted"}}
}

func severities() []choice {
	return []choice{{"", "any"}, {"critical", "critical"}, {"high", "high"}, {"medium", "medium"}, {"low", "low"}}
}

func spans() []choice {
	return []choice{{"", "any time"}, {"1h", "last hour"}, {"24h", "last 24 hours"}, {"7d", "last 7 days"}, {"30d", "last 30 days"}}
}

// listView is the page of alerts.
type listView struct {
	Alerts   []triage.Header
	Filter   url.Values // as it was asked for
	Filtered bool
	Total    int
	First    bool   // whether it is the first page
	Next     string // the address of the next one
	Newest   string // the address of the first one
	Rules    []choice
	Statuses, Severities,
	Spans []choice
}

// words are the names of the filter's parts in addresses.
func words() []string {
	return []string{"rule", "status", "severity", "user", "host", "text", "since", "from", "to"}
}

func (p *Page) list(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query()
	filter, err := readFilter(asked, p.o.Clock())
	if err != nil {
		return err
	}
	after, err := triage.ParseCursor(asked.Get("cursor"))
	if err != nil {
		return badRequest("The address names no page of alerts")
	}
	found, err := p.o.Alerts.List(r.Context(), filter, after, pageSize)
	if err != nil {
		return err
	}
	kept := url.Values{}
	for _, word := range words() {
		if v := asked.Get(word); v != "" {
			kept.Set(word, v)
		}
	}
	v := listView{
		Filter: kept, Filtered: len(kept) > 0, Alerts: found.Alerts, Total: int(found.Total), First: after.IsZero(), Newest: "?" + kept.Encode(),
		Rules: p.ruleChoices(filter.Rule), Statuses: statuses(), Severities: severities(), Spans: spans(),
	}
	if !found.Next.IsZero() {
		next := url.Values{"cursor": {found.Next.String()}}
		for word, list := range kept {
			next[word] = list
		}
		v.Next = "?" + next.Encode()
	}
	return p.render(w, r, http.StatusOK, "list", "Alerts", v)
}

// ruleChoices are the rules that are loaded, and the one that was asked for.
func (p *Page) ruleChoices(asked string) []choice {
	list := []choice{{"", "any"}}
	known := asked == ""
	for _, rule := range p.o.Rules().Rules {
		list = append(list, choice{rule.ID, plain(rule.Name)})
		known = known || rule.ID == asked
	}
	if !known {
		list = append(list, choice{asked, fit(plain(asked), 60)})
	}
	return list
}

// readFilter reads what was asked for. now is what spans end with.
func readFilter(asked url.Values, now time.Time) (triage.Filter, error) {
	var f triage.Filter
	for _, word := range words() {
		if len(asked.Get(word)) > maxWord {
			return f, badRequest("%s is longer than %d bytes", word, maxWord)
		}
	}
	if len(strings.Fields(asked.Get("text"))) > maxTexts {
		return f, badRequest("At most %d words can be looked for at once", maxTexts)
	}
	get := func(word string) string { return strings.TrimSpace(asked.Get(word)) }
	f.Rule, f.User, f.Host, f.Text = get("rule"), get("user"), get("host"), get("text")
	status, err := chosen("status", get("status"), statuses())
	if err != nil {
		return f, err
	}
	f.Retracted = status == everything
	if status != "" && status != everything {
		f.Status = []string{status}
	}
	severity, err := chosen("severity", get("severity"), severities())
	if err != nil {
		return f, err
	}
	if severity != "" {
		f.Severity = []string{severity}
	}
	if since := get("since"); since != "" {
		d, err := rules.ParseDuration(since)
		if err != nil {
			return f, badRequest("since must be a length of time such as 24h or 7d")
		}
		f.From = now.Add(-d)
	}
	if f.From, err = readTime("from", get("from"), f.From); err != nil {
		return f, err
	}
	if f.To, err = readTime("to", get("to"), time.Time{}); err != nil {
		return f, err
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return f, badRequest("The time to look at ends before it begins")
	}
	return f, nil
}

func chosen(word, value string, among []choice) (string, error) {
	var names []string
	for _, c := range among {
		if c.Value == value {
			return value, nil
		}
		if c.Value != "" {
			names = append(names, c.Value)
		}
	}
	return "", badRequest("%s must be one of %s", word, strings.Join(names, ", "))
}

// readTime reads a time in UTC, as browsers write it or shorter.
func readTime(word, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return otherwise, badRequest("%s must be a time such as 2026-03-10T09:30, in UTC", word)
}
