package esq

import (
	"cmp"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

// Config says where a cluster is and who asks. Certificates are always
// verified. Printing or logging it shows no secret.
type Config struct {
	URLs []string // "https://host:9200"; may hold user:password@, the same in all
	// Username and Password, or APIKey (as the engine prints it, base64), or
	// Signer, or none of them.
	Username string
	Password Secret
	APIKey   Secret
	Signer   Signer // proves who asks for each request, for services that want that; nil for none
	// CACert is PEM; trusted instead of the system's authorities.
	CACert []byte
	// CAFingerprint is the SHA-256, in hexadecimal digits with or without colons,
	// of the certificate of the authority that is trusted instead of the system's:
	// the server shows it in its chain.
	CAFingerprint string
	// ClientCert is called for each connection on which the server asks who
	// connects, so that a certificate may be exchanged meanwhile; nil for none.
	ClientCert func() (*tls.Certificate, error)
	UserAgent  string        // "stitch" if empty
	Timeout    time.Duration // of one attempt at one request; 2 minutes if 0
	Retry      Retry
	// Retrying, if set, is told whenever a request is about to be repeated, by
	// several goroutines at once.
	Retrying func()
	Logger   *slog.Logger // nil for none
	// Transport carries the requests instead of HTTP, for tests; nil otherwise.
	Transport http.RoundTripper
}

// String returns the configuration without its secrets.
func (c Config) String() string { return fmt.Sprint(c.LogValue()) }

// GoString returns the same as String.
func (c Config) GoString() string { return c.String() }

// LogValue returns the configuration without its secrets.
func (c Config) LogValue() slog.Value {
	urls := make([]string, len(c.URLs))
	for i, raw := range c.URLs {
		urls[i] = withoutUser(raw)
	}
	auth := "none"
	switch {
	case c.Signer != nil:
		auth = "signed requests"
	case c.APIKey != "":
		auth = "api key"
	case c.Username != "":
		auth = "user " + c.Username
	}
	return slog.GroupValue(
		slog.String("urls", strings.Join(urls, " ")),
		slog.String("auth", auth),
		slog.Bool("ca", len(c.CACert) > 0 || c.CAFingerprint != ""),
		slog.Bool("client_cert", c.ClientCert != nil),
	)
}

// MarshalJSON writes the same as String.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// transport checks the configuration and builds what it describes.
func (c Config) transport() (transport, error) {
	urls, err := c.addresses()
	if err != nil {
		return transport{}, err
	}
	if err := c.contradictions(urls); err != nil {
		return transport{}, err
	}
	hide := newSecrets(append(keyWords(c.APIKey), string(c.Password), base64.StdEncoding.EncodeToString([]byte(c.Username+":"+string(c.Password))))...)
	carrier, err := c.roundTripper(urls)
	if err != nil {
		return transport{}, err
	}
	if c.Signer != nil {
		carrier = signing{c.Signer, carrier, hide}
	}
	header := http.Header{}
	if local(urls) {
		// Nothing is gained by an answer that is made short for a way of no length.
		header.Set("Accept-Encoding", "identity")
	}
	client, err := elastictransport.NewClient(
		elastictransport.WithURLs(urls...),
		elastictransport.WithHeader(header),
		elastictransport.WithBasicAuth(c.Username, string(c.Password)),
		elastictransport.WithAPIKey(string(c.APIKey)),
		elastictransport.WithUserAgent(cmp.Or(c.UserAgent, "stitch")),
		elastictransport.WithTransport(carrier),
		elastictransport.WithDisableRetry(), // there is one policy, and it is ours
	)
	if err != nil {
		return transport{}, fmt.Errorf("set up transport: %w", err)
	}
	t := transport{
		perform: client, timeout: cmp.Or(c.Timeout, 2*time.Minute), retry: c.Retry.orDefaults(), retrying: c.Retrying, log: c.Logger, secrets: hide,
	}
	if t.retrying == nil {
		t.retrying = func() {}
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	return t, nil
}

// addresses parses the URLs and moves their credentials to where the others are.
func (c *Config) addresses() ([]*url.URL, error) {
	if len(c.URLs) == 0 {
		return nil, errors.New("no URL of a cluster is given")
	}
	var urls []*url.URL
	for i, raw := range c.URLs {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("URL %d (%s): want http://HOST:PORT or https://HOST:PORT", i+1, withoutUser(raw))
		}
		if u.User != nil {
			password, _ := u.User.Password()
			name := u.User.Username()
			if c.Username != "" && (c.Username != name || string(c.Password) != password) {
				return nil, fmt.Errorf("URL %d (%s): its user is another one than the one given elsewhere", i+1, u.Host)
			}
			c.Username, c.Password = name, Secret(password)
			u.User = nil
		}
		u.Path = strings.TrimSuffix(u.Path, "/")
		urls = append(urls, u)
	}
	return urls, nil
}

// local reports whether all addresses are of this machine.
func local(urls []*url.URL) bool {
	return !slices.ContainsFunc(urls, func(u *url.URL) bool {
		return u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback()
	})
}

// withoutUser hides the credentials in what should be a URL, also in one that
// cannot be read: all from the scheme, if there is one, to the last @.
func withoutUser(raw string) string {
	at := strings.LastIndex(raw, "@")
	if at < 0 {
		return raw
	}
	start := 0
	if end := strings.Index(raw[:at], "://"); end >= 0 {
		start = end + len("://")
	}
	return raw[:start] + "xxxxx" + raw[at:]
}

func (c Config) roundTripper(urls []*url.URL) (http.RoundTripper, error) {
	if c.Transport != nil {
		return c.Transport, nil
	}
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		base = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	carrier := base.Clone()
	carrier.MaxIdleConnsPerHost = 16
	var err error
	if carrier.TLSClientConfig, err = c.tls(urls); err != nil {
		return nil, err
	}
	return carrier, nil
}
