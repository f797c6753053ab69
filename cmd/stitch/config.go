package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq"
)

// configFile is what stitch.toml says. Every key can also come from the
// environment, as STITCH_ and its name in capitals.
type configFile struct {
	URL          any      `toml:"url"` // one, or a list
	Username     string   `toml:"username"`
	Password     string   `toml:"password"`
	PasswordFile string   `toml:"password_file"`
	APIKey       string   `toml:"api_key"`
	APIKeyFile   string   `toml:"api_key_file"`
	CAFile       string   `toml:"ca_file"`
	Rules        []string `toml:"rules"`
}

// connection is the flags that say where the cluster is. Secrets have no
// flags: a command line can be read by everyone on the machine.
type connection struct {
	config string
	urls   []string
	caFile string
}

func (c *connection) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.config, "config", "", "configuration file (default stitch.toml, if there is one)")
	cmd.Flags().StringSliceVar(&c.urls, "url", nil, "the cluster's URL, or several (default STITCH_URL)")
	cmd.Flags().StringVar(&c.caFile, "ca-file", "", "PEM file of the authority that signed the cluster's certificate (default STITCH_CA_FILE)")
}

// settings is flags, environment and file together; the former win.
type settings struct {
	cluster esq.Config
	rules   []string
}

func (c *connection) settings(s streams) (settings, error) {
	file, err := c.readFile(s)
	if err != nil {
		return settings{}, err
	}
	pick := func(name, fromFile string) string {
		if v, ok := s.env("STITCH_" + name); ok && v != "" {
			return v
		}
		return fromFile
	}
	out := settings{rules: file.Rules}
	if out.cluster.URLs, err = c.urlsOf(pick("URL", ""), file.URL); err != nil {
		return settings{}, err
	}
	out.cluster.Username = pick("USERNAME", file.Username)
	if out.cluster.Password, err = secret(pick("PASSWORD", file.Password), pick("PASSWORD_FILE", file.PasswordFile)); err != nil {
		return settings{}, err
	}
	if out.cluster.APIKey, err = secret(pick("API_KEY", file.APIKey), pick("API_KEY_FILE", file.APIKeyFile)); err != nil {
		return settings{}, err
	}
	caFile := c.caFile
	if caFile == "" {
		caFile = pick("CA_FILE", file.CAFile)
	}
	if caFile != "" {
		if out.cluster.CACert, err = os.ReadFile(caFile); err != nil {
			return settings{}, usage("read the CA file: %w", err)
		}
	}
	out.cluster.UserAgent = "stitch/" + version()
	return out, nil
}

func (c *connection) urlsOf(environment string, fromFile any) ([]string, error) {
	if len(c.urls) > 0 {
		return c.urls, nil
	}
	if environment != "" {
		return strings.Split(environment, ","), nil
	}
	switch v := fromFile.(type) {
	case nil:
	case string:
		return []string{v}, nil
	case []any:
		var urls []string
		for _, x := range v {
			url, ok := x.(string)
			if !ok {
				return nil, usage("url in the configuration file must be a string or a list of strings")
			}
			urls = append(urls, url)
		}
		return urls, nil
	default:
		return nil, usage("url in the configuration file must be a string or a list of strings")
	}
	return nil, usage("no cluster named; use --url, STITCH_URL, or url = \"...\" in stitch.toml")
}

// readFile reads the configuration file. The default one need not be there.
func (c *connection) readFile(s streams) (configFile, error) {
	var file configFile
	name, asked := c.config, c.config != ""
	if !asked {
		if name, asked = s.env("STITCH_CONFIG"); !asked {
			name = "stitch.toml"
		}
	}
	meta, err := toml.DecodeFile(name, &file)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return configFile{}, nil
	}
	if err != nil {
		return configFile{}, usage("read the configuration file %s: %w", name, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		names := make([]string, len(unknown))
		for i, key := range unknown {
			names[i] = key.String()
		}
		slices.Sort(names)
		return configFile{}, usage("%s: unknown key %s; there are url, username, password, password_file, api_key, api_key_file, ca_file, rules",
			name, strings.Join(names, ", "))
	}
	return file, nil
}

// secret is a value, or what the named file holds.
func secret(value, file string) (string, error) {
	if value != "" || file == "" {
		return value, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", &exitError{exitUsage, fmt.Errorf("read a secret: %w", err)}
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}
