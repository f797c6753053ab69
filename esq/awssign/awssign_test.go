package awssign_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/awssign"
)

const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	token  = "IQoJb3JpZ2luX2VjEXAMPLETOKEN//////////wEaCXVzLWVhc3QtMQ=="
)

// verifier is a service that takes signed requests alone. It computes each
// signature from AWS's description, not by AWS's code.
type verifier struct {
	*httptest.Server
	service, region string
	failures        int // to answer with 503 before all else

	mu    sync.Mutex
	dates []string // of the requests that were signed rightly
	wrong []string
}

func newVerifier(t *testing.T, service string) *verifier {
	t.Helper()
	v := &verifier{service: service, region: "eu-central-1"}
	v.Server = httptest.NewTLSServer(v)
	t.Cleanup(v.Close)
	return v
}

func (v *verifier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = v.verify(r, body)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case err != nil:
		v.wrong = append(v.wrong, r.URL.RequestURI()+": "+err.Error())
		w.WriteHeader(http.StatusForbidden)
		// AWS shows what should have been signed, the token included.
		fmt.Fprintf(w, `{"message":"The request signature we calculated does not match: x-amz-security-token:%s %s"}`,
			r.Header.Get("X-Amz-Security-Token"), r.Header.Get("Authorization"))
	case v.failures > 0:
		v.failures--
		v.dates = append(v.dates, r.Header.Get("X-Amz-Date"))
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Path == "/":
		v.dates = append(v.dates, r.Header.Get("X-Amz-Date"))
		io.WriteString(w, `{"cluster_name":"c","cluster_uuid":"u","version":{"number":"2.19.0","distribution":"opensearch"}}`)
	default:
		v.dates = append(v.dates, r.Header.Get("X-Amz-Date"))
		io.WriteString(w, `{"docs":[{"_index":"i","_id":"1","found":false}]}`)
	}
}

// verify checks the signature of a request.
func (v *verifier) verify(r *http.Request, body []byte) error {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return fmt.Errorf("authorization %q", r.Header.Get("Authorization"))
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ", ") {
		name, value, _ := strings.Cut(part, "=")
		fields[name] = value
	}
	date := r.Header.Get("X-Amz-Date")
	if len(date) != len("20260101T000000Z") {
		return fmt.Errorf("date %q", date)
	}
	scope := strings.Join([]string{date[:8], v.region, v.service, "aws4_request"}, "/")
	if fields["Credential"] != keyID+"/"+scope {
		return fmt.Errorf("credential %q", fields["Credential"])
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if r.Header.Get("X-Amz-Content-Sha256") != hash {
		return errors.New("the hash is not that of the body")
	}
	signed := strings.Split(fields["SignedHeaders"], ";")
	for _, must := range []string{"host", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"} {
		if !slices.Contains(signed, must) {
			return fmt.Errorf("%s is not signed", must)
		}
	}
	var headers strings.Builder
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		headers.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	canonical := strings.Join([]string{
		r.Method, canonicalPath(r.URL), canonicalQuery(r.URL), headers.String(), fields["SignedHeaders"], hash,
	}, "\n")
	sum = sha256.Sum256([]byte(canonical))
	toSign := "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	key := []byte("AWS4" + secret)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	if want := hex.EncodeToString(mac(key, toSign)); want != fields["Signature"] {
		return fmt.Errorf("signature %s, want %s, of\n%s", fields["Signature"], want, canonical)
	}
	return nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// canonicalPath encodes each part of the path, as it was sent, once more.
func canonicalPath(u *url.URL) string {
	parts := strings.Split(u.EscapedPath(), "/")
	for i, p := range parts {
		parts[i] = encode(p)
	}
	return strings.Join(parts, "/")
}

func canonicalQuery(u *url.URL) string {
	var pairs []string
	for name, values := range u.Query() {
		for _, value := range values {
			pairs = append(pairs, encode(name)+"="+encode(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// encode leaves letters, digits and - . _ ~ as they are.
func encode(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// credentials are those of a role, which expire.
func credentials(keySecret string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: keyID, SecretAccessKey: keySecret, SessionToken: token}, nil
	})
}

func (v *verifier) config(signer esq.Signer) esq.Config {
	return esq.Config{
		URLs: []string{v.URL}, Signer: signer, Retry: esq.Retry{Attempts: 3, Base: 1},
		CACert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: v.Certificate().Raw}),
	}
}

// ticking is a clock that is a second further each time.
func ticking() func() time.Time {
	var mu sync.Mutex
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}

func TestSignatures(t *testing.T) {
	for _, service := range []string{awssign.Domain, awssign.Serverless} {
		t.Run(service, func(t *testing.T) {
			v := newVerifier(t, service)
			signer, err := awssign.New(service, v.region, credentials(secret), ticking())
			if err != nil {
				t.Fatal(err)
			}
			c, err := esq.Open(t.Context(), v.config(signer))
			if err != nil {
				t.Fatalf("%v %v", err, v.wrong)
			}
			if _, err := c.Get(t.Context(), []esq.Ref{{Index: "i", ID: "1"}}); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{
				"/logs-*,filebeat-*/_search?ignore_unavailable=true&allow_no_indices=true", "/%3Clogs-%7Bnow%2Fd%7D%3E/_mapping",
				"/a%20b/_doc/%C3%BC%2F1", "/_cat/indices?h=index,docs.count&format=json", "/x?q=a%2Bb%20c&empty=",
			} {
				for _, body := range []any{nil, map[string]string{"query": "ü"}} {
					if err := c.Do(t.Context(), "PUT", path, body, nil); err != nil {
						t.Errorf("%s: %v", path, err)
					}
				}
			}
			if len(v.wrong) > 0 {
				t.Errorf("wrongly signed: %s", strings.Join(v.wrong, "\n"))
			}
		})
	}
}

// Every attempt has a time, and so a signature, of its own.
func TestRetriesAreSignedAnew(t *testing.T) {
	v := newVerifier(t, awssign.Domain)
	v.failures = 2
	signer, err := awssign.New(awssign.Domain, v.region, credentials(secret), ticking())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := esq.Open(t.Context(), v.config(signer)); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(v.dates); len(v.dates) != 3 || len(slices.Compact(v.dates)) != 3 {
		t.Errorf("dates %q", v.dates)
	}
}

func TestWrongCredentialsAreToldWithoutThem(t *testing.T) {
	v := newVerifier(t, awssign.Domain)
	signer, err := awssign.New(awssign.Domain, v.region, credentials("another secret"), ticking())
	if err != nil {
		t.Fatal(err)
	}
	_, err = esq.Open(t.Context(), v.config(signer))
	if !esq.Refused(err) || !strings.Contains(err.Error(), "does not match") {
		t.Fatalf("error %v", err)
	}
	if text := err.Error(); strings.Contains(text, token) || strings.Contains(text, "Signature=0") || strings.Contains(text, "another secret") {
		t.Errorf("it tells a secret: %s", text)
	}
}

func TestNoCredentials(t *testing.T) {
	v := newVerifier(t, awssign.Domain)
	none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no role is attached")
	})
	signer, err := awssign.New(awssign.Domain, v.region, none, ticking())
	if err != nil {
		t.Fatal(err)
	}
	_, err = esq.Open(t.Context(), v.config(signer))
	if err == nil || !strings.Contains(err.Error(), "fetch AWS credentials: no role is attached") {
		t.Errorf("error %v", err)
	}
}

// The credentials and the region are found as AWS's own tools find them.
func TestLoad(t *testing.T) {
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, t.TempDir()+"/none")
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", keyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_SESSION_TOKEN", token)
	if _, err := awssign.Load(t.Context(), awssign.Domain, ""); err == nil || !strings.Contains(err.Error(), "set aws_region or AWS_REGION") {
		t.Errorf("without a region: %v", err)
	}
	if _, err := awssign.Load(t.Context(), "s3", "eu-central-1"); err == nil || !strings.Contains(err.Error(), `"s3"`) {
		t.Errorf("for another service: %v", err)
	}
	v := newVerifier(t, awssign.Domain)
	t.Setenv("AWS_REGION", v.region)
	signer, err := awssign.Load(t.Context(), awssign.Domain, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := esq.Open(t.Context(), v.config(signer)); err != nil {
		t.Errorf("%v %v", err, v.wrong)
	}
}
