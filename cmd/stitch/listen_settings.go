package main

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"time"
)

// listenFlags are the flags about answering over HTTP.
type listenFlags struct {
	address string
	given   bool // the flag was
	pprof   bool
}

// listening is where and to whom stitch answers over HTTP.
type listening struct {
	address     string // nowhere if empty
	guard       guard
	certificate *certificate // plain HTTP if nil
}

// leastToken is the shortest token, in bytes: nobody guesses that many.
const leastToken = 16

// listenTo takes the address to answer on, before anything else is begun. The
// server is nil if none is wanted.
func (f *runFlags) listenTo(ctx context.Context, s streams) (*server, error) {
	log, err := f.logger(s)
	if err != nil {
		return nil, err
	}
	l, err := f.listening(s)
	if err != nil {
		return nil, err
	}
	return l.open(ctx, log)
}

// listening reads the settings. Those beyond this machine need to say who may
// ask.
func (f *runFlags) listening(s streams) (listening, error) {
	file, err := f.readFile(s)
	if err != nil {
		return listening{}, err
	}
	from := sources{environment{s.env}, file}
	l := listening{address: from.one("listen")}
	switch {
	case f.listen.given:
		l.address = f.listen.address
	case l.address == "":
		l.address = defaultListen
	}
	if l.address == "" || l.address == "off" {
		return listening{}, nil
	}
	if _, _, err := net.SplitHostPort(l.address); err != nil {
		return l, usage("listen: %w; it is an address and a port, such as %s", err, defaultListen)
	}
	if l.guard, err = readGuard(from); err != nil {
		return l, err
	}
	if l.certificate, err = readCertificate(from.one("listen_cert_file"), from.one("listen_key_file")); err != nil {
		return l, err
	}
	l.guard.secure = l.certificate != nil
	if !isLoopback(l.address) && l.guard.open() {
		return l, usage("listen: %s can be reached from other machines; set listen_token_file (STITCH_LISTEN_TOKEN_FILE), or listen_proxy_header if a proxy says who asks, or listen on %s", l.address, defaultListen)
	}
	return l, nil
}

func readGuard(from sources) (guard, error) {
	g := guard{header: from.one("listen_proxy_header"), now: time.Now}
	token, err := from.secret("listen_token")
	if err != nil {
		return g, err
	}
	if token != "" && len(token) < leastToken {
		return g, usage("listen_token must have at least %d characters; try: openssl rand -hex 24", leastToken)
	}
	g.token = []byte(token)
	if g.header != "" && !regexp.MustCompile(`^[A-Za-z0-9-]+$`).MatchString(g.header) {
		return g, usage("listen_proxy_header: not the name of a header: %q", g.header)
	}
	g.header = http.CanonicalHeaderKey(g.header)
	networks := from.first("listen_proxies")
	if len(networks) == 0 {
		networks = []string{"127.0.0.0/8", "::1/128"}
	} else if g.header == "" {
		return g, usage("listen_proxies is given without listen_proxy_header: say in which header they give the user's name")
	}
	for _, network := range networks {
		prefix, err := readNetwork(network)
		if err != nil {
			return g, usage("listen_proxies: not a network or an address: %q", network)
		}
		g.proxies = append(g.proxies, prefix)
	}
	return g, nil
}

// readNetwork reads a network, or an address, which is a network of one.
func readNetwork(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(address, address.BitLen()), nil
}
