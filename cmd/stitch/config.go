package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/cmd/stitch/page"
	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
)

// connection is the flags that say where the cluster is. Secrets have no
// flags: a command line can be read by everyone on the machine.
type connection struct {
	config string
	urls   []string
	caFile string
	// retention is that of the state, and alertRetention that of alerts, for the
	// commands that have flags for them.
	retention, alertRetention string
}

const connectionHelp = `The cluster is named by --url, by the environment, or by stitch.toml, whichever
comes first; each setting for itself:

  stitch.toml     environment
  url             STITCH_URL             one or several (a list; or with commas)
  username        STITCH_USERNAME
  password        STITCH_PASSWORD
  password_file   STITCH_PASSWORD_FILE   a file that holds the password
  api_key         STITCH_API_KEY         base64, instead of user and password
  api_key_file    STITCH_API_KEY_FILE
  ca_file         STITCH_CA_FILE         PEM; trusted instead of the system's
  ca_fingerprint  STITCH_CA_FINGERPRINT  SHA-256 of the authority, instead of ca_file
  client_cert_file, client_key_file      PEM; also STITCH_CLIENT_CERT_FILE, ..._KEY_FILE
  aws_sign        STITCH_AWS_SIGN        es or aoss: requests are signed for AWS
  aws_region      STITCH_AWS_REGION      where that is; else as AWS's own tools find it
  rules           STITCH_RULES           files and folders (a list; or as in PATH)
  users           STITCH_USERS           user map: a .csv file, or index:NAME
  notifications   STITCH_NOTIFICATIONS   file that says where alerts are told
  state_retention STITCH_STATE_RETENTION how long run records are kept; 30d
  alert_retention STITCH_ALERT_RETENTION how long alerts are kept; none: for ever

The paths in stitch.toml are those from its own folder.`

func (c *connection) retentionFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.retention, "state-retention", "", "how long run records are kept, such as 90d (default STITCH_STATE_RETENTION, or 30d)")
	cmd.Flags().StringVar(&c.alertRetention, "alert-retention", "", "how long alerts are kept, such as 365d, or none (default STITCH_ALERT_RETENTION, or none: for ever)")
}

func (c *connection) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.config, "config", "", "configuration file (default STITCH_CONFIG, or stitch.toml if there is one)")
	// Not a StringSlice, which would print a URL it cannot read, with its password.
	cmd.Flags().StringArrayVar(&c.urls, "url", nil, "the cluster's URL; several for several nodes of it (default STITCH_URL)")
	cmd.Flags().StringVar(&c.caFile, "ca-file", "", "PEM file of the authority that signed the cluster's certificate (default STITCH_CA_FILE)")
}

// settings is flags, environment and file together; the former win.
type settings struct {
	cluster       esq.Config
	rules         []string
	users         string
	notifications string        // a file; "" for none
	links         page.Links    // of documents, on the page
	retention     time.Duration // 0 if none is named
	// alertRetention is how long alerts are kept; 0: for ever.
	alertRetention time.Duration
}

// source is a place that settings come from.
type source interface {
	// get returns the values of a key, none if it is not set.
	get(key string) []string
	// name is how the place calls the key, for messages.
	name(key string) string
}

// sources are settings in the order of their precedence.
type sources []source

// connect opens the cluster that is named.
func (c *connection) connect(ctx context.Context, s streams) (*esq.Cluster, error) {
	settings, err := c.settings(s)
	if err != nil {
		return nil, err
	}
	cluster, err := esq.Open(ctx, settings.cluster)
	if err != nil {
		return nil, openError(ctx, err)
	}
	return cluster, nil
}

func (c *connection) settings(s streams) (settings, error) {
	file, err := c.readFile(s)
	if err != nil {
		return settings{}, err
	}
	from := sources{environment{s.env}, file}
	out := settings{rules: from.first("rules"), users: from.one("users"), notifications: from.one("notifications")}
	out.links = page.Links{Kibana: from.one("kibana_url"), Dashboards: from.one("dashboards_url")}
	if err := out.links.Check(); err != nil {
		return settings{}, usage("%w", err)
	}
	out.cluster = esq.Config{URLs: c.urls, UserAgent: userAgent(), Retry: s.retry}
	if len(c.urls) == 0 {
		out.cluster.URLs = from.first("url")
	}
	if len(out.cluster.URLs) == 0 {
		return settings{}, usage("no cluster named; use --url, STITCH_URL, or url = \"...\" in stitch.toml")
	}
	if err := from.prove(&out.cluster, c.caFile); err != nil {
		return settings{}, err
	}
	if out.retention, err = readRetention(cmp.Or(c.retention, from.one("state_retention"))); err != nil {
		return settings{}, err
	}
	if out.alertRetention, err = readAlertRetention(cmp.Or(c.alertRetention, from.one("alert_retention"))); err != nil {
		return settings{}, err
	}
	return out, nil
}

// named reports whether a cluster is named anywhere.
func (c *connection) named(s streams) (bool, error) {
	file, err := c.readFile(s)
	if err != nil {
		return false, err
	}
	return len(c.urls) > 0 || len(sources{environment{s.env}, file}.first("url")) > 0, nil
}

// leastRetention is as long as a run may lie still and then go on.
const leastRetention = 24 * time.Hour

// leastAlertRetention is about as long as the longest index of alerts, which
// are deleted by the month.
const leastAlertRetention = 30 * 24 * time.Hour

func readAlertRetention(text string) (time.Duration, error) {
	if text == "" || text == "none" {
		return 0, nil
	}
	d, err := rules.ParseDuration(text)
	if err != nil {
		return 0, usage("alert_retention: %w; or none, to keep alerts for ever", err)
	}
	if d < leastAlertRetention {
		return 0, usage("alert_retention must be at least 30d, not %s, or none, to keep alerts for ever", text)
	}
	return d, nil
}

func readRetention(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := rules.ParseDuration(text)
	if err != nil {
		return 0, usage("state_retention: %w", err)
	}
	if d < leastRetention {
		return 0, usage("state_retention must be at least 1d, not %s", text)
	}
	return d, nil
}

func (from sources) first(key string) []string {
	for _, s := range from {
		if values := s.get(key); len(values) > 0 {
			return values
		}
	}
	return nil
}

func (from sources) one(key string) string {
	if values := from.first(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// secret is the value of a key, or what the file holds that KEY_file names, in
// the first place that has either.
func (from sources) secret(key string) (string, error) {
	for _, s := range from {
		value, file := s.get(key), s.get(key+"_file")
		switch {
		case len(value) > 0 && len(file) > 0:
			return "", usage("both %s and %s are given: give one of them", s.name(key), s.name(key+"_file"))
		case len(value) > 0:
			return value[0], nil
		case len(file) > 0:
			data, err := os.ReadFile(file[0])
			if err != nil {
				return "", usage("read what %s names: %w", s.name(key+"_file"), err)
			}
			secret := strings.TrimRight(string(data), "\r\n")
			if secret == "" {
				return "", usage("read what %s names: %s is empty", s.name(key+"_file"), file[0])
			}
			return secret, nil
		}
	}
	return "", nil
}

// environment is the settings of the process's environment. An empty variable
// is as good as none.
type environment struct{ lookup func(string) (string, bool) }

func (e environment) name(key string) string { return "STITCH_" + strings.ToUpper(key) }

func (e environment) get(key string) []string {
	value, _ := e.lookup(e.name(key))
	switch {
	case value == "":
		return nil
	case key == "url", key == "listen_proxies":
		return splitList(value, ",")
	case key == "rules":
		return splitList(value, string(filepath.ListSeparator))
	}
	return []string{value}
}

func splitList(text, separator string) []string {
	var values []string
	for value := range strings.SplitSeq(text, separator) {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// readFile reads the configuration file. The default one need not be there.
func (c *connection) readFile(s streams) (configFile, error) {
	name, asked := c.config, c.config != ""
	if !asked {
		name, _ = s.env("STITCH_CONFIG")
		asked = name != ""
	}
	if !asked {
		name = "stitch.toml"
	}
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) && !asked {
		return configFile{}, nil
	}
	if err != nil {
		return configFile{}, usage("read the configuration file: %w", err)
	}
	file, err := parseConfig(name, string(text))
	if err != nil {
		return configFile{}, &exitError{exitUsage, fmt.Errorf("read the configuration file: %w", err)}
	}
	return file, nil
}
