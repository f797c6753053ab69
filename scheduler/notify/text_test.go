package notify

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
)

func TestNeutral(t *testing.T) {
	for value, want := range map[string][5]string{ // plain, markdown, angled, bracketed, hypertext
		`anna.lindqvist@nord.example`: {
			`anna.lindqvist@nord.example`, `anna.lindqvist@nord.example`, `anna.lindqvist@nord.example`, `anna.lindqvist@nord.example`, `anna.lindqvist@nord.example`,
		},
		`E:\Plan_v2.docx`: {`E:\Plan_v2.docx`, `E:\\Plan\_v2.docx`, `E:\Plan_v2.docx`, `E:\Plan_v2.docx`, `E:\Plan_v2.docx`},
		"@here (@all)":    {"@\u200bhere (@\u200ball)", "@\u200bhere (@\u200ball)", "@\u200bhere (@\u200ball)", "@\u200bhere (@\u200ball)", "@\u200bhere (@\u200ball)"},
		"<!channel> & [x](HTTPS://evil.example)": {
			"<!channel> & [x](hxxpS://evil.example)", `\<!channel\> & \[x\](hxxpS://evil.example)`, "&lt;!channel&gt; &amp; [x](hxxpS://evil.example)",
			"‹!channel› & [x](hxxpS://evil.example)", "&lt;!channel&gt; &amp; [x](hxxpS://evil.example)",
		},
		"a\r\nb\x00\u202ec\u00a0d": {"a  b\ufffd\ufffdc d", "a  b\ufffd\ufffdc d", "a  b\ufffd\ufffdc d", "a  b\ufffd\ufffdc d", "a  b\ufffd\ufffdc d"},
	} {
		var got [5]string
		for i, m := range []markup{plain, markdown, angled, bracketed, hypertext} {
			got[i] = m.neutral(value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", value, diff)
		}
	}
}

// Whatever a value is, in a message it is one line that calls nobody, hides
// nothing and is no markup, and is read as what it was.
func TestNeutralIsHarmless(t *testing.T) {
	calls := regexp.MustCompile(`(^|[\s(<\[])@[a-zA-Z]`)
	rapid.Check(t, func(t *rapid.T) {
		value := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{
			"a", "@", "@everyone", "@here", "<", ">", "&", "&lt;", "`", "```", "*", "_", "[", "]", "(", ")", "\\", "|", "~", "#", "http://x", "HTTPS://x",
			"\n", "\r", "\t", "\x00", "\x1b[31m", "\u202e", "\u2066", "\u200b", "\ufeff", "ü", "😀", "\xff", " ", "<!channel>", "<users/all>", "</b>",
		})).Draw(t, "pieces"), "") + rapid.String().Draw(t, "more")
		m := rapid.SampledFrom([]markup{plain, markdown, angled, bracketed, hypertext}).Draw(t, "markup")
		got := m.neutral(value)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool {
			return r != '\u200b' && r != utf8.RuneError && !unicode.IsPrint(r)
		}) {
			t.Fatalf("%q: hidden characters", got)
		}
		if calls.MatchString(got) || strings.Contains(strings.ToLower(got), "http://") || strings.Contains(strings.ToLower(got), "https://") {
			t.Fatalf("%q calls or links", got)
		}
		read := got
		switch m {
		case hypertext, angled:
			if strings.ContainsAny(got, "<>") || regexp.MustCompile(`&($|[^a-z#])`).MatchString(got) {
				t.Fatalf("%q is markup", got)
			}
			read = html.UnescapeString(got)
		case bracketed:
			if strings.ContainsAny(got, "<>") {
				t.Fatalf("%q is markup", got)
			}
			return
		case markdown:
			bare := regexp.MustCompile(`\\[\\`+"`"+`*_\[\]<>|~#]`).ReplaceAllString(got, "")
			if strings.ContainsAny(bare, "\\`*_[]<>|~#") {
				t.Fatalf("%q is markup", got)
			}
			read = regexp.MustCompile(`\\(.)`).ReplaceAllString(got, "$1")
		}
		if want := plain.neutral(value); read != want {
			t.Fatalf("read as %q, want %q", read, want)
		}
	})
}

// A message is as long as services take, and says what the alert says.
func TestMessage(t *testing.T) {
	a := sample(day)
	a.Kind, a.ID, a.Severity, a.Rule, a.Reason = Updated, "a1", "high", "Carried\noff", "Anna carried 3 files off"
	a.Details = []Pair{{"Files", []string{"1", "2", "3", "4", "5", "6", "7"}}, {"Drive", []string{`E:\`}}}
	a.Stages = []Stage{{"download", 12}, {"copy", 7}}
	m := messageOf(t, "k", a)
	want := Message{Key: "k", Title: "updated: high: Carried off", Alert: a, Text: `Anna carried 3 files off
Files: 1, 2, 3, 4, 5 and 2 more
Drive: E:\
download 12, copy 7, from 2026-03-10 12:00:00 UTC to 2026-03-10 12:00:00 UTC
severity high, risk 1, alert a1`}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	for i := range 100 {
		a.Details = append(a.Details, Pair{strings.Repeat("n", i), []string{strings.Repeat("ü", 400)}})
	}
	a.Rule = strings.Repeat("x", 400)
	m = messageOf(t, "k", a)
	if n := utf8.RuneCountInString(m.Text); n != maxText || !strings.HasSuffix(m.Text, "…") {
		t.Errorf("text of %d characters", n)
	}
	if n := utf8.RuneCountInString(m.Title); n != maxTitle {
		t.Errorf("title of %d characters", n)
	}
}

// An alert as it is stored, read field by field.
func TestReadAlert(t *testing.T) {
	w := newWorld(t)
	f := fresh("a1", "high", 2, day.Add(time.Hour))
	f.Details = map[string]any{"Drive": "E:\\", "File": map[string]any{"names": []any{"x", "y"}, "count": 2}}
	f.Columns = map[string][]esq.Value{"user.name": {esq.Str("anna")}, "host.id": {esq.Str("m1")}}
	f.Weak = []string{"copy: no user"}
	source, err := f.Document()
	w.put("a1", source, err)
	got, err := readAlert(w.read("a1"))
	if err != nil {
		t.Fatal(err)
	}
	want := Alert{
		ID: "a1", Index: w.ref("a1").Index, Rule: "Carried off", RuleID: "rule-high", Severity: "high", RiskScore: 50,
		Reason: f.Reason(), Time: day, Start: day, End: day.Add(time.Minute), Created: day.Add(time.Hour), Written: day.Add(time.Hour),
		Version: 1, Status: "open", Users: got.Users, Hosts: got.Hosts, Addresses: []string{}, Weak: []string{"copy: no user"},
		Key:     []Pair{{"user.email", []string{"anna@nord.example"}}},
		Details: []Pair{{"Drive", []string{`E:\`}}, {"File.count", []string{"2"}}, {"File.names", []string{"x", "y"}}},
		Stages:  []Stage{{"copy", 2}},
	}
	if diff := cmp.Diff(want, got.Alert); diff != "" || got.retracted {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"anna"}, got.Users); diff != "" {
		t.Error(diff)
	}
}
