package docs

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/stitchdetect/stitch/cmd/stitch/demo"
)

// reasons are why a block may not be run here, and what it needs.
func reasons() []string {
	return []string{
		"docker", "systemd", "kubernetes", "network", "Kibana", // none of them is there in a test
		"the whole test suite",                          // which this is a part of
		"a cluster with ILM", "a cluster with security", // test/security has the latter
	}
}

// TestPages runs every page.
func TestPages(t *testing.T) {
	program := build(t)
	for _, page := range pages(t) {
		blocks, _ := blocksOf(page, read(t, page))
		t.Run(page, func(t *testing.T) {
			for _, b := range blocks {
				checkForm(t, b)
			}
			if !needsCluster(page, blocks) {
				runPage(t, page, blocks, program, nil)
			}
		})
	}
}

// checkForm checks what can be said of a block without running it.
func checkForm(t *testing.T, b block) {
	t.Helper()
	switch b.lang {
	case "sh", "console", "toml", "json", "http", "yaml":
	case "text":
		for line := range strings.SplitSeq(b.text, "\n") {
			if strings.HasPrefix(line, "$ ") || strings.HasPrefix(line, "stitch ") {
				t.Errorf("%s: %q is a command: in a console or sh block it is run", b, line)
			}
		}
	default:
		t.Errorf("%s: a block of the kind %q: say console, sh, toml, json, yaml, http or text", b, b.lang)
	}
	if b.notRun != "" {
		t.Logf("%s: not run: %s", b, b.notRun)
		if !slices.Contains(reasons(), b.notRun) {
			t.Errorf("%s: %q is no reason not to run it; there are %q", b, b.notRun, reasons())
		}
	}
	var tree any
	if b.lang == "yaml" && yaml.UnmarshalStrict([]byte(b.text), &tree) != nil {
		t.Errorf("%s: not YAML", b)
	}
	if b.lang == "json" {
		for values := json.NewDecoder(strings.NewReader(b.text)); ; {
			var value any
			if err := values.Decode(&value); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: not JSON: %v", b, err)
				break
			}
		}
	}
}

func needsCluster(page string, blocks []block) bool {
	if text, err := os.ReadFile(filepath.Join(given(page), "setup.sh")); err == nil && strings.Contains(string(text), "localhost:9200") {
		return true
	}
	return slices.ContainsFunc(blocks, func(b block) bool {
		return b.runs() && strings.Contains(b.text, "localhost:9200") || b.lang == "http" && b.notRun == ""
	})
}

// runPage runs the blocks of a page in a folder of their own. The environment
// is the page's, and added what else is needed.
func runPage(t *testing.T, page string, blocks []block, program string, c *cluster) {
	t.Helper()
	s := newShell(t, page, program, c)
	defer s.end(t)
	if text, err := os.ReadFile(filepath.Join(s.folder, "setup.sh")); err == nil {
		s.script(t, block{page: page + ", setup", lang: "sh", line: 1, text: string(text)})
	}
	for _, b := range blocks {
		switch {
		case b.notRun != "":
		case b.lang == "console":
			s.console(t, b)
		case b.lang == "sh":
			s.script(t, b)
		case b.lang == "toml":
			s.write(t, b)
		case b.lang == "http":
			c.ask(t, b)
		}
		if t.Failed() {
			return // what follows rests on it
		}
	}
}

// given is the folder of what is there before the page begins.
func given(page string) string {
	name := strings.TrimSuffix(strings.TrimPrefix(page, "docs/"), ".md")
	switch name {
	case "metrics", "notifications", "page", "triage":
		name = "one-alert"
	}
	return filepath.Join("testdata", name)
}

func newShell(t *testing.T, page, program string, c *cluster) *shell {
	t.Helper()
	checkout, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	s := &shell{folder: t.TempDir(), checkout: checkout}
	if _, err := os.Stat(given(page)); err == nil {
		if err := os.CopyFS(s.folder, os.DirFS(given(page))); err != nil {
			t.Fatal(err)
		}
	}
	// A day of documents, where a page speaks of an audit log.
	for _, name := range []string{"audit.ndjson", "day.ndjson"} {
		if _, err := os.Stat(filepath.Join(s.folder, name)); err == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(s.folder, name), demo.Day(time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	aside := t.TempDir()
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "STITCH_") {
			s.env = append(s.env, variable)
		}
	}
	s.env = append(s.env, "PATH="+filepath.Dir(program)+string(filepath.ListSeparator)+os.Getenv("PATH"),
		"GOBIN="+aside, "DOCS_ENV="+filepath.Join(aside, "exported"), "TZ=UTC", "LC_ALL=C.UTF-8")
	listen := freeAddress(t)
	s.env = append(s.env, "STITCH_LISTEN="+listen)
	s.rewritten = []string{"127.0.0.1:9464", listen, "localhost:9464", listen, "/run/secrets/", secrets(t) + "/"}
	if c != nil {
		if strings.Contains(read(t, page), "https://localhost:9200") {
			s.env = append(s.env, "STITCH_CA_FILE="+c.authority, "CURL_CA_BUNDLE="+c.authority)
		}
		s.rewritten = append(s.rewritten, "https://localhost:9200", c.secure, "http://localhost:9200", c.plain)
	}
	return s
}

// secrets is a folder of what pages expect below /run/secrets.
func secrets(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"stitch":         "secret",
		"stitch-chat":    "ntfy://ntfy.sh/topic",
		"stitch-webhook": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// freeAddress is where nobody listens, in the place of stitch's own address,
// where another test may.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// build makes the program as its users have it.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stitch")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/stitchdetect/stitch/cmd/stitch").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return path
}
