package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inFolder makes files in a new folder and works there.
func inFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// configured is what settings come to, in words.
func configured(t *testing.T, c connection, env map[string]string) (map[string]string, error) {
	t.Helper()
	s, err := c.settings(streams{env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if err != nil {
		return nil, err
	}
	got := map[string]string{
		"urls": strings.Join(s.cluster.URLs, " "), "user": s.cluster.Username, "password": string(s.cluster.Password),
		"key": string(s.cluster.APIKey), "fingerprint": s.cluster.CAFingerprint, "ca": string(s.cluster.CACert), "rules": strings.Join(s.rules, " "), "users": s.users,
	}
	if s.retention > 0 {
		got["retention"] = s.retention.String()
	}
	if s.alertRetention > 0 {
		got["alerts"] = s.alertRetention.String()
	}
	for key, value := range got {
		if value == "" {
			delete(got, key)
		}
	}
	return got, nil
}

func TestSettings(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		flags connection
		env   map[string]string
		want  map[string]string
	}{
		{
			name: "flags alone", flags: connection{urls: []string{"http://a,b", "http://c"}},
			want: map[string]string{"urls": "http://a,b http://c"},
		},
		{
			name: "environment alone",
			env: map[string]string{
				"STITCH_URL": "http://a, http://b", "STITCH_USERNAME": "u", "STITCH_PASSWORD": "p",
				"STITCH_RULES": "x" + string(filepath.ListSeparator) + "y",
			},
			want: map[string]string{"urls": "http://a http://b", "user": "u", "password": "p", "rules": "x y"},
		},
		{
			name:  "file alone",
			files: map[string]string{"stitch.toml": `url = ["http://a", "http://b"]` + "\napi_key = 'k'\nrules = ['/r', 's']"},
			want:  map[string]string{"urls": "http://a http://b", "key": "k", "rules": "/r s"},
		},
		{
			name:  "one url, rules in one string",
			files: map[string]string{"stitch.toml": `url = "http://a"` + "\nrules = 'r'"},
			want:  map[string]string{"urls": "http://a", "rules": "r"},
		},
		{
			name: "retention from the flag", flags: connection{retention: "1d"},
			env:   map[string]string{"STITCH_URL": "http://a", "STITCH_STATE_RETENTION": "2d"},
			files: map[string]string{"stitch.toml": "state_retention = '3d'"},
			want:  map[string]string{"urls": "http://a", "retention": "24h0m0s"},
		},
		{
			name: "alerts kept, from the flag", flags: connection{alertRetention: "365d"},
			env:   map[string]string{"STITCH_URL": "http://a", "STITCH_ALERT_RETENTION": "40d"},
			files: map[string]string{"stitch.toml": "alert_retention = '50d'"},
			want:  map[string]string{"urls": "http://a", "alerts": "8760h0m0s"},
		},
		{
			name:  "alerts kept for ever, though the file says otherwise",
			env:   map[string]string{"STITCH_URL": "http://a", "STITCH_ALERT_RETENTION": "none"},
			files: map[string]string{"stitch.toml": "alert_retention = '50d'"},
			want:  map[string]string{"urls": "http://a"},
		},
		{
			name:  "alerts kept, from the file",
			files: map[string]string{"stitch.toml": "url = 'http://a'\nalert_retention = '50d'"},
			want:  map[string]string{"urls": "http://a", "alerts": "1200h0m0s"},
		},
		{
			name:  "retention from the environment",
			env:   map[string]string{"STITCH_URL": "http://a", "STITCH_STATE_RETENTION": "2d"},
			files: map[string]string{"stitch.toml": "state_retention = '3d'"},
			want:  map[string]string{"urls": "http://a", "retention": "48h0m0s"},
		},
		{
			name:  "retention from the file",
			files: map[string]string{"stitch.toml": "url = 'http://a'\nstate_retention = '3d'"},
			want:  map[string]string{"urls": "http://a", "retention": "72h0m0s"},
		},
		{
			name:  "each setting for itself",
			files: map[string]string{"stitch.toml": "url = 'http://file'\nusername = 'file'\npassword = 'file'\nca_file = 'file.pem'", "env.pem": "env", "flag.pem": "flag"},
			flags: connection{caFile: "flag.pem"},
			env:   map[string]string{"STITCH_URL": "http://env", "STITCH_CA_FILE": "env.pem", "STITCH_PASSWORD": "env", "STITCH_USERNAME": ""},
			want:  map[string]string{"urls": "http://env", "user": "file", "password": "env", "ca": "flag"},
		},
		{
			name:  "flag before environment before file",
			files: map[string]string{"stitch.toml": "url = 'http://file'"},
			flags: connection{urls: []string{"http://flag"}}, env: map[string]string{"STITCH_URL": "http://env"},
			want: map[string]string{"urls": "http://flag"},
		},
		{
			name:  "a secret's file in the environment before the secret in the file",
			files: map[string]string{"stitch.toml": "url = 'http://a'\nusername = 'u'\npassword = 'file'", "secret": "env\r\n"},
			env:   map[string]string{"STITCH_PASSWORD_FILE": "secret"},
			want:  map[string]string{"urls": "http://a", "user": "u", "password": "env"},
		},
		{
			name:  "spaces are part of a secret, the line's end is not",
			files: map[string]string{"key": " k \n"}, env: map[string]string{"STITCH_URL": "http://a", "STITCH_API_KEY_FILE": "key"},
			want: map[string]string{"urls": "http://a", "key": " k "},
		},
		{
			name: "paths from the file's own folder",
			files: map[string]string{
				"etc/stitch.toml": "url = 'http://a'\nusername = 'u'\npassword_file = 'pw'\nca_file = 'ca.pem'\nrules = ['r']",
				"etc/pw":          "secret", "etc/ca.pem": "PEM",
			},
			flags: connection{config: "etc/stitch.toml"},
			want:  map[string]string{"urls": "http://a", "user": "u", "password": "secret", "ca": "PEM", "rules": filepath.Join("etc", "r")},
		},
		{
			name:  "a user map from the file's own folder",
			files: map[string]string{"etc/stitch.toml": "url = 'http://a'\nusers = 'u.csv'"},
			flags: connection{config: "etc/stitch.toml"},
			want:  map[string]string{"urls": "http://a", "users": filepath.Join("etc", "u.csv")},
		},
		{
			name:  "a user map in an index",
			files: map[string]string{"etc/stitch.toml": "url = 'http://a'\nusers = 'index:people'"},
			flags: connection{config: "etc/stitch.toml"},
			want:  map[string]string{"urls": "http://a", "users": "index:people"},
		},
		{
			name: "a user map from the environment", env: map[string]string{"STITCH_URL": "http://a", "STITCH_USERS": "u.csv"},
			want: map[string]string{"urls": "http://a", "users": "u.csv"},
		},
		{
			name:  "the file that the environment names",
			files: map[string]string{"other.toml": "url = 'http://other'", "stitch.toml": "url = 'http://stitch'"},
			env:   map[string]string{"STITCH_CONFIG": "other.toml"},
			want:  map[string]string{"urls": "http://other"},
		},
		{
			name:  "an empty variable is none",
			files: map[string]string{"stitch.toml": "url = 'http://stitch'"},
			env:   map[string]string{"STITCH_CONFIG": "", "STITCH_URL": ""},
			want:  map[string]string{"urls": "http://stitch"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inFolder(t, tt.files)
			got, err := configured(t, tt.flags, tt.env)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestWrongConfiguration(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		env   map[string]string
		args  []string
		want  string
	}{
		{name: "no such file", args: []string{"--config", "none.toml"}, want: "read the configuration file: open none.toml"},
		{name: "no such file in the environment", env: map[string]string{"STITCH_CONFIG": "none.toml"}, want: "open none.toml"},
		{name: "a secret without quotes", files: map[string]string{"stitch.toml": "url = 'http://h'\npassword = toosecret\n"},
			want: "stitch.toml:2: not TOML at or after password; a string needs quotes"},
		{name: "a secret in open quotes", files: map[string]string{"stitch.toml": "api_key = 'toosecret\n"}, want: "stitch.toml:1: not TOML"},
		{name: "a secret twice", files: map[string]string{"stitch.toml": "password = 'toosecret'\npassword = 'toosecret'\n"}, want: "stitch.toml:2: not TOML"},
		{name: "a secret in a table", files: map[string]string{"stitch.toml": "[password]\ntoosecret = 1\n"}, want: "password must be a string"},
		{name: "a number", files: map[string]string{"stitch.toml": "username = 17\n"}, want: "stitch.toml: username must be a string"},
		{name: "a list", files: map[string]string{"stitch.toml": "username = ['a', 'b']\n"}, want: "username must be a string"},
		{name: "a list of numbers", files: map[string]string{"stitch.toml": "url = [1]\n"}, want: "url must be a string or a list of strings"},
		{name: "all problems", files: map[string]string{"stitch.toml": "url = 1\nusername = 2\n"}, want: "url must be a string or a list of strings\nstitch.toml: username must"},
		{name: "nearly a key", files: map[string]string{"stitch.toml": "user_name = 'u'\n"}, want: "unknown key user_name; did you mean username?"},
		{name: "no key at all", files: map[string]string{"stitch.toml": "xyzzy = 1\n"}, want: "unknown key xyzzy; there are url, username"},
		{name: "a retention without a unit", env: map[string]string{"STITCH_STATE_RETENTION": "30"}, want: `state_retention: "30" is not a duration`},
		{name: "a short retention of alerts", env: map[string]string{"STITCH_ALERT_RETENTION": "7d"}, want: "alert_retention must be at least 30d, not 7d, or none, to keep alerts for ever"},
		{name: "a retention of alerts that is no time", env: map[string]string{"STITCH_ALERT_RETENTION": "a year"}, want: `alert_retention: "a year" is not a duration`},
		{name: "a short retention", files: map[string]string{"stitch.toml": "state_retention = '23h'"}, want: "state_retention must be at least 1d, not 23h"},
		{name: "no such password file", env: map[string]string{"STITCH_PASSWORD_FILE": "none"}, want: "read what STITCH_PASSWORD_FILE names: open none"},
		{name: "no such key file", files: map[string]string{"stitch.toml": "api_key_file = 'none'"}, want: "read what stitch.toml: api_key_file names: open none"},
		{name: "empty password file", files: map[string]string{"pw": "\n"}, env: map[string]string{"STITCH_PASSWORD_FILE": "pw"}, want: "pw is empty"},
		{name: "password and its file", env: map[string]string{"STITCH_PASSWORD": "toosecret", "STITCH_PASSWORD_FILE": "pw"},
			want: "both STITCH_PASSWORD and STITCH_PASSWORD_FILE are given"},
		{name: "user and key", env: map[string]string{"STITCH_USERNAME": "u", "STITCH_PASSWORD": "toosecret", "STITCH_API_KEY": "toosecret"},
			want: "both a user and an API key are given: give one of them"},
		{name: "user in the URL and key", env: map[string]string{"STITCH_API_KEY": "toosecret"}, args: []string{"--url", "http://u:toosecret@127.0.0.1:1"},
			want: "both a user and an API key are given"},
		{name: "password alone", env: map[string]string{"STITCH_PASSWORD": "toosecret"}, want: "go together"},
		{name: "no such CA file", args: []string{"--ca-file", "none"}, want: "read the CA file: open none"},
		{name: "empty CA file", files: map[string]string{"ca": ""}, args: []string{"--ca-file", "ca"}, want: "the CA file ca is empty"},
		{name: "CA file without a certificate", files: map[string]string{"ca": "toosecret"}, args: []string{"--url", "https://127.0.0.1:1", "--ca-file", "ca"}, want: "the CA file holds no certificate"},
		{name: "CA file and no encryption", files: map[string]string{"ca": "toosecret"}, args: []string{"--ca-file", "ca"}, want: "URL 1 (127.0.0.1:1) is not encrypted, and an authority's certificate is given: write https"},
		{name: "CA file and fingerprint", files: map[string]string{"ca": "x"}, env: map[string]string{"STITCH_CA_FINGERPRINT": "00"},
			args: []string{"--url", "https://127.0.0.1:1", "--ca-file", "ca"}, want: "both the authority's certificate and its fingerprint are given"},
		{name: "fingerprint and no encryption", env: map[string]string{"STITCH_CA_FINGERPRINT": "00"}, want: "is not encrypted, and an authority's fingerprint is given"},
		{name: "half a fingerprint", env: map[string]string{"STITCH_CA_FINGERPRINT": "00:11"}, args: []string{"--url", "https://127.0.0.1:1"}, want: "want 64 hexadecimal digits"},
		{name: "certificate without a key", env: map[string]string{"STITCH_CLIENT_CERT_FILE": "x"}, want: "client_cert_file and client_key_file go together"},
		{name: "no such certificate", files: map[string]string{"stitch.toml": "client_cert_file = 'x'\nclient_key_file = 'y'"}, want: "read the client certificate x and its key y: open x"},
		{name: "key that is none", files: map[string]string{"x": "toosecret", "y": "toosecret"}, env: map[string]string{"STITCH_CLIENT_CERT_FILE": "x", "STITCH_CLIENT_KEY_FILE": "y"},
			want: "read the client certificate x and its key y: tls: failed to find any PEM data"},
		{name: "another AWS service", env: map[string]string{"STITCH_AWS_SIGN": "s3", "STITCH_AWS_REGION": "r"}, want: `aws_sign must be es (a domain of OpenSearch Service) or aoss (OpenSearch Serverless), not "s3"`},
		{name: "region and no signature", env: map[string]string{"STITCH_AWS_REGION": "r"}, want: "aws_region is given, and requests are not to be signed"},
		{name: "signature and key", env: map[string]string{"STITCH_AWS_SIGN": "es", "STITCH_AWS_REGION": "r", "STITCH_API_KEY": "toosecret"},
			args: []string{"--url", "https://127.0.0.1:1"}, want: "requests are to be signed, and a user or an API key is given"},
		{name: "signature and no encryption", env: map[string]string{"STITCH_AWS_SIGN": "es", "STITCH_AWS_REGION": "r"}, want: "is not encrypted, and a signature of AWS is given"},
		{name: "no URL", args: []string{"--url", "u:toosecret@127.0.0.1"}, want: "want http://HOST:PORT or https://HOST:PORT"},
		{name: "quote in the URL", args: []string{"--url", `http://u:toosecret"@127.0.0.1`}, want: "want http://HOST:PORT or https://HOST:PORT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inFolder(t, tt.files)
			args := tt.args
			if len(args) == 0 || args[0] != "--url" {
				args = append(args, "--url", "http://127.0.0.1:1")
			}
			for _, command := range []string{"bootstrap", "once", "run"} {
				r := call{env: tt.env}.run(t, append([]string{command}, args...)...)
				r.want(t, exitUsage, "", tt.want)
				if strings.Contains(r.err, "toosecret") {
					t.Errorf("it tells the secret: %s", r.err)
				}
			}
		})
	}
}
