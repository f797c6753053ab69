package notify

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// load reads a file of routes beside which secrets lie.
func load(t *testing.T, text string) ([]Route, error) {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{
		"notifications.toml": text, "ntfy": "ntfy://jane:SECRET@ntfy.example/topic\n", "key": oneSecret + "\n", "empty": "\n",
		"bad": "slack://SECRET", "address": "https://hooks.example/SECRET\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	routes, err := Load(filepath.Join(folder, "notifications.toml"), Environment{
		Lookup: func(name string) (string, bool) {
			value, ok := map[string]string{"NTFY": "ntfy://ntfy.example/topic", "KEY": oneSecret}[name]
			return value, ok
		},
		Client: http.DefaultClient, Now: time.Now,
	})
	if err != nil {
		return nil, errorText{strings.ReplaceAll(err.Error(), folder+string(filepath.Separator), "")}
	}
	return routes, nil
}

type errorText struct{ text string }

func (e errorText) Error() string { return e.text }

func TestLoad(t *testing.T) {
	routes, err := load(t, `
[[route]]
name = "soc"
service_file = "ntfy"
rules = ["r1", "r2"]
severity = "high"
on = ["created", "updated", "retracted"]
throttle = "30m"
timeout = "5s"
concurrency = 1
title = "{{.Severity}}"
template = """
{{.Reason}}
{{range .Users}}{{.}} {{end}}{{join .Hosts}}, {{time .Time}}"""

[[route]]
name = "siem"
webhook_file = "address"
secret_env = "KEY"

[[route]]
name = "env"
service_env = "NTFY"
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Route{
		{
			Name: "soc", Rules: []string{"r1", "r2"}, Severities: []string{"high", "critical"}, On: []Kind{Created, Updated, Retracted},
			Throttle: 30 * time.Minute, Timeout: 5 * time.Second, Concurrency: 1,
		},
		{Name: "siem", On: []Kind{Created}, Throttle: time.Hour, Timeout: 15 * time.Second, Concurrency: 2},
		{Name: "env", On: []Kind{Created}, Throttle: time.Hour, Timeout: 15 * time.Second, Concurrency: 2},
	}
	if diff := cmp.Diff(want, routes, cmpopts.IgnoreFields(Route{}, "Sender"), cmpopts.IgnoreUnexported(Route{})); diff != "" {
		t.Error(diff)
	}
	if _, ok := routes[1].Sender.(*webhook); !ok {
		t.Errorf("siem goes by %T", routes[1].Sender)
	}
	m, err := routes[0].words.message("k", sample(day))
	if err != nil || m.Title != "low" || m.Text != "This is a test: there is no such alert\n, 2026-03-10 12:00:00 UTC" {
		t.Errorf("%+v, %v", m, err)
	}
}

// Every problem is told at once, with its line, and no secret with it.
func TestProblems(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "notifications.toml: no [[route]] in this file",
		"[[route]]\nname = \"x\n": "notifications.toml:2: not TOML: ",
		`[[route]]
name = "Soc"
severity = "urgent"
on = ["updated", "closed"]
throttle = "soon"
timeout = "1h"
concurrency = 0
url = "SECRET"
title = "{{.Nmae}}"
template = "{{range .Users}}"
`: `notifications.toml:1: a route needs a name of a to z, 0 to 9, - and _, at most 63, that it keeps: name = "soc"
notifications.toml:1: a route needs service_file or service_env, which hold a URL of shoutrrr, or webhook = "https://..."
notifications.toml:3: severity must be one of low, medium, high, critical: the least that is told
notifications.toml:4: on must list created, updated and retracted, not "closed"
notifications.toml:4: on must list created: what a route was never told of is not updated or retracted either
notifications.toml:5: throttle must be a duration such as 30s, not "soon"
notifications.toml:6: timeout must be at most 5m0s
notifications.toml:7: concurrency must be 1 to 32
notifications.toml:8: unknown key "route.0.url"; remove it or correct it
notifications.toml:9: title: title:1:2: executing "title" at <.Nmae>: can't evaluate field Nmae in type notify.Alert
notifications.toml:10: template: template:1: unexpected EOF`,
		"[[route]]\nname = 'a'\nservice_file = 'bad'\n[[route]]\nname = 'a'\nservice_file = 'empty'\n": `notifications.toml:3: what service_file names is not a URL of slack: slack: failed to initialize service
notifications.toml:5: there is a route a already, in line 2
notifications.toml:6: read what service_file names: empty is empty`,
		"[[route]]\nname = 'a'\nservice_env = 'UNSET'\nsecret_env = 'KEY'\n":                         "notifications.toml:1: secret_file and secret_env are for webhooks",
		"[[route]]\nname = 'a'\nservice_env = 'UNSET'\n":                                             "notifications.toml:3: read what service_env names: the variable UNSET is not set",
		"[[route]]\nname = 'a'\nwebhook = 'https://h/SECRET'\n":                                      "notifications.toml:1: a webhook needs secret_file or secret_env",
		"[[route]]\nname = 'a'\nwebhook = 'https://h'\nsecret_file = 'key'\ntitle = 'x'\n":           "notifications.toml:1: title and template are for services",
		"[[route]]\nname = 'a'\nwebhook = 'ftp://h/SECRET'\nsecret_file = 'key'\n":                   "notifications.toml:3: webhook is not a URL that begins with https:// or http://",
		"[[route]]\nname = 'a'\nwebhook_file = 'address'\nsecret_file = 'ntfy'\n":                    "notifications.toml:1: a secret must be whsec_ and base64",
		"[[route]]\nname = 'a'\nwebhook = 'https://h'\nservice_file = 'ntfy'\nsecret_file = 'key'\n": "notifications.toml:1: a route goes to one place",
		"[[route]]\nname = 'a'\nwebhook = 'https://h'\nsecret_file = 'key'\nsecret_env = 'KEY'\n":    "notifications.toml:1: both secret_file and secret_env are given",
	} {
		_, err := load(t, text)
		if err == nil || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), oneSecret[7:]) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for line := range strings.SplitSeq(want, "\n") {
			if !strings.Contains(err.Error(), line) {
				t.Errorf("%s: %q is not in\n%v", text, line, err)
			}
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.toml"), Environment{}); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// The file in the documentation loads, and its templates say what they should.
func TestDocumentedFile(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "notifications.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```toml\n")
	text, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("no file in the documentation")
	}
	text = strings.NewReplacer("/run/secrets/stitch-chat", "ntfy", "/run/secrets/stitch-webhook", "key").Replace(text)
	routes, err := load(t, text)
	if err != nil || len(routes) != 2 {
		t.Fatal(routes, err)
	}
	m, err := routes[0].words.message("k", sample(day))
	if err != nil || m.Text != "This is a test: there is no such alert\nhttps://stitch.example/alerts/test" {
		t.Errorf("%q, %v", m.Text, err)
	}
	for kind := range schemaKeys() {
		name := strings.TrimPrefix(kind, "route.")
		if !strings.Contains(string(page), "`"+name+"`") && kind != "route" {
			t.Errorf("%s is not in the documentation", name)
		}
	}
	for scheme := range services() {
		if scheme != "hangouts" && scheme != "mqtts" && !strings.Contains(string(page), scheme) {
			t.Errorf("%s is not in the documentation", scheme)
		}
	}
}
