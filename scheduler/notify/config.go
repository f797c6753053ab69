package notify

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// fileSpec is what a file of routes says.
type fileSpec struct {
	Routes []routeSpec `toml:"route"`
}

type routeSpec struct {
	Name        string   `toml:"name"`
	ServiceFile string   `toml:"service_file"`
	ServiceEnv  string   `toml:"service_env"`
	Webhook     string   `toml:"webhook"`
	WebhookFile string   `toml:"webhook_file"`
	WebhookEnv  string   `toml:"webhook_env"`
	SecretFile  string   `toml:"secret_file"`
	SecretEnv   string   `toml:"secret_env"`
	Rules       []string `toml:"rules"`
	Severity    string   `toml:"severity"`
	On          []string `toml:"on"`
	Throttle    string   `toml:"throttle"`
	Timeout     string   `toml:"timeout"`
	Concurrency *int     `toml:"concurrency"`
	Title       string   `toml:"title"`
	Template    string   `toml:"template"`
}

// Route is where alerts are told, which, and how.
type Route struct {
	Name   string
	Sender Sender
	// Rules are the ids of the rules whose alerts are told; none: of all.
	Rules []string
	// Severities are those that are told; none: all.
	Severities []string
	On         []Kind
	// Throttle is the least time between two messages about one alert, but for a
	// retraction.
	Throttle time.Duration
	// Timeout is how long an answer is waited for.
	Timeout time.Duration
	// Concurrency is how many messages are on their way at once.
	Concurrency int

	words words
}

// What holds if a file says nothing.
const (
	defaultThrottle    = time.Hour
	defaultTimeout     = 15 * time.Second
	mostTimeout        = 5 * time.Minute
	defaultConcurrency = 2
	mostConcurrency    = 32
)

// severities are Elastic's, the least first.
func severities() []string { return []string{"low", "medium", "high", "critical"} }

// Environment is what the file's secrets and senders come from.
type Environment struct {
	Lookup func(name string) (string, bool) // of a variable
	Client *http.Client                     // for webhooks
	Now    func() time.Time                 // for their signatures
}

// Load reads a file of routes and the secrets that it names. The error is
// [rules.Problems], all of them, or that the file cannot be read. No error
// holds a secret. Relative paths are those from the file's folder.
func Load(name string, env Environment) ([]Route, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var spec fileSpec
	file, _ := rules.ReadFile(name, string(text), &spec)
	l := loader{file: file, env: env, folder: filepath.Dir(name), lines: map[string]int{}}
	if len(spec.Routes) == 0 && len(file.Problems()) == 0 {
		file.Problem(nil, "no [[route]] in this file")
	}
	var routes []Route
	for i, s := range spec.Routes {
		routes = append(routes, l.route([]string{"route", strconv.Itoa(i)}, s))
	}
	if problems := file.Problems(); len(problems) > 0 {
		return nil, problems
	}
	return routes, nil
}

type loader struct {
	file   *rules.File
	env    Environment
	folder string
	lines  map[string]int // of routes, by name
}

func key(path []string, name string) []string { return append(path[:len(path):len(path)], name) }

// routeName is what names a route everywhere: a word of a query, an id.
var routeName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func (l *loader) route(path []string, s routeSpec) Route {
	r := Route{
		Name: s.Name, Rules: s.Rules, On: []Kind{Created},
		Throttle: l.duration(key(path, "throttle"), s.Throttle, defaultThrottle),
		Timeout:  l.duration(key(path, "timeout"), s.Timeout, defaultTimeout), Concurrency: defaultConcurrency,
	}
	switch first := l.lines[s.Name]; {
	case !routeName.MatchString(s.Name):
		l.file.Problem(path, "a route needs a name of a to z, 0 to 9, - and _, at most 63, that it keeps: name = \"soc\"")
	case first > 0:
		l.file.Problem(key(path, "name"), "there is a route %s already, in line %d", s.Name, first)
	default:
		l.lines[s.Name] = l.file.Line(key(path, "name")...)
	}
	if s.Severity != "" {
		least := slices.Index(severities(), s.Severity)
		if least < 0 {
			l.file.Problem(key(path, "severity"), "severity must be one of %s: the least that is told", strings.Join(severities(), ", "))
		} else {
			r.Severities = severities()[least:]
		}
	}
	if s.On != nil {
		r.On = l.kinds(key(path, "on"), s.On)
	}
	if r.Timeout > mostTimeout {
		l.file.Problem(key(path, "timeout"), "timeout must be at most %v", mostTimeout)
	}
	if s.Concurrency != nil {
		if r.Concurrency = *s.Concurrency; r.Concurrency < 1 || r.Concurrency > mostConcurrency {
			l.file.Problem(key(path, "concurrency"), "concurrency must be 1 to %d", mostConcurrency)
		}
	}
	l.sender(path, s, &r)
	r.words.title = l.template(key(path, "title"), s.Title, defaultTitle)
	r.words.text = l.template(key(path, "template"), s.Template, defaultText)
	return r
}

func (l *loader) duration(path []string, text string, otherwise time.Duration) time.Duration {
	if text == "" {
		return otherwise
	}
	d, err := rules.ParseDuration(text)
	if err != nil || d <= 0 {
		l.file.Problem(path, "%s must be a duration such as 30s, not %q", path[len(path)-1], text)
	}
	return d
}

func (l *loader) kinds(path []string, names []string) []Kind {
	var kinds []Kind
	for _, name := range names {
		kind := Kind(name)
		if kind != Created && kind != Updated && kind != Retracted {
			l.file.Problem(path, "on must list created, updated and retracted, not %q", name)
		}
		kinds = append(kinds, kind)
	}
	if !slices.Contains(kinds, Created) {
		l.file.Problem(path, "on must list created: what a route was never told of is not updated or retracted either")
	}
	return kinds
}

// sender makes the route's sender out of the keys that say what it is.
func (l *loader) sender(path []string, s routeSpec, r *Route) {
	given := map[string]string{
		"service_file": s.ServiceFile, "service_env": s.ServiceEnv,
		"webhook": s.Webhook, "webhook_file": s.WebhookFile, "webhook_env": s.WebhookEnv,
	}
	var where string
	for name, value := range given {
		switch {
		case value == "":
		case where != "":
			l.file.Problem(path, "a route goes to one place: give one of service_file, service_env, webhook, webhook_file and webhook_env")
			return
		default:
			where = name
		}
	}
	isService := strings.HasPrefix(where, "service")
	if isService && s.SecretFile+s.SecretEnv != "" {
		l.file.Problem(path, "secret_file and secret_env are for webhooks; a service's secrets are in its URL")
	}
	if where == "" {
		l.file.Problem(path, "a route needs service_file or service_env, which hold a URL of shoutrrr, or webhook = \"https://...\"")
		return
	}
	address := s.Webhook
	if where != "webhook" {
		var ok bool
		if address, ok = l.secret(key(path, where), where, given[where]); !ok {
			return
		}
	}
	if isService {
		service, titles, texts, err := newService(address)
		if err != nil {
			l.file.Problem(key(path, where), "what %s names is %v", where, err)
			return
		}
		r.Sender, r.words.titleMarkup, r.words.textMarkup = service, titles, texts
		return
	}
	l.webhook(path, s, address, where, r)
}

func (l *loader) webhook(path []string, s routeSpec, address, where string, r *Route) {
	var secret string
	ok := true
	if s.Title+s.Template != "" {
		l.file.Problem(path, "title and template are for services; a webhook carries the alert itself")
	}
	switch {
	case s.SecretFile != "" && s.SecretEnv != "":
		l.file.Problem(path, "both secret_file and secret_env are given: give one of them")
		return
	case s.SecretFile != "":
		secret, ok = l.secret(key(path, "secret_file"), "secret_file", s.SecretFile)
	case s.SecretEnv != "":
		secret, ok = l.secret(key(path, "secret_env"), "secret_env", s.SecretEnv)
	default:
		l.file.Problem(path, "a webhook needs secret_file or secret_env, by which its receiver knows that it is genuine: echo whsec_$(openssl rand -base64 32)")
		return
	}
	if !ok {
		return
	}
	keys, err := parseKeys(secret)
	if err != nil {
		l.file.Problem(path, "%v", err)
		return
	}
	hook, err := newWebhook(address, keys, secret, l.env.Client, l.env.Now)
	if err != nil {
		l.file.Problem(key(path, where), "%s is %v", where, err)
		return
	}
	r.Sender = hook
}

// secret reads what a key names: KEY_file a file, KEY_env a variable.
func (l *loader) secret(path []string, name, value string) (string, bool) {
	file, variable := value, ""
	if strings.HasSuffix(name, "_env") {
		file, variable = "", value
	} else if !filepath.IsAbs(file) {
		file = filepath.Join(l.folder, file)
	}
	secret, err := readSecret(file, variable, l.env.Lookup)
	if err != nil {
		l.file.Problem(path, "read what %s names: %v", name, err)
	}
	return secret, err == nil
}
