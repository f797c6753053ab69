package page

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// form is what can be done about an alert.
type form struct {
	Token   string   // proves that the page was asked for by this reader
	Action  string   // id of what will be done, whichever it is
	Reasons []string // why alerts are closed, to choose from
	Status  string   // of the alert
}

// doneWords say what was done, by the word for it in the address.
func doneWords() map[string]string {
	return map[string]string{
		mappings.Acknowledge: "Acknowledged.", mappings.Close: "Closed.", mappings.Reopen: "Open again.", mappings.Comment: "The comment is written.",
	}
}

// cookieName is that of the cookie whose value only the reader's browser knows.
const cookieName = "stitch_page"

// reasons are Kibana's, offered where an alert is closed; other words may be written.
func reasons() []string {
	return []string{"false_positive", "true_positive", "benign_positive", "duplicate", "other"}
}

// most of what a form may send, in bytes.
const maxForm = 64 << 10

// form makes the form of an alert, and gives the reader a cookie for its token.
func (p *Page) form(w http.ResponseWriter, r *http.Request, a *triage.Alert) *form {
	secret := secretOf(r)
	if secret == "" {
		secret = rand.Text()
		http.SetCookie(w, &http.Cookie{
			Name: cookieName, Value: secret, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
		})
	}
	return &form{
		Token: token(secret, r.PathValue("id")), Action: triage.NewActionID(), Reasons: reasons(), Status: a.Triage.Status,
	}
}

func secretOf(r *http.Request) string {
	cookie, err := r.Cookie(cookieName)
	if err != nil || len(cookie.Value) < 16 || len(cookie.Value) > 64 {
		return ""
	}
	return cookie.Value
}

// token is that of one reader's form of one alert.
func token(secret, alert string) string {
	sum := sha256.Sum256([]byte(secret + "\x00" + alert))
	return hex.EncodeToString(sum[:])
}

// triage does what a form asks for, and sends the browser back to the alert, so
// that loading that again does nothing again.
func (p *Page) triage(w http.ResponseWriter, r *http.Request) error {
	if p.o.Act == nil {
		return &problem{
			Status: http.StatusForbidden, Title: "This page only reads",
			Next: "Whoever runs stitch can allow triage with --allow-triage; stitch alerts does it from a terminal.",
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if _, long := errors.AsType[*http.MaxBytesError](err); long {
			return &problem{Status: http.StatusRequestEntityTooLarge, Title: "The comment is too long", Next: "Go back and shorten it."}
		}
		return badRequest("What was sent is no form")
	}
	id := r.PathValue("id")
	if err := p.own(r, id); err != nil {
		return err
	}
	a, err := p.action(r)
	if err != nil {
		return err
	}
	if err := p.o.Act(r.Context(), id, a); err != nil {
		return err
	}
	w.Header().Set("Location", "../"+url.PathEscape(id)+"?done="+a.Kind+"#triage")
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// own reports whether a request comes from a page that this reader was given.
func (p *Page) own(r *http.Request, alert string) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return &problem{
			Status: http.StatusForbidden, Title: "This form comes from another site", Next: "Nothing was written. Open the alert here and do it again.",
			Detail: err.Error(),
		}
	}
	secret := secretOf(r)
	if secret == "" || subtle.ConstantTimeCompare([]byte(r.PostForm.Get("token")), []byte(token(secret, alert))) != 1 {
		return &problem{
			Status: http.StatusForbidden, Title: "This form is not yours, or older than your browser's cookie",
			Next: "Nothing was written. Go back to the alert, load it again, and do it again; the browser must take cookies.",
		}
	}
	return nil
}

// action reads what a form asks for.
func (p *Page) action(r *http.Request) (mappings.Action, error) {
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	a := mappings.Action{
		ID: get("action"), Kind: get("do"), At: p.o.Clock().UTC(), By: cmp.Or(p.user(r), "page"), Comment: strings.ReplaceAll(get("comment"), "\r\n", "\n"),
	}
	if _, known := doneWords()[a.Kind]; !known {
		return a, badRequest("There is nothing called %s to do", fit(plain(a.Kind), 40))
	}
	if a.Kind == mappings.Close {
		if a.Reason = get("reason"); a.Reason == "" {
			return a, badRequest("Say why the alert is closed")
		}
	}
	if a.Kind == mappings.Comment && a.Comment == "" {
		return a, badRequest("Write a comment")
	}
	return a, nil
}
