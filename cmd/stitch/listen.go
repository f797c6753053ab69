package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"syscall"
	"time"
)

const listenHelp = `While it runs it answers over HTTP on --listen: /metrics, /healthz, /readyz and,
to POST, /-/reload. Beyond this machine it listens only with a token or behind a
proxy that says who asks; the settings, in stitch.toml or as STITCH_LISTEN... :

  listen                address and port; "off" for none (default ` + defaultListen + `)
  listen_token_file     a file with the token to ask for (or listen_token)
  listen_proxy_header   the header in which a proxy gives the user's name
  listen_proxies        networks of proxies that are believed (default: this machine)
  listen_cert_file      certificate and key for HTTPS, PEM; read again when
  listen_key_file       they change`

// defaultListen is for this machine alone.
const defaultListen = "127.0.0.1:9464"

// How long requests may take. A profile takes 30 s unless told otherwise.
const (
	readTimeout     = 30 * time.Second
	writeTimeout    = 2 * time.Minute
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 5 * time.Second
	maxHeaderBytes  = 64 << 10
)

// handlers are what is answered with. A nil one is not offered.
type handlers struct {
	health, ready, metrics, reload http.Handler
	page                           http.Handler // everything that is nothing else
	pprof                          bool
}

// newMux returns what answers all requests, for whoever may ask.
func newMux(h handlers) *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, handler := range map[string]http.Handler{
		"GET /healthz": h.health, "GET /readyz": h.ready, "GET /metrics": h.metrics, "POST /-/reload": h.reload, "/": h.page,
	} {
		if handler != nil {
			mux.Handle(pattern, handler)
		}
	}
	if h.page == nil {
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, "stitch %s\n\n/metrics\n/healthz\n/readyz\n", version())
		})
	}
	if h.pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// alive answers that the process does.
func alive(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") }

// server answers over HTTP while rules run. The nil one does not.
type server struct {
	listener net.Listener
	guard    *guard
	log      *slog.Logger
	done     chan struct{} // closed when it has ended
	http     http.Server
}

// open takes the address, so that one that is in use is said at once; nothing
// is answered yet. The server is nil if none is wanted.
func (l listening) open(ctx context.Context, log *slog.Logger) (*server, error) {
	if l.address == "" {
		return nil, nil
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", l.address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, usage(`listen on %s: the port is in use, perhaps by another stitch; choose another with --listen, or none with --listen ""`, l.address)
	}
	if err != nil {
		return nil, usage(`%w; choose another address with --listen, or none with --listen ""`, err)
	}
	s := &server{listener: listener, guard: &l.guard, log: log, done: make(chan struct{})}
	scheme := "http"
	if l.certificate != nil {
		scheme = "https"
		s.listener = tls.NewListener(listener, &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: l.certificate.get,
		})
	}
	log.Info("listening", "url", scheme+"://"+listener.Addr().String())
	if l.certificate == nil && !isLoopback(l.address) {
		log.Warn("listening beyond this machine without TLS: token and answers can be read on the way; set listen_cert_file and listen_key_file unless a proxy does TLS")
	}
	return s, nil
}

// serve answers with a handler until close is called. Requests from other
// sites' pages that would change something are refused.
func (s *server) serve(h http.Handler) {
	if s == nil {
		return
	}
	s.http = http.Server{
		Handler:           sealed(http.NewCrossOriginProtection().Handler(s.guard.protect(h))),
		ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("no longer listening, the rules go on; restart to be able to ask again", "err", err)
		}
	}()
}

// close gives requests in hand some time and returns when nothing is answered
// any more.
func (s *server) close() {
	if s == nil {
		return
	}
	if s.http.Handler == nil { // never served
		_ = s.listener.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	<-s.done
}

// sealed tells browsers not to guess types, nor to tell other sites where they
// come from.
func sealed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "same-origin")
		h.ServeHTTP(w, r)
	})
}

// isLoopback reports whether only this machine can reach an address. Of a name
// other than localhost nobody knows what it will mean.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	return isLoopbackHost(host)
}

func isLoopbackHost(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
