package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const testToken = "0123456789abcdef0123"

func TestListenSettings(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flag  *string
		env   map[string]string
		file  string
		want  string // the address
		wrong string
	}{
		{name: "default", want: defaultListen},
		{name: "flag", flag: new("localhost:1"), env: map[string]string{"STITCH_LISTEN": "127.0.0.1:2"}, want: "localhost:1"},
		{name: "flag for none", flag: new(""), env: map[string]string{"STITCH_LISTEN": "127.0.0.1:2"}},
		{name: "environment for none", env: map[string]string{"STITCH_LISTEN": "off"}, file: "listen = '127.0.0.1:2'"},
		{name: "file", file: "listen = '[::1]:2'", want: "[::1]:2"},
		{name: "no port", flag: new("localhost"), wrong: "it is an address and a port, such as 127.0.0.1:9464"},
		{name: "everyone", flag: new(":9464"), wrong: "can be reached from other machines; set listen_token_file"},
		{name: "everyone on IPv6", flag: new("[::]:9464"), wrong: "can be reached"},
		{name: "a name", flag: new("stitch.example:9464"), wrong: "can be reached"},
		{name: "everyone, token", flag: new(":9464"), env: map[string]string{"STITCH_LISTEN_TOKEN": testToken}, want: ":9464"},
		{name: "everyone, proxy", flag: new("0.0.0.0:9464"), file: "listen_proxy_header = 'X-User'", want: "0.0.0.0:9464"},
		{name: "short token", env: map[string]string{"STITCH_LISTEN_TOKEN": "secret"}, wrong: "at least 16 characters"},
		{name: "no header", file: "listen_proxy_header = 'X User'", wrong: "not the name of a header"},
		{name: "proxies without a header", file: "listen_proxies = ['10.0.0.0/8']", wrong: "without listen_proxy_header"},
		{name: "no network", file: "listen_proxy_header = 'X-User'\nlisten_proxies = ['ten']", wrong: `not a network or an address: "ten"`},
		{name: "half a certificate", file: "listen_cert_file = 'c.pem'", wrong: "belong together"},
		{name: "no certificate", file: "listen_cert_file = 'c.pem'\nlisten_key_file = 'k.pem'", wrong: "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inFolder(t, map[string]string{"stitch.toml": tt.file})
			var f runFlags
			if tt.flag != nil {
				f.listen = listenFlags{address: *tt.flag, given: true}
			}
			l, err := f.listening(streams{env: func(name string) (string, bool) { v, ok := tt.env[name]; return v, ok }})
			switch {
			case tt.wrong == "" && err != nil:
				t.Fatal(err)
			case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong) || exitCode(err) != exitUsage):
				t.Fatalf("want %q, got %v", tt.wrong, err)
			case tt.wrong == "" && l.address != tt.want:
				t.Errorf("listens on %q, want %q", l.address, tt.want)
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	t.Chdir(t.TempDir())
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	r := call{}.run(t, "run", "--url", "http://127.0.0.1:1", "--listen", taken.Addr().String())
	r.want(t, exitUsage, "", `the port is in use, perhaps by another stitch; choose another with --listen, or none with --listen ""`)
}

// guarded is a server that says whom it has admitted.
func guarded(t *testing.T, g *guard) *httptest.Server {
	t.Helper()
	if g.now == nil {
		g.now = time.Now
	}
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := admitted(r); !ok {
			_, _ = io.WriteString(w, "nobody")
			return
		}
		_, _ = io.WriteString(w, "name="+visitorName(r))
	})
	server := httptest.NewServer(g.protect(newMux(handlers{health: who, ready: who, metrics: who, page: who})))
	t.Cleanup(server.Close)
	return server
}

// ask asks without following redirects, and returns status and body.
func ask(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestGuard(t *testing.T) {
	here := []string{"127.0.0.0/8"}
	for _, tt := range []struct {
		name   string
		token  string
		header string
		from   []string
		path   string
		asked  []string
		status int
		want   string
	}{
		{name: "this machine", path: "/metrics", status: 200, want: "name="},
		{name: "this machine by name", path: "/metrics", asked: []string{"Host", "localhost:9464"}, status: 200, want: "name="},
		{name: "another name for this machine", path: "/metrics", asked: []string{"Host", "evil.example"}, status: 421},
		{name: "health by another name", path: "/healthz", asked: []string{"Host", "pod-7"}, status: 200, want: "nobody"},
		{name: "no token", token: testToken, path: "/metrics", status: 401},
		{name: "no token, a browser", token: testToken, path: "/alerts?a=1", asked: []string{"Accept", "text/html,*/*"}, status: 303},
		{name: "health without a token", token: testToken, path: "/readyz", status: 200, want: "nobody"},
		{name: "health with a token", token: testToken, path: "/readyz", asked: []string{"Authorization", "Bearer " + testToken}, status: 200, want: "name="},
		{name: "more than health", token: testToken, path: "/healthz/../metrics", status: 307},
		{name: "token", token: testToken, path: "/metrics", asked: []string{"Authorization", "bearer " + testToken}, status: 200, want: "name="},
		{name: "wrong token", token: testToken, path: "/metrics", asked: []string{"Authorization", "Bearer " + testToken + "x"}, status: 401},
		{name: "empty token", token: testToken, path: "/metrics", asked: []string{"Authorization", "Bearer "}, status: 401},
		{name: "other scheme", token: testToken, path: "/metrics", asked: []string{"Authorization", "Basic " + testToken}, status: 401},
		{name: "made-up cookie", token: testToken, path: "/metrics", asked: []string{"Cookie", "stitch=YQ.99999999999.AAAA"}, status: 401},
		{name: "proxy", header: "X-User", from: here, path: "/metrics", asked: []string{"X-User", "anna"}, status: 200, want: "name=anna"},
		{name: "proxy that says nothing", header: "X-User", from: here, path: "/metrics", status: 401},
		{name: "proxy that says two names", header: "X-User", from: here, path: "/metrics", asked: []string{"X-User", "anna", "X-User", "root"}, status: 401},
		{name: "no proxy of ours", header: "X-User", from: []string{"10.0.0.0/8"}, path: "/metrics", asked: []string{"X-User", "anna"}, status: 401},
		{name: "proxy or token", token: testToken, header: "X-User", from: here, path: "/metrics", asked: []string{"Authorization", "Bearer " + testToken}, status: 200, want: "name="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := &guard{token: []byte(tt.token), header: tt.header}
			for _, network := range tt.from {
				prefix, err := readNetwork(network)
				if err != nil {
					t.Fatal(err)
				}
				g.proxies = append(g.proxies, prefix)
			}
			resp, body := ask(t, "GET", guarded(t, g).URL+tt.path, "", tt.asked...)
			if resp.StatusCode != tt.status || tt.status == 200 && body != tt.want {
				t.Errorf("%d %s, want %d %s", resp.StatusCode, body, tt.status, tt.want)
			}
			if tt.status == 303 && resp.Header.Get("Location") != "/-/login?next=%2Falerts%3Fa%3D1" {
				t.Errorf("sent to %s", resp.Header.Get("Location"))
			}
		})
	}
}

func TestLogin(t *testing.T) {
	now := time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)
	g := &guard{token: []byte(testToken), now: func() time.Time { return now }}
	server := guarded(t, g)

	resp, body := ask(t, "GET", server.URL+"/-/login?next=/alerts%3Fq=%22%3E%3Cb%3E", "")
	if resp.StatusCode != 200 || !strings.Contains(body, `value="/alerts?q=%22%3E%3Cb%3E"`) && !strings.Contains(body, `value="/alerts?q=&#34;&gt;&lt;b&gt;"`) {
		t.Errorf("%d\n%s", resp.StatusCode, body)
	}
	post := func(token, name, next string) (*http.Response, string) {
		form := url.Values{"token": {token}, "name": {name}, "next": {next}}
		return ask(t, "POST", server.URL+"/-/login", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
	if resp, body = post("wrong", `"><script>`, "/"); resp.StatusCode != 401 || len(resp.Cookies()) > 0 || strings.Contains(body, "<script>") {
		t.Errorf("%d\n%s", resp.StatusCode, body)
	}
	for next, to := range map[string]string{"/alerts?a=1": "/alerts?a=1", "//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/", "": "/"} {
		if resp, _ = post(testToken, " Anna \n Lindqvist ", next); resp.StatusCode != 303 || resp.Header.Get("Location") != to {
			t.Errorf("%d, from %q to %q", resp.StatusCode, next, resp.Header.Get("Location"))
		}
	}
	cookie := resp.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || strings.Contains(cookie.Value, testToken) {
		t.Errorf("cookie %v", cookie)
	}
	with := func() (int, string) {
		resp, body := ask(t, "GET", server.URL+"/metrics", "", "Cookie", cookie.Name+"="+cookie.Value)
		return resp.StatusCode, body
	}
	if status, body := with(); status != 200 || body != "name=Anna  Lindqvist" {
		t.Errorf("%d %q", status, body)
	}
	now = now.Add(cookieAge)
	if status, _ := with(); status != 401 {
		t.Errorf("a cookie outlives its time: %d", status)
	}
	now = now.Add(-cookieAge)
	g.token = []byte(testToken + "new")
	if status, _ := with(); status != 401 {
		t.Errorf("a cookie outlives its token: %d", status)
	}
}

// A page of another site may not have a browser change anything here.
func TestCrossSite(t *testing.T) {
	server := listenAt(t, listening{address: "127.0.0.1:0", guard: guard{now: time.Now}}, handlers{reload: http.HandlerFunc(alive)})
	url := "http://" + server.listener.Addr().String() + "/-/reload"
	if resp, _ := ask(t, "POST", url, "", "Sec-Fetch-Site", "cross-site"); resp.StatusCode != 403 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if resp, _ := ask(t, "POST", url, ""); resp.StatusCode != 200 || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func listenAt(t *testing.T, l listening, h handlers) *server {
	t.Helper()
	server, err := l.open(t.Context(), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.close)
	server.serve(newMux(h))
	return server
}

// writeCertificate makes a certificate with a serial number.
func writeCertificate(t *testing.T, folder string, serial int64) (*x509.Certificate, string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	names := [2]string{filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")}
	for i, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(names[i], pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1_700_000_000+serial, 0)
		if err := os.Chtimes(names[i], at, at); err != nil {
			t.Fatal(err)
		}
	}
	return cert, names[0], names[1]
}

// A certificate that is renewed is used without a restart; while the files are
// half exchanged, the one before is.
func TestListenTLS(t *testing.T) {
	folder := t.TempDir()
	first, certFile, keyFile := writeCertificate(t, folder, 1)
	c, err := readCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	server := listenAt(t, listening{address: "127.0.0.1:0", guard: guard{now: time.Now, secure: true}, certificate: c}, handlers{health: http.HandlerFunc(alive)})
	want := func(cert *x509.Certificate) {
		t.Helper()
		roots := x509.NewCertPool()
		roots.AddCert(cert)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
		req, err := http.NewRequestWithContext(context.Background(), "GET", "https://"+server.listener.Addr().String()+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	want(first)
	second, _, _ := writeCertificate(t, folder, 2)
	want(second)
	if err := os.WriteFile(keyFile, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(second)
}

// The server is there while stitch runs, and ends with it.
func TestRunListens(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	var status int
	f := newFake(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/_search") {
			resp, _ := ask(t, "GET", "http://"+address+"/healthz", "")
			status = resp.StatusCode
			stop()
		}
		return false
	})
	r := call{}.runContext(ctx, "run", "--url", f.URL, "--rules", write(t, "rule.toml", eventRule), "--listen", address)
	r.want(t, exitFine, "", "msg=listening url=http://"+address)
	if status != 200 {
		t.Errorf("/healthz answers %d", status)
	}
	if again, err := net.Listen("tcp", address); err != nil {
		t.Errorf("the port is not free again: %v", err)
	} else {
		_ = again.Close()
	}
}
