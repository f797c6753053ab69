package docs

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestKeys holds the pages that describe files to the schemas of these: every
// key that a file may have stands there as inline code.
func TestKeys(t *testing.T) {
	for page, schema := range map[string]string{
		"docs/rules.md":         "rule",
		"docs/views.md":         "view",
		"docs/rule-tests.md":    "test",
		"docs/exceptions.md":    "exceptions",
		"docs/notifications.md": "notifications",
	} {
		var tree any
		if err := json.Unmarshal([]byte(read(t, "docs/schema/"+schema+".json")), &tree); err != nil {
			t.Fatal(err)
		}
		keys := map[string]bool{}
		addKeys(keys, tree)
		if len(keys) < 6 {
			t.Errorf("the schema %s has the keys %v only", schema, keys)
		}
		named := codeWords(read(t, page))
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			if !named[key] {
				t.Errorf("%s does not name %s", page, key)
			}
		}
	}
}

// addKeys adds the keys that a JSON Schema knows, at any depth.
func addKeys(keys map[string]bool, schema any) {
	switch schema := schema.(type) {
	case map[string]any:
		for name, inner := range schema {
			if properties, ok := inner.(map[string]any); ok && name == "properties" {
				for key, property := range properties {
					keys[key] = true
					addKeys(keys, property)
				}
			} else {
				addKeys(keys, inner)
			}
		}
	case []any:
		for _, inner := range schema {
			addKeys(keys, inner)
		}
	}
}

// codeWords are the words of a page's inline code, split at what no name has.
func codeWords(text string) map[string]bool {
	_, prose := blocksOf("", text)
	out := map[string]bool{}
	for _, code := range inlineCode.FindAllString(prose, -1) {
		for _, word := range strings.FieldsFunc(code, func(r rune) bool { return strings.ContainsRune("` =[]\"',(){}", r) }) {
			out[word] = true
		}
	}
	return out
}

// TestMessages holds the table of messages in docs/operate.md to the program's
// text: what stands in its first column is somewhere in it.
func TestMessages(t *testing.T) {
	_, table, found := strings.Cut(read(t, "docs/operate.md"), "\n| message |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(table, -1)
	if !found || len(rows) < 10 {
		t.Fatalf("docs/operate.md has %d messages", len(rows))
	}
	source := programText(t)
	for _, row := range rows {
		if !strings.Contains(source, row[1]) {
			t.Errorf("docs/operate.md explains %q, which the program never says", row[1])
		}
	}
}

// programText is the program's own Go files, one after the other.
func programText(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "test" || d.Name() == ".git"):
			return filepath.SkipDir
		case filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// TestAlertFields holds docs/alert.md to the mappings of the alert document.
func TestAlertFields(t *testing.T) {
	var template struct {
		Mappings map[string]any `json:"mappings"`
	}
	if err := json.Unmarshal([]byte(read(t, "mappings/alerts.json")), &template); err != nil {
		t.Fatal(err)
	}
	named := codeWords(read(t, "docs/alert.md"))
	fields := leaves("", template.Mappings)
	if len(fields) < 100 {
		t.Errorf("the mappings have the fields %q only", fields)
	}
	for _, field := range fields {
		if !named[field] {
			t.Errorf("docs/alert.md does not name %s", field)
		}
	}
}

// leaves are the fields of a mapping that hold values, by their whole names.
func leaves(name string, mapping map[string]any) []string {
	properties, inner := mapping["properties"].(map[string]any)
	if !inner {
		return []string{name}
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		whole := strings.TrimPrefix(name+"."+key, ".")
		out = append(out, leaves(whole, properties[key].(map[string]any))...)
	}
	return out
}

// commandHelp is what the program says of one of its commands.
type commandHelp struct {
	name  string // "stitch new rule"
	help  string
	flags []string // "--out"
}

var (
	subcommand = regexp.MustCompile(`(?m)^  (\w+) `)
	flagLine   = regexp.MustCompile(`(?m)^ +(?:-\w, |    )(--[\w-]+)`)
	variable   = regexp.MustCompile(`\bSTITCH_[A-Z_]*[A-Z]\b`)
)

// commandsBelow asks the program for its commands.
func commandsBelow(t *testing.T, program, name string) []commandHelp {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), program, append(strings.Fields(name)[1:], "--help")...).Output()
	if err != nil {
		t.Fatalf("%s --help: %v", name, err)
	}
	own := commandHelp{name: name, help: string(text)}
	_, flags, _ := strings.Cut(own.help, "\nFlags:\n")
	for _, found := range flagLine.FindAllStringSubmatch(flags, -1) {
		if found[1] != "--help" && found[1] != "--version" {
			own.flags = append(own.flags, found[1])
		}
	}
	out := []commandHelp{own}
	_, list, _ := strings.Cut(own.help, "\nAvailable Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	for _, found := range subcommand.FindAllStringSubmatch(list, -1) {
		if found[1] != "help" {
			out = append(out, commandsBelow(t, program, name+" "+found[1])...)
		}
	}
	return out
}

// configKeys asks the program which keys stitch.toml may have: it says so to
// whoever writes another.
func configKeys(t *testing.T, program string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stitch.toml")
	if err := os.WriteFile(file, []byte("zzzzzzzzzzzz = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "coverage", "--config", file).CombinedOutput()
	_, list, found := strings.Cut(strings.TrimSpace(string(out)), "there are ")
	if keys := strings.Split(list, ", "); err != nil && found && len(keys) > 10 {
		return keys
	}
	t.Fatalf("a wrong key is answered with %s (%v)", out, err)
	return nil
}

// TestCommands holds docs/commands.md and docs/configuration.md to the program:
// each command has its heading, each flag is named below it, on a page that is
// linked from there, or as a setting,
// and each environment variable and key of stitch.toml is a setting.
func TestCommands(t *testing.T) {
	page := read(t, "docs/commands.md")
	settings := codeWords(read(t, "docs/configuration.md"))
	program := build(t)
	commands := commandsBelow(t, program, "stitch")
	if len(commands) < 18 {
		t.Fatalf("the program says that its commands are %v", commands)
	}
	for _, key := range configKeys(t, program) {
		if !settings[key] {
			t.Errorf("docs/configuration.md does not name the key %s", key)
		}
	}
	for _, c := range commands[1:] {
		_, section, found := strings.Cut(page, "# "+c.name+"\n")
		if !found {
			t.Errorf("docs/commands.md has no heading %s", c.name)
			continue
		}
		section, _, _ = strings.Cut(section, "\n#")
		named := codeWords(section)
		for _, found := range link.FindAllStringSubmatch(section, -1) {
			if other, _, _ := strings.Cut(found[1], "#"); strings.HasSuffix(other, ".md") {
				maps.Copy(named, codeWords(read(t, "docs/"+other)))
			}
		}
		for _, flag := range c.flags {
			if !named[flag] && !settings[flag] {
				t.Errorf("docs/commands.md, %s: %s is not named, nor is it in docs/configuration.md", c.name, flag)
			}
		}
		for _, name := range variable.FindAllString(c.help, -1) {
			if !settings[name] {
				t.Errorf("docs/configuration.md does not name %s, of %s", name, c.name)
			}
			if key := strings.ToLower(strings.TrimPrefix(name, "STITCH_")); key != "config" && !settings[key] {
				t.Errorf("docs/configuration.md does not name the key %s, of %s", key, c.name)
			}
		}
	}
}
