package notify

import (
	"encoding/base64"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What services of the world say of failures, as far as it is known.
func TestRedactedErrors(t *testing.T) {
	for address, errors := range map[string][]string{
		"telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=@mychannel": {
			`Post "https://api.telegram.org/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage": dial tcp: lookup api.telegram.org: no such host`,
		},
		"slack://xoxb:123456789012-1234567890123-4mt0t4l1YL3g1T5L4cK70k3N@C001CH4NN3L": {
			`invalid_auth: Bearer xoxb-123456789012-1234567890123-4mt0t4l1YL3g1T5L4cK70k3N`,
		},
		"slack://hook:T0AAAAAAA-B0BBBBBBB-123456789123456789123456@webhook": {
			`Post "https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/123456789123456789123456": EOF`,
		},
		"discord://aGVsbG8tdG9rZW4@1234567890": {
			`Post "https://discord.com/api/webhooks/1234567890/aGVsbG8tdG9rZW4?wait=true": EOF`, `AGVSBG8TDG9RZW4`,
		},
		"pushover://shoutrrr:KzGDORePKggMaC0QOYAMyEEuzJnyUi@uQiRzpo4DXghDmr9QzzfQu27cmVRsG/": {
			"token=KzGDORePKggMaC0QOYAMyEEuzJnyUi&user=uQiRzpo4DXghDmr9QzzfQu27cmVRsG",
		},
		"smtp://jane:pa%24%24w%C3%B6rd@mail.nord.example:587/?from=a@b.example&to=c@d.example": {
			"535 bad AGphbmUAcGEkJHfDtnJk", "auth jane pa$$wörd", "auth pa%24%24w%C3%B6rd", "Basic amFuZTpwYSQkd8O2cmQ=",
		},
	} {
		r := newRedactor(address)
		for _, text := range append(errors, address, strings.ToUpper(address), url.QueryEscape(address)) {
			got := r.text(text)
			for _, secret := range []string{
				"AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "110201543", "123456789", "4mt0t4l1YL3g1T5L4cK70k3N", "T0AAAAAAA", "B0BBBBBBB",
				"aGVsbG8tdG9rZW4", "KzGDORePKgg", "uQiRzpo4DX", "pa$$", "pa%24", "rd@", "AGphbmU", "cGEkJ", "d8O2",
			} {
				if strings.Contains(strings.ToLower(got), strings.ToLower(secret)) {
					t.Errorf("%q is in %q", secret, got)
				}
			}
		}
	}
	if got := newRedactor("ntfy://host.example/topic").text(`Post "https://***": dial tcp 10.0.0.7:443: connect: connection refused`); !strings.Contains(got, "10.0.0.7:443: connect: connection refused") {
		t.Errorf("too much is hidden: %s", got)
	}
}

// However a token is spelt in an error, it does not come through.
func TestRedactsEverySpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		token := rapid.StringMatching(`[A-Za-z0-9$+/ _:-]{0,5}[A-Za-z0-9]{8,30}`).Draw(t, "token")
		bare := token[len(token)-8:]
		u := url.URL{Scheme: "generic", Host: "host.example", Path: "/hook"}
		switch rapid.SampledFrom([]string{"user", "password", "path", "query"}).Draw(t, "where") {
		case "user":
			u.User = url.User(token)
		case "password":
			u.User = url.UserPassword("jane", token)
		case "path":
			u.Path = "/hook/" + token
		case "query":
			u.RawQuery = url.Values{"key": {token}}.Encode()
		}
		spelt := map[string]string{
			"plain": token, "query": url.QueryEscape(token), "path": url.PathEscape(token), "lower": strings.ToLower(token),
			"url": u.String(), "base64": base64.StdEncoding.EncodeToString([]byte("jane:" + token)),
			"base64url": base64.RawURLEncoding.EncodeToString([]byte("\x00jane\x00" + token)),
		}
		how := rapid.SampledFrom([]string{"plain", "query", "path", "lower", "url", "base64", "base64url"}).Draw(t, "how")
		text := rapid.StringMatching(`[a-z :"]{0,20}`).Draw(t, "before") + " " + spelt[how] + rapid.StringMatching(`[ :"][a-z :"]{0,20}`).Draw(t, "after")
		got := strings.ToLower(newRedactor(u.String()).text(text))
		if strings.Contains(got, strings.ToLower(bare)) || strings.Contains(got, strings.ToLower(spelt[how])) {
			t.Fatalf("%s of %s: %s", how, u.String(), got)
		}
	})
}

func TestReadSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("ntfy://h/t\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) { return "value\n", name == "SET" }
	for _, test := range []struct{ file, variable, want, wrong string }{
		{file: file, want: "ntfy://h/t"},
		{file: file + "-not", wrong: "no such file"},
		{variable: "SET", want: "value"},
	} {
		got, err := readSecret(test.file, test.variable, env)
		if got != test.want || (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
	}
}
