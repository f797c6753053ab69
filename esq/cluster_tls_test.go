package esq_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// identity is a certificate and its key.
type identity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newIdentity is signed by issuer, or by itself.
func newIdentity(t *testing.T, issuer *identity, change func(*x509.Certificate)) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "x"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	change(c)
	parent, by := c, key
	if issuer != nil {
		parent, by = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &identity{cert, key}
}

func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage, c.IPAddresses = true, true, x509.KeyUsageCertSign, nil, nil
}

func asIs(*x509.Certificate) {}

func (i *identity) fingerprint() string { return fmt.Sprintf("%x", sha256.Sum256(i.cert.Raw)) }

// shown is a certificate with what is shown behind it.
func (i *identity) shown(behind ...*identity) tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{i.cert.Raw}, PrivateKey: i.key}
	for _, b := range behind {
		c.Certificate = append(c.Certificate, b.cert.Raw)
	}
	return c
}

// server answers as a cluster, with TLS as it is told.
func server(t *testing.T, config *tls.Config) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, es8Info) }))
	s.TLS = config
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestFingerprint(t *testing.T) {
	ca := newIdentity(t, nil, authority)
	middle := newIdentity(t, ca, authority)
	other := newIdentity(t, nil, authority)
	node := newIdentity(t, ca, asIs)
	colons := func(hex string) string {
		var parts []string
		for i := 0; i < len(hex); i += 2 {
			parts = append(parts, strings.ToUpper(hex[i:i+2]))
		}
		return strings.Join(parts, ":")
	}
	for _, tt := range []struct {
		name, fingerprint string
		shown             tls.Certificate
		want              string // in the error; "" for none
	}{
		{"as Elasticsearch prints it", ca.fingerprint(), node.shown(ca), ""},
		{"as openssl prints it", colons(ca.fingerprint()), node.shown(ca), ""},
		{"with one between", ca.fingerprint(), newIdentity(t, middle, asIs).shown(middle, ca), ""},
		{"of one between", middle.fingerprint(), newIdentity(t, middle, asIs).shown(middle), ""},
		{"of the certificate itself", node.fingerprint(), node.shown(), ""},
		{"another authority", other.fingerprint(), node.shown(ca), "no certificate that the server shows has the fingerprint"},
		{"the authority is not shown", ca.fingerprint(), node.shown(), "no certificate that the server shows has the fingerprint"},
		// What an attacker can do: the authority's certificate is no secret.
		{"shown, and has signed nothing", ca.fingerprint(), newIdentity(t, other, asIs).shown(ca), "unknown authority"},
		{"shown behind the one that has signed", ca.fingerprint(), newIdentity(t, other, asIs).shown(other, ca), "unknown authority"},
		{"of another machine", ca.fingerprint(), newIdentity(t, ca, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }).shown(ca), "127.0.0.1"},
		{"expired", ca.fingerprint(), newIdentity(t, ca, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }).shown(ca), "expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := server(t, &tls.Config{Certificates: []tls.Certificate{tt.shown}})
			_, err := esq.Open(t.Context(), esq.Config{URLs: []string{s.URL}, CAFingerprint: tt.fingerprint, Retry: esq.Retry{Attempts: 2, Base: 1}})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

// A client certificate that was exchanged is shown on the next connection.
func TestClientCertificate(t *testing.T) {
	ca := newIdentity(t, nil, authority)
	clients := x509.NewCertPool()
	clients.AddCert(ca.cert)
	s := server(t, &tls.Config{Certificates: []tls.Certificate{newIdentity(t, ca, asIs).shown()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients})
	cfg := esq.Config{
		URLs: []string{s.URL}, CACert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}), Retry: esq.Retry{Attempts: 2, Base: 1},
	}
	if _, err := esq.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without a certificate: %v", err)
	}
	var current atomic.Pointer[tls.Certificate]
	old := newIdentity(t, ca, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }).shown()
	current.Store(&old)
	cfg.ClientCert = func() (*tls.Certificate, error) { return current.Load(), nil }
	if _, err := esq.Open(t.Context(), cfg); err == nil {
		t.Error("an expired certificate was taken")
	}
	fresh := newIdentity(t, ca, asIs).shown()
	current.Store(&fresh)
	c, err := esq.Open(t.Context(), cfg)
	must(t, err)
	must(t, c.Do(t.Context(), "GET", "/", nil, nil))
}

// A node that goes away in the middle costs an attempt, and no more.
func TestAnotherNodeAnswers(t *testing.T) {
	node := func() *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, es8Info) }))
		t.Cleanup(s.Close)
		return s
	}
	nodes := []*httptest.Server{node(), node(), node()}
	cfg := esq.Config{Retry: esq.Retry{Attempts: 4, Base: 1}}
	for _, n := range nodes {
		cfg.URLs = append(cfg.URLs, n.URL)
	}
	c, err := esq.Open(t.Context(), cfg)
	must(t, err)
	for _, n := range nodes[:2] {
		for range 4 {
			must(t, c.Do(t.Context(), "GET", "/", nil, nil))
		}
		n.CloseClientConnections()
		n.Close()
		for range 4 {
			must(t, c.Do(t.Context(), "GET", "/", nil, nil))
		}
	}
}
