package page

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// Text is text, whatever is in it.
func FuzzShown(f *testing.F) {
	for _, seed := range []string{"", "a", `<b a="'">`, "\u202eabc", "a\x00b\xff", "a\r\nb\tc", "&amp;", "</bdi>", "\U000e0041"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, got := range []string{string(shown(text)), string(prose(text))} {
			bare := regexp.MustCompile(`<span class="sign">U\+[0-9A-F]{4,6}</span>`).ReplaceAllString(got, "")
			inner := strings.TrimSuffix(regexp.MustCompile(`^<bdi( class="prose")?>`).ReplaceAllString(bare, ""), "</bdi>")
			if strings.ContainsAny(inner, "<>\"'") {
				t.Fatalf("%q is shown as %q", text, got)
			}
			for _, r := range html.UnescapeString(inner) {
				if !visible(r) && r != '\n' && r != '\t' {
					t.Fatalf("%q is shown as %q", text, got)
				}
			}
		}
		for _, r := range plain(text) {
			if !visible(r) {
				t.Fatalf("%q is plain as %q", text, plain(text))
			}
		}
	})
}

// An address leads to where its setting says, whatever the names are.
func FuzzLinks(f *testing.F) {
	f.Add("index", "id")
	f.Add("a/../b", `"'!)(&x=y#z`)
	f.Add(".ds-logs\\", "\u202e %00\n+")
	links := Links{Kibana: "https://kibana.example/s/soc/", Dashboards: "https://osd.example/a/{index}/{id}?at={time}#{id}"}
	f.Fuzz(func(t *testing.T, index, id string) {
		if !utf8.ValidString(index + id) {
			t.Skip("JSON has no such text")
		}
		for _, l := range links.to(index, id, time.Unix(0, 0)) {
			u, err := url.Parse(l.URL)
			if err != nil {
				t.Fatal(err)
			}
			switch l.Name {
			case "Kibana":
				if u.Host != "kibana.example" || u.Path != "/s/soc/app/r" || u.Fragment != "" || len(u.Query()) != 3 {
					t.Fatalf("%s", l.URL)
				}
			default:
				if u.Host != "osd.example" || u.Path != "/a/"+index+"/"+id || strings.Count(u.EscapedPath(), "/") != 3 || u.Fragment != id || u.Query().Get("at") != "1970-01-01T00:00:00.000Z" {
					t.Fatalf("%s", l.URL)
				}
			}
		}
	})
}

func TestWeb(t *testing.T) {
	for text, want := range map[string]string{
		"https://a.example/b?c=d": "https://a.example/b?c=d", "http://a.example": "http://a.example",
		"javascript:alert(1)": "", "JavaScript://a.example/%0aalert(1)": "", "data:text/html,x": "", "//a.example": "", "/a": "", "ftp://a.example": "", "https://": "", "\x00https://a": "",
	} {
		if got := web(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, most := rapid.String().Draw(t, "text"), rapid.IntRange(1, 50).Draw(t, "most")
		if n := utf8.RuneCountInString(fit(text, most)); n > most {
			t.Fatalf("%d characters, at most %d", n, most)
		}
		if utf8.RuneCountInString(text) <= most && fit(text, most) != text {
			t.Fatalf("%q became %q", text, fit(text, most))
		}
	})
}

func TestWords(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{grouped(0), "0"}, {grouped(999), "999"}, {grouped(1000), "1,000"}, {grouped(1234567), "1,234,567"}, {grouped(-12345), "-12,345"},
		{counted(1, "hole"), "1 hole"}, {counted(2000, "hole"), "2,000 holes"},
		{lasting(5 * time.Minute), "5 min"}, {lasting(25 * time.Hour), "1 d 1 h"}, {lasting(90 * time.Second), "1 min 30 s"}, {lasting(24*time.Hour + time.Second), "1 d"}, {lasting(0), "0 s"},
		{clock(time.Time{}), "no time"}, {string(moment(time.Time{})), "not known"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}
