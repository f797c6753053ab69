package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/awssign"
)

// prove reads the settings by which stitch and a cluster prove to each other
// who they are.
func (from sources) prove(c *esq.Config, caFile string) error {
	c.Username = from.one("username")
	password, err := from.secret("password")
	if err != nil {
		return err
	}
	key, err := from.secret("api_key")
	if err != nil {
		return err
	}
	c.Password, c.APIKey = esq.Secret(password), esq.Secret(key)
	if caFile == "" {
		caFile = from.one("ca_file")
	}
	if caFile != "" {
		if c.CACert, err = os.ReadFile(caFile); err != nil {
			return usage("read the CA file: %w", err)
		}
		if len(c.CACert) == 0 {
			return usage("the CA file %s is empty", caFile)
		}
	}
	c.CAFingerprint = from.one("ca_fingerprint")
	if c.ClientCert, err = clientCert(from.one("client_cert_file"), from.one("client_key_file")); err != nil {
		return err
	}
	c.Signer, err = awsSigner(from.one("aws_sign"), from.one("aws_region"))
	return err
}

// clientCert returns what reads a certificate and its key from their files: now,
// to see that it can, and for each new connection, so that files that were
// exchanged are taken over.
func clientCert(certFile, keyFile string) (func() (*tls.Certificate, error), error) {
	if certFile == "" && keyFile == "" {
		return nil, nil
	}
	if certFile == "" || keyFile == "" {
		return nil, usage("client_cert_file and client_key_file go together: one of them is missing")
	}
	read := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("read the client certificate %s and its key %s: %w", certFile, keyFile, err)
		}
		return &pair, nil
	}
	if _, err := read(); err != nil {
		return nil, usage("%w", err)
	}
	return read, nil
}

// awsSigner returns what signs requests for an AWS service, nil for none. Its
// settings are read, and no network is asked, before the first request.
func awsSigner(service, region string) (esq.Signer, error) {
	if service == "" {
		if region != "" {
			return nil, usage(`aws_region is given, and requests are not to be signed: set aws_sign to "es", or leave it out`)
		}
		return nil, nil
	}
	if service != awssign.Domain && service != awssign.Serverless {
		return nil, usage("aws_sign must be es (a domain of OpenSearch Service) or aoss (OpenSearch Serverless), not %q", service)
	}
	signer, err := awssign.Load(context.Background(), service, region)
	if err != nil {
		return nil, usage("aws_sign: %w", err)
	}
	return signer, nil
}
