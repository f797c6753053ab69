package esq

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

// Config says where a cluster is and who asks. Certificates are always
// verified. Printing or logging it shows no secret.
type Config struct {
	URLs []string // "https://host:9200"; may hold user:password@, the same in all
	// Username and Password, or APIKey (as the engine prints it, base64), or
	// none of them.
	Username, Password string
	APIKey             string
	CACert             []byte        // PEM; trusted instead of the system's authorities
	UserAgent          string        // "stitch" if empty
	Timeout            time.Duration // of one attempt at one request; 2 minutes if 0
	Retry              Retry
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
	case c.APIKey != "":
		auth = "api key"
	case c.Username != "":
		auth = "user " + c.Username
	}
	return slog.GroupValue(
		slog.String("urls", strings.Join(urls, " ")),
		slog.String("auth", auth),
		slog.Bool("ca", len(c.CACert) > 0),
	)
}

// transport checks the configuration and builds what it describes.
func (c Config) transport() (transport, error) {
	urls, err := c.addresses()
	if err != nil {
		return transport{}, err
	}
	if c.APIKey != "" && c.Username != "" {
		return transport{}, errors.New("both a user and an API key are given: give one of them")
	}
	if (c.Username == "") != (c.Password == "") {
		return transport{}, errors.New("a user name and a password go together: one of them is missing")
	}
	carrier, err := c.roundTripper()
	if err != nil {
		return transport{}, err
	}
	client, err := elastictransport.NewClient(
		elastictransport.WithURLs(urls...),
		elastictransport.WithBasicAuth(c.Username, c.Password),
		elastictransport.WithAPIKey(c.APIKey),
		elastictransport.WithUserAgent(cmp.Or(c.UserAgent, "stitch")),
		elastictransport.WithTransport(carrier),
		elastictransport.WithDisableRetry(), // there is one policy, and it is ours
	)
	if err != nil {
		return transport{}, fmt.Errorf("set up transport: %w", err)
	}
	t := transport{
		retrying: c.Retrying,
		perform:  client, timeout: cmp.Or(c.Timeout, 2*time.Minute), retry: c.Retry.orDefaults(), log: c.Logger,
		secrets: secrets{c.Password, url.QueryEscape(c.Password), url.PathEscape(c.Password), c.APIKey},
	}
	if c.Username != "" {
		t.secrets = append(t.secrets, base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password)))
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
			if c.Username != "" && (c.Username != name || c.Password != password) {
				return nil, fmt.Errorf("URL %d (%s): its user is another one than the one given elsewhere", i+1, u.Host)
			}
			c.Username, c.Password = name, password
			u.User = nil
		}
		u.Path = strings.TrimSuffix(u.Path, "/")
		urls = append(urls, u)
	}
	return urls, nil
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

func (c Config) roundTripper() (http.RoundTripper, error) {
	if c.Transport != nil {
		return c.Transport, nil
	}
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		base = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	carrier := base.Clone()
	carrier.MaxIdleConnsPerHost = 16
	carrier.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if len(c.CACert) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(c.CACert) {
			return nil, errors.New("the CA file holds no certificate: want PEM")
		}
		carrier.TLSClientConfig.RootCAs = pool
	}
	return carrier, nil
}
