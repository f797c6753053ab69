package page

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/explain"
	"github.com/stitchdetect/stitch/scheduler"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// Alerts reads alerts.
type Alerts interface {
	// List returns a page of alerts, those written last first.
	List(ctx context.Context, f triage.Filter, after triage.Cursor, size int) (triage.Page, error)
	// Get returns an alert; a [*triage.UnknownError] if it is not there.
	Get(ctx context.Context, id string) (*triage.Alert, error)
}

// Act writes what someone does about an alert. The same action again, by its id,
// changes nothing. One that does not fit the alert as it is, is a
// [*mappings.ActionError].
type Act func(ctx context.Context, alert string, a mappings.Action) error

// Options say what the page shows. Alerts, Rules and Clock are required.
type Options struct {
	Alerts Alerts
	Rules  func() *rules.Set // those that run now
	// Coverage says what is covered of the rules that run; nil if nobody knows.
	Coverage func(ctx context.Context) ([]scheduler.RuleCoverage, error)
	// Plan lays a rule open; nil if nobody can.
	Plan func(ctx context.Context, r *rules.Rule) (*explain.Plan, error)
	// Source reads a rule's file; nil if nobody can.
	Source func(r *rules.Rule) (string, error)
	// Act writes what analysts do; nil makes a page that only reads.
	Act Act
	// User names who asks; "" if nobody knows. Nil is a reader without a name.
	User    func(r *http.Request) string
	Links   Links
	Version string // of stitch
	Clock   func() time.Time
	Logger  *slog.Logger // nothing is logged if nil
	// Timeout is how long an answer may take; 30 s if zero.
	Timeout time.Duration
}

// Page is the page: a [http.Handler] for all addresses from its root on.
type Page struct {
	o         Options
	log       *slog.Logger
	templates templates
	assets    assets
	handler   http.Handler
	covered   memory
}

// New returns the page. The error says which setting is wrong.
func New(o Options) (*Page, error) {
	if err := o.Links.Check(); err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	p := &Page{o: o, log: o.Logger}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if p.assets, err = readAssets(); err != nil {
		return nil, err
	}
	if p.templates, err = p.readTemplates(); err != nil {
		return nil, err
	}
	p.handler = p.guarded(gzhttp.GzipHandler(p.routes()))
	return p, nil
}

var _ http.Handler = (*Page)(nil)

// ServeHTTP implements [http.Handler].
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// routes is what is where.
func (p *Page) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", p.answer(p.list))
	mux.Handle("GET /alerts/{id}", p.answer(p.alert))
	mux.Handle("POST /alerts/{id}/triage", p.answer(p.triage))
	mux.Handle("GET /rules", p.answer(p.rules))
	mux.Handle("GET /rules/{id}", p.answer(p.rule))
	mux.Handle("GET /static/{name}", p.answer(p.asset))
	for _, known := range []string{"/{$}", "/alerts/{id}", "/alerts/{id}/triage", "/rules", "/rules/{id}", "/static/{name}"} {
		mux.Handle(known, p.answer(wrongMethod))
	}
	mux.Handle("/", p.answer(nowhere))
	return mux
}

// answer makes a handler of a function that returns its error instead of
// writing it. Nothing must have been written then.
func (p *Page) answer(f func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), p.o.Timeout)
		defer cancel()
		if err := f(w, r.WithContext(ctx)); err != nil {
			p.fail(w, r, err)
		}
	})
}

// guarded sets the headers that every answer has, and answers for a fault of
// the program as for any other error.
func (p *Page) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler {
				panic(fault)
			}
			p.log.Error("page: fault of the program", "path", r.URL.Path, "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
			p.fail(w, r, errors.New("a fault of the program; the log has more"))
		}()
		next.ServeHTTP(w, r)
	})
}

// secure sets what browsers hold the page to.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that know no frame-ancestors
	// A browser that sends no referrer elsewhere, and still says where a form
	// comes from.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
}
