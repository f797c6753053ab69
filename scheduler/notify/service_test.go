package notify

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sendBy sends an alert by the service of a URL, as its route would.
func sendBy(t *testing.T, address string, a Alert) error {
	t.Helper()
	s, titles, texts, err := newService(address)
	if err != nil {
		t.Fatal(err)
	}
	r := newRoute(t, "x", s)
	r.words.titleMarkup, r.words.textMarkup = titles, texts
	m, err := r.words.message("k", a)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Send(t.Context(), m)
	return err
}

// hostile is an alert out of the worst data.
func hostile() Alert {
	a := sample(day)
	a.Kind, a.Rule, a.Severity = Created, "Carried off", "high"
	a.Reason = "<!channel> @everyone *bold* [here](https://evil.example) <script>\r\n.\r\nRCPT TO:<x@evil.example>\u202etxt.exe\x00"
	return a
}

// The services that can be pointed at this machine, with all that arrives.
func TestServices(t *testing.T) {
	title := "high: Carried off"
	for name, test := range map[string]struct {
		path, query string
		user        string
		check       func(r received) (title, text string)
		links       string
	}{
		"generic": {path: "/hook", query: "disabletls=yes&template=json", check: func(r received) (string, string) {
			return field(r.body, "title"), field(r.body, "message")
		}},
		"gotify": {path: "/Aaa.bbb.ccc.ddd", query: "disabletls=yes", check: func(r received) (string, string) {
			return field(r.body, "title"), field(r.body, "message")
		}},
		"ntfy": {path: "/topic", query: "scheme=http", user: "jane:secret", check: func(r received) (string, string) {
			return r.header.Get("Title"), string(r.body)
		}},
		"mattermost": {path: "/tokentoken", query: "disabletls=yes", user: "stitch", check: func(r received) (string, string) {
			title, text, _ := strings.Cut(field(r.body, "text"), "\n")
			return title, text
		}},
	} {
		t.Run(name, func(t *testing.T) {
			server, got := receiver(t, func(w http.ResponseWriter) { fmt.Fprint(w, "{}") })
			address := url.URL{Scheme: name, Host: strings.TrimPrefix(server.URL, "http://"), Path: test.path, RawQuery: test.query}
			if test.user != "" {
				user, password, _ := strings.Cut(test.user, ":")
				address.User = url.User(user)
				if password != "" {
					address.User = url.UserPassword(user, password)
				}
			}
			if err := sendBy(t, address.String(), hostile()); err != nil {
				t.Fatal(err)
			}
			requests := got()
			if len(requests) != 1 {
				t.Fatalf("%d requests", len(requests))
			}
			gotTitle, text := test.check(requests[0])
			if gotTitle != title {
				t.Errorf("title %q, want %q", gotTitle, title)
			}
			harmless(t, text)
			if !strings.Contains(text, "severity high, risk 1, alert test") {
				t.Errorf("text %q", text)
			}
		})
	}
}

// harmless fails for a message that calls people, links, or hides something.
func harmless(t *testing.T, text string) {
	t.Helper()
	for _, bad := range []string{"@everyone", "https://evil", "\u202e", "\x00", "\n.\n", "\r", "\nRCPT"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is in %q", bad, text)
		}
	}
}

func field(body []byte, name string) string {
	var o map[string]any
	if json.Unmarshal(body, &o) != nil {
		return ""
	}
	text, _ := o[name].(string)
	return text
}

// mailServer takes mails, or refuses them, and returns what it was told.
func mailServer(t *testing.T, refuse bool) (address string, got <-chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	mails := make(chan string, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mails <- talk(conn, refuse)
			_ = conn.Close()
		}
	}()
	return listener.Addr().String(), mails
}

// talk is a mail server's side of SMTP, as far as a mail needs.
func talk(conn net.Conn, refuse bool) string {
	var mail strings.Builder
	fmt.Fprint(conn, "220 test\r\n")
	data := false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		line := lines.Text()
		verb, _, _ := strings.Cut(line, " ")
		switch {
		case data && line == ".":
			data = false
			fmt.Fprint(conn, "250 taken\r\n")
		case data:
			mail.WriteString(line + "\n")
		case verb == "EHLO":
			fmt.Fprint(conn, "250-test\r\n250 AUTH PLAIN\r\n")
		case verb == "AUTH":
			// A server that is so kind as to repeat what it was sent.
			if refuse {
				fmt.Fprintf(conn, "535 not with %s\r\n", line)
			} else {
				fmt.Fprint(conn, "235 welcome\r\n")
			}
		case verb == "RCPT":
			mail.WriteString(line + "\n")
			fmt.Fprint(conn, "250 ok\r\n")
		case verb == "DATA":
			data = true
			fmt.Fprint(conn, "354 go on\r\n")
		case verb == "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return mail.String()
		default:
			fmt.Fprint(conn, "250 ok\r\n")
		}
	}
	return mail.String()
}

// Mail arrives, at whom the URL names and nobody else.
func TestMail(t *testing.T) {
	address, mails := mailServer(t, false)
	err := sendBy(t, "smtp://jane:secret-4711@"+address+"/?from=stitch@nord.example&to=soc@nord.example&auth=Plain&encryption=None", hostile())
	if err != nil {
		t.Fatal(err)
	}
	mail := <-mails
	if !strings.HasPrefix(mail, "RCPT TO:<soc@nord.example>\n") || strings.Count(mail, "RCPT TO:<soc") != 1 {
		t.Errorf("recipients: %q", mail)
	}
	if !strings.Contains(mail, "Subject: high: Carried off\n") {
		t.Errorf("no subject: %q", mail)
	}
	harmless(t, mail)
}

// What a service says of a failure is told without the URL's secrets, even if it
// repeats them.
func TestServicesErrorsHideSecrets(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"error":"no","errorDescription":%q,"errorCode":403,"code":403}`, "not "+r.URL.String()+" with "+fmt.Sprint(r.Header))
	}))
	t.Cleanup(echo.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	mail, _ := mailServer(t, true)
	up, down := strings.TrimPrefix(echo.URL, "http://"), strings.TrimPrefix(closed.URL, "http://")
	for _, host := range []string{up, down} {
		for _, address := range []string{
			"generic://" + host + "/SECRETpath?disabletls=yes&$token=SECRETvalue&@Authorization=SECRETheader",
			"gotify://" + host + "/Asecretoken1234?disabletls=yes",
			"ntfy://SECRETuser:SECRETpass@" + host + "/SECRETtopic?scheme=http",
			"mattermost://stitch@" + host + "/SECRETtoken?disabletls=yes",
			"smtp://SECRETuser:SECRETpass@" + mail + "/?from=a@nord.example&to=b@nord.example&auth=Plain&encryption=None",
		} {
			err := sendBy(t, address, hostile())
			if err == nil {
				t.Errorf("%s: no error", address)
				continue
			}
			for _, secret := range []string{"SECRET", "Asecretoken1234", "U0VDUkVU"} { // the last is base64
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s: %q is in %q", address, secret, err)
				}
			}
		}
	}
}

// A URL that no service understands is refused without being repeated.
func TestServiceURLs(t *testing.T) {
	for address, want := range map[string]string{
		"SECRET":                          "not a URL; shoutrrr's documentation",
		"://SECRET":                       "not a URL; shoutrrr's documentation",
		"nope://SECRET":                   "no service has URLs that begin with nope://",
		"logger://SECRET":                 "no service has URLs that begin with logger://",
		"slack://SECRET":                  "not a URL of slack: ",
		"discord://SECRET":                "not a URL of discord: ",
		"telegram://SECRET@telegram":      "not a URL of telegram: ",
		"smtp://x:SECRET@host:99999999/":  "not a URL of smtp: ",
		"teams://SECRETgroup@x/y/z":       "not a URL of teams: ",
		"pushover://shoutrrr:SECRET@/":    "not a URL of pushover: ",
		"ntfy://host/topic?SECRET=SECRET": "not a URL of ntfy: ",
	} {
		_, _, _, err := newService(address)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Every service that is named is one that shoutrrr has, and makes of its URL
// what is said of it.
func TestServicesAreThere(t *testing.T) {
	for scheme := range services() {
		_, _, _, err := newService(scheme + "://x")
		if err != nil && strings.Contains(err.Error(), "no service has") {
			t.Error(err)
		}
	}
	type markups struct{ Title, Text markup }
	got := map[string]markups{}
	for _, address := range []string{
		"discord://token@1", "slack://hook:AAAAAAAAA-BBBBBBBBB-123456789123456789123456@webhook",
		"smtp://h/?from=a@b.example&to=c@d.example", "smtp://h/?from=a@b.example&to=c@d.example&useHTML=Yes",
		"telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=1&parsemode=HTML", "ntfy://h/t",
	} {
		_, title, text, err := newService(address)
		if err != nil {
			t.Fatal(err)
		}
		got[address[:6]+address[len(address)-6:]] = markups{title, text}
	}
	want := map[string]markups{
		"discorken@1"[:6] + "oken@1": {markdown, markdown}, "slack:ebhook": {angled, angled}, "smtp:/xample": {plain, plain},
		"smtp:/ML=Yes": {plain, hypertext}, "telegre=HTML": {plain, hypertext}, "ntfy:/://h/t": {plain, plain},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A service that hangs is left, and after a few times not asked any more.
func TestServiceThatHangs(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	s, _, _, err := newService("generic://" + strings.TrimPrefix(server.URL, "http://") + "/?disabletls=yes")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	n := w.notifier(newRoute(t, "soc", s))
	for i := range maxAbandoned + 1 {
		stop := make(chan struct{})
		answered := make(chan *SendError)
		go func() {
			_, failure := n.sendMessage(t.Context(), n.routes[0], Message{Title: "x", Text: "y"})
			close(stop)
			answered <- failure
		}()
		for running := true; running; {
			select {
			case <-stop:
				running = false
			default:
				w.pass(time.Second)
			}
		}
		want := "no answer within 15s"
		if i == maxAbandoned {
			want = "4 earlier messages still hang"
		}
		if failure := <-answered; failure == nil || failure.What != want {
			t.Errorf("%d: %v", i, failure)
		}
	}
}
