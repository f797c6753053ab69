package main

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// certificate is a certificate and its key in files, read again when either
// changes: they are renewed while stitch runs.
type certificate struct {
	certFile, keyFile string

	mu     sync.Mutex
	loaded *tls.Certificate
	stamps [2]time.Time // of the files when they were loaded
}

// readCertificate returns nil if neither file is named.
func readCertificate(certFile, keyFile string) (*certificate, error) {
	if certFile == "" && keyFile == "" {
		return nil, nil
	}
	if certFile == "" || keyFile == "" {
		return nil, usage("listen_cert_file and listen_key_file belong together: give both")
	}
	c := &certificate{certFile: certFile, keyFile: keyFile}
	if _, err := c.get(nil); err != nil {
		return nil, usage("read listen_cert_file and listen_key_file: %w", err)
	}
	return c, nil
}

// get returns the certificate as it is now. While the files are being
// exchanged, and do not fit each other, the one before is used.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamps, err := c.stampsNow()
	if err == nil && (c.loaded == nil || stamps != c.stamps) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.certFile, c.keyFile); err == nil {
			c.loaded, c.stamps = &pair, stamps
		}
	}
	if c.loaded == nil {
		return nil, err
	}
	return c.loaded, nil
}

func (c *certificate) stampsNow() (stamps [2]time.Time, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return stamps, err
		}
		stamps[i] = info.ModTime()
	}
	return stamps, nil
}
