package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules/people"
)

// configFile is the settings of stitch.toml. The zero value has none.
type configFile struct {
	file   string
	values map[string][]string
}

var _ source = configFile{}

func (f configFile) get(key string) []string { return f.values[key] }

func (f configFile) name(key string) string { return f.file + ": " + key }

// configKeys are the keys that the file may have.
func configKeys() []string {
	return []string{
		"url", "username", "password", "password_file", "api_key", "api_key_file",
		"ca_file", "ca_fingerprint", "client_cert_file", "client_key_file", "aws_sign", "aws_region",
		"rules", "users", "notifications", "state_retention", "alert_retention",
		"kibana_url", "dashboards_url",
		"listen", "listen_token", "listen_token_file", "listen_proxy_header", "listen_proxies", "listen_cert_file", "listen_key_file",
	}
}

// parseConfig reads the text of a configuration file. The errors, which are all
// of them, name keys and never values: one may be a secret.
func parseConfig(name, text string) (configFile, error) {
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		return configFile{}, notTOML(name, err)
	}
	file := configFile{file: name, values: map[string][]string{}}
	var problems []error
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		values, err := file.read(key, tree[key])
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
		file.values[key] = values
	}
	return file, errors.Join(problems...)
}

// notTOML says where a file is wrong. The parser's own words are left out,
// since they may show what it stumbled over.
func notTOML(name string, err error) error {
	var syntax toml.ParseError
	if !errors.As(err, &syntax) {
		return fmt.Errorf("%s: not TOML", name)
	}
	key := ""
	if syntax.LastKey != "" {
		key = " at or after " + syntax.LastKey
	}
	return fmt.Errorf("%s:%d: not TOML%s; a string needs quotes, and each key may stand once", name, syntax.Position.Line, key)
}

func (f configFile) read(key string, value any) ([]string, error) {
	if !slices.Contains(configKeys(), key) {
		if near := eql.Nearest(key, configKeys()); near != "" {
			return nil, fmt.Errorf("unknown key %s; did you mean %s?", key, near)
		}
		return nil, fmt.Errorf("unknown key %s; there are %s", key, strings.Join(configKeys(), ", "))
	}
	values, err := stringsOf(value)
	list := key == "url" || key == "rules" || key == "listen_proxies"
	switch {
	case err != nil && list:
		return nil, fmt.Errorf("%s must be a string or a list of strings", key)
	case err != nil || len(values) != 1 && !list:
		return nil, fmt.Errorf("%s must be a string", key)
	}
	values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
	if key == "rules" || key == "users" || key == "notifications" || strings.HasSuffix(key, "_file") {
		for i, path := range values {
			if !(key == "users" && people.IsIndex(path)) && !filepath.IsAbs(path) {
				values[i] = filepath.Join(filepath.Dir(f.file), path)
			}
		}
	}
	return values, nil
}

// stringsOf is a string, or a list of them.
func stringsOf(value any) ([]string, error) {
	switch value := value.(type) {
	case string:
		return []string{value}, nil
	case []any:
		values := make([]string, len(value))
		for i, v := range value {
			text, ok := v.(string)
			if !ok {
				return nil, errors.New("not a list of strings")
			}
			values[i] = text
		}
		return values, nil
	}
	return nil, errors.New("not a string")
}
