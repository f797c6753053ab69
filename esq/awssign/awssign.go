// Package awssign signs requests to Amazon OpenSearch Service, with AWS
// Signature Version 4.
package awssign

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

// The services that requests are signed for.
const (
	Domain     = "es"   // a domain of OpenSearch Service
	Serverless = "aoss" // a collection of OpenSearch Serverless
)

// Signer signs requests. It may be used by several goroutines at once.
type Signer struct {
	service, region string
	credentials     aws.CredentialsProvider
	now             func() time.Time
	signer          *v4.Signer
}

// Load returns the signer for a service in a region, with the credentials that
// AWS's own tools would find: in the environment, the shared files, a web
// identity, the container or the machine; they are fetched when first needed
// and renewed before they expire. Without a region AWS's settings must name one.
func Load(ctx context.Context, service, region string) (*Signer, error) {
	var options []func(*config.LoadOptions) error
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	found, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("load AWS settings: %w", err)
	}
	if found.Region == "" {
		return nil, errors.New("load AWS settings: no region; set aws_region or AWS_REGION")
	}
	return New(service, found.Region, found.Credentials, time.Now)
}

// New returns the signer with these credentials and this clock.
func New(service, region string, credentials aws.CredentialsProvider, now func() time.Time) (*Signer, error) {
	if service != Domain && service != Serverless {
		return nil, fmt.Errorf("no AWS service %q to sign for: want %s or %s", service, Domain, Serverless)
	}
	return &Signer{service: service, region: region, credentials: credentials, now: now, signer: v4.NewSigner()}, nil
}

// Sign adds the signature of a request, and of its body's hash, to the header.
func (s *Signer) Sign(r *http.Request, body []byte) error {
	who, err := s.credentials.Retrieve(r.Context())
	if err != nil {
		return fmt.Errorf("fetch AWS credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash) // which Serverless insists on
	if err := s.signer.SignHTTP(r.Context(), who, r, hash, s.service, s.region, s.now()); err != nil {
		return fmt.Errorf("sign for AWS: %w", err)
	}
	return nil
}
