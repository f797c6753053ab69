package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// guard decides who may ask. Without a token and without a proxy's header only
// this machine can be listened to, and whoever is on it may ask.
type guard struct {
	token   []byte // none if empty
	header  string // in which a proxy gives the user's name; none if empty
	proxies []netip.Prefix
	secure  bool // over HTTPS
	now     func() time.Time
}

// open reports whether whoever can connect may ask.
func (g *guard) open() bool { return len(g.token) == 0 && g.header == "" }

// visitor is who asks.
type visitor struct {
	name string // "" if nobody says
}

type visitorKey struct{}

// admitted returns who asks; ok is false for those that are answered only
// because what they ask for is open to all.
func admitted(r *http.Request) (v visitor, ok bool) {
	v, ok = r.Context().Value(visitorKey{}).(visitor)
	return v, ok
}

// visitorName is the name of who asks, "" if it is not known.
func visitorName(r *http.Request) string {
	v, _ := admitted(r)
	return v.name
}

const loginPath, logoutPath = "/-/login", "/-/logout"

// protect lets through those who may ask, and the others to what is open to
// all: the health checks, which have no secrets. Browsers are shown a form.
func (g *guard) protect(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	if len(g.token) > 0 {
		mux.HandleFunc("GET "+loginPath, g.form)
		mux.HandleFunc("POST "+loginPath, g.login)
		mux.HandleFunc("POST "+logoutPath, g.logout)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if who, ok := g.identify(r); ok {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitorKey{}, who)))
			return
		}
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		g.refuse(w, r)
	})
	return mux
}

// identify says who asks, and whether they may.
func (g *guard) identify(r *http.Request) (visitor, bool) {
	if g.open() {
		// A name that somebody has made to mean this machine is a trick to have
		// a browser read it.
		return visitor{}, isLoopbackHost(hostOf(r.Host))
	}
	if g.header != "" && g.fromProxy(r) {
		if names := r.Header.Values(g.header); len(names) == 1 && names[0] != "" {
			return visitor{name: names[0]}, true
		}
	}
	if len(g.token) == 0 {
		return visitor{}, false
	}
	if token, ok := bearer(r); ok {
		return visitor{}, g.isToken(token)
	}
	cookie, err := r.Cookie(g.cookieName())
	if err != nil {
		return visitor{}, false
	}
	return g.readCookie(cookie.Value)
}

func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return hostport
}

func (g *guard) fromProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	address := peer.Addr().Unmap().WithZone("")
	for _, p := range g.proxies {
		if p.Contains(address) {
			return true
		}
	}
	return false
}

func bearer(r *http.Request) (token string, ok bool) {
	kind, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(kind, "Bearer")
}

// isToken compares in a time that tells nothing about the token, not even its
// length.
func (g *guard) isToken(token string) bool {
	a, b := sha256.Sum256([]byte(token)), sha256.Sum256(g.token)
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func (g *guard) refuse(w http.ResponseWriter, r *http.Request) {
	switch {
	case g.open():
		http.Error(w, "ask for 127.0.0.1 or localhost; for other names set listen_token_file", http.StatusMisdirectedRequest)
	case len(g.token) == 0:
		http.Error(w, "ask through the proxy that says who you are", http.StatusUnauthorized)
	case r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
		http.Redirect(w, r, loginPath+"?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	default:
		w.Header().Set("WWW-Authenticate", `Bearer realm="stitch"`)
		http.Error(w, "a token is needed: Authorization: Bearer TOKEN", http.StatusUnauthorized)
	}
}

// The cookie that a browser has after the form: for whom, until when, and a
// seal made with the token, so that another token ends it.
const (
	cookieAge    = 12 * time.Hour
	maxName      = 100
	maxFormBytes = 8 << 10
)

func (g *guard) cookieName() string {
	if g.secure {
		return "__Host-stitch"
	}
	return "stitch"
}

func (g *guard) cookie(value string, age time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: g.cookieName(), Value: value, Path: "/", MaxAge: int(age.Seconds()),
		// Lax, so that a link in a notification finds its reader logged in.
		HttpOnly: true, Secure: g.secure, SameSite: http.SameSiteLaxMode,
	}
}

func (g *guard) writeCookie(name string, until time.Time) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(name)) + "." + strconv.FormatInt(until.Unix(), 10)
	return text + "." + g.seal(text)
}

func (g *guard) seal(text string) string {
	mac := hmac.New(sha256.New, g.token)
	mac.Write([]byte("cookie " + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (g *guard) readCookie(value string) (visitor, bool) {
	at := strings.LastIndexByte(value, '.')
	if at < 0 || !hmac.Equal([]byte(value[at+1:]), []byte(g.seal(value[:at]))) {
		return visitor{}, false
	}
	encoded, until, _ := strings.Cut(value[:at], ".")
	name, err := base64.RawURLEncoding.DecodeString(encoded)
	ends, notNumber := strconv.ParseInt(until, 10, 64)
	if err != nil || notNumber != nil || !g.now().Before(time.Unix(ends, 0)) {
		return visitor{}, false
	}
	return visitor{name: string(name)}, true
}

// loginForm is what a browser without a cookie gets.
const loginForm = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>stitch</title>
<h1>stitch</h1>
{{with .Problem}}<p role="alert">{{.}}</p>{{end}}
<form method="post" action="` + loginPath + `">
<input type="hidden" name="next" value="{{.Next}}">
<p><label>Token<br><input type="password" name="token" autocomplete="current-password" required autofocus></label>
<p><label>Your name, for what you write<br><input name="name" autocomplete="username" maxlength="100" value="{{.Name}}"></label>
<p><button>Log in</button>
</form>
</html>
`

type login struct{ Problem, Next, Name string }

func (g *guard) form(w http.ResponseWriter, r *http.Request) {
	g.show(w, http.StatusOK, login{Next: localPath(r.URL.Query().Get("next"))})
}

func (g *guard) show(w http.ResponseWriter, status int, l login) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	form, err := template.New("login").Parse(loginForm)
	if err != nil {
		http.Error(w, fmt.Sprintf("read login form: %v", err), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
	_ = form.Execute(w, l) // a browser that has gone
}

func (g *guard) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	l := login{Next: localPath(r.PostFormValue("next")), Name: cleanName(r.PostFormValue("name"))}
	if !g.isToken(r.PostFormValue("token")) {
		l.Problem = "That is not the token. It is the one in listen_token_file."
		g.show(w, http.StatusUnauthorized, l)
		return
	}
	http.SetCookie(w, g.cookie(g.writeCookie(l.Name, g.now().Add(cookieAge)), cookieAge))
	http.Redirect(w, r, l.Next, http.StatusSeeOther)
}

func (g *guard) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, g.cookie("", -time.Second))
	http.Redirect(w, r, loginPath, http.StatusSeeOther)
}

// localPath is a path of this server's own, "/" for everything else.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsRune(next, '\\') {
		return "/"
	}
	return u.RequestURI()
}

// cleanName is a name in one line, at most maxName characters of it.
func cleanName(name string) string {
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, name))
	if runes := []rune(name); len(runes) > maxName {
		name = string(runes[:maxName])
	}
	return name
}
