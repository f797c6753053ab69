package esq

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// contradictions refuses settings that cannot all be meant.
func (c *Config) contradictions(urls []*url.URL) error {
	switch {
	case c.Signer != nil && (c.Username != "" || c.APIKey != ""):
		return errors.New("requests are to be signed, and a user or an API key is given: one of them proves who asks, give one")
	case c.APIKey != "" && c.Username != "":
		return errors.New("both a user and an API key are given: give one of them")
	case (c.Username == "") != (c.Password == ""):
		return errors.New("a user name and a password go together: one of them is missing")
	case len(c.CACert) > 0 && c.CAFingerprint != "":
		return errors.New("both the authority's certificate and its fingerprint are given: give one of them")
	}
	for i, u := range urls {
		if u.Scheme == "https" {
			continue
		}
		unused := ""
		switch {
		case c.Signer != nil:
			unused = "a signature of AWS"
		case c.ClientCert != nil:
			unused = "a client certificate"
		case c.CAFingerprint != "":
			unused = "an authority's fingerprint"
		case len(c.CACert) > 0:
			unused = "an authority's certificate"
		default:
			continue
		}
		return fmt.Errorf("URL %d (%s) is not encrypted, and %s is given: write https", i+1, u.Host, unused)
	}
	return nil
}

// tls is how the certificate of the cluster at these URLs is verified, and what
// it is shown.
func (c Config) tls(urls []*url.URL) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.ClientCert != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.ClientCert() }
	}
	if len(c.CACert) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(c.CACert) {
			return nil, errors.New("the CA file holds no certificate: want PEM")
		}
		config.RootCAs = pool
	}
	if c.CAFingerprint != "" {
		sum, err := hex.DecodeString(strings.ReplaceAll(c.CAFingerprint, ":", ""))
		if err != nil || len(sum) != sha256.Size {
			return nil, errors.New("the fingerprint of the authority is no SHA-256: want 64 hexadecimal digits, with or without colons")
		}
		// What verifies by default does not know the authority before the server
		// shows it; verifyChain does all of it instead.
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if err := verifyChain(state, sum, addresses(urls)); err != nil {
				return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
			}
			return nil
		}
	}
	return config, nil
}

// addresses are the hosts of URLs that are IP addresses.
func addresses(urls []*url.URL) []string {
	var list []string
	for _, u := range urls {
		if net.ParseIP(u.Hostname()) != nil {
			list = append(list, u.Hostname())
		}
	}
	return list
}

// verifyChain verifies a server's certificate as always, name and dates
// included, with the one authority that has the fingerprint. The authority must
// have signed it: that the server shows its certificate proves nothing, since
// anyone may. A connection to an IP address has no server name; the certificate
// must then be for one of the addresses, which are nodes of one cluster.
func verifyChain(state tls.ConnectionState, fingerprint []byte, addresses []string) error {
	shown := state.PeerCertificates
	if len(shown) == 0 {
		return errors.New("the server shows no certificate")
	}
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	known := false
	for _, cert := range shown {
		if sum := sha256.Sum256(cert.Raw); bytes.Equal(sum[:], fingerprint) {
			roots.AddCert(cert)
			known = true
			continue
		}
		others.AddCert(cert)
	}
	if !known {
		last := sha256.Sum256(shown[len(shown)-1].Raw)
		return fmt.Errorf("no certificate that the server shows has the fingerprint of the authority; the last of its %d has %x", len(shown), last)
	}
	if _, err := shown[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: others}); err != nil {
		return err
	}
	if state.ServerName != "" {
		return shown[0].VerifyHostname(state.ServerName)
	}
	err := errors.New("the server has no name, and no URL is an IP address")
	for _, address := range addresses {
		if err = shown[0].VerifyHostname(address); err == nil {
			return nil
		}
	}
	return err
}
