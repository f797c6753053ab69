package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// rude is a password that every spelling changes.
const rude = `p"ss/w%rd <ü> & more`

// spelledOut are all ways in which an engine may repeat a secret.
func spelledOut(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		panic(err)
	}
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`),
		base64.StdEncoding.EncodeToString([]byte("someone:" + secret)),
	}
}

// A cluster that repeats what it was sent, in every answer that can, has no
// command tell a secret: not on the terminal, not in a log, not in what it
// writes to the cluster.
func TestNoCommandTellsASecret(t *testing.T) {
	t.Chdir(t.TempDir())
	rule := write(t, "rule.toml", eventRule)
	key := base64.StdEncoding.EncodeToString([]byte("key-id:inner-secret-of-the-key"))
	ways := []struct {
		name    string
		env     map[string]string
		url     func(string) string
		secrets []string
	}{
		{"user", map[string]string{"STITCH_USERNAME": "someone", "STITCH_PASSWORD": rude}, func(u string) string { return u }, spelledOut(rude)},
		{"user in the URL", nil, func(u string) string {
			return strings.Replace(u, "://", "://someone:"+url.QueryEscape(strings.ReplaceAll(rude, " ", "_"))+"@", 1)
		}, spelledOut(strings.ReplaceAll(rude, " ", "_"))},
		{"key", map[string]string{"STITCH_API_KEY": key}, func(u string) string { return u }, []string{key, url.QueryEscape(key), "inner-secret-of-the-key"}},
	}
	commands := [][]string{
		{"bootstrap"}, {"bootstrap", "--print-roles"}, {"once", "--rules", rule}, {"once", "--rules", rule, "--log-format", "json"},
		{"once", "--rules", rule, "--users", "index:people"},
		{"coverage", "--rules", rule}, {"coverage", "--rules", rule, "--output", "json"}, {"rules", "--rules", rule, "--output", "json"},
		{"doctor", "--rules", rule}, {"doctor", "--rules", rule, "--output", "json"},
		{"replay", "--rules", rule, "--from", "2026-01-01T00:00", "--to", "2026-01-01T00:10"}, {"explain", "--why", "x", "--rules", rule},
		{"alerts", "list"}, {"alerts", "list", "--output", "json"}, {"alerts", "show", "x"},
	}
	for _, way := range ways {
		said := "you are " + strings.Join(way.secrets, " and ") + " at http://someone:" + url.QueryEscape(rude) + "@host/"
		// Far from the beginning, a message that is cut short would cut a secret.
		long := strings.Repeat("x", 490) + way.secrets[0]
		for _, failing := range []string{"/", "_mapping", "_mget", "_bulk", "_field_caps", "_search"} {
			for kind, answer := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
				"refusal": func(w http.ResponseWriter, r *http.Request) bool {
					return refuse(w, 400, "rude_exception", said+" "+r.Header.Get("Authorization"))
				},
				"long refusal": func(w http.ResponseWriter, r *http.Request) bool { return refuse(w, 403, "rude_exception", long) },
				"page":         func(w http.ResponseWriter, r *http.Request) bool { return say(w, 200, "<p>"+said+long) },
				"item": func(w http.ResponseWriter, r *http.Request) bool {
					if failing != "_mget" {
						return false
					}
					cause, err := json.Marshal(map[string]any{"type": "rude_exception", "reason": said, "caused_by": map[string]any{"type": "x", "reason": long}})
					if err != nil {
						t.Error(err)
					}
					return say(w, 200, fmt.Sprintf(`{"docs":[{"_index":"i","_id":"lease","error":%s}]}`, cause))
				},
			} {
				if way.name != "user" && failing != "/" && failing != "_search" {
					continue // the same code, whoever asks
				}
				of := failing == "_bulk" || failing == "_mget" // answers with a part for each document
				if of && kind == "page" || !of && kind == "item" {
					continue
				}
				t.Run(way.name+" "+strings.Trim(failing, "/")+" "+kind, func(t *testing.T) {
					f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
						return strings.HasSuffix(r.URL.Path, failing) && answer(w, r)
					})
					if failing == "_bulk" && kind == "item" {
						text, err := json.Marshal(said)
						if err != nil {
							t.Fatal(err)
						}
						f.item = `"status":400,"error":{"type":"x","reason":` + string(text) + `}`
					}
					env := map[string]string{"STITCH_URL": way.url(f.URL)}
					for name, value := range way.env {
						env[name] = value
					}
					for _, args := range commands {
						r := call{env: env}.run(t, args...)
						all := r.out + r.err + f.all()
						for _, secret := range append(way.secrets, way.secrets[0][:10]) {
							if strings.Contains(all, secret) {
								t.Errorf("%v tells %q:\n%s", args, secret, all)
							}
						}
					}
				})
			}
		}
	}
}
