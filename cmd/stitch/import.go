package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/elastic"
)

func importCommand(s streams) *cobra.Command {
	var out, output string
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Take over Elastic detection rules, and say which run here",
		Long: `Reads Elastic's detection rules, as TOML files of the public repository or as an
NDJSON file exported from Kibana, and says of each whether stitch can run it,
and if not, what is missing. With --out, every rule that runs is written there
as a TOML file of its own; nothing is written over.

Exits 0 if every rule runs, 1 if some do not.`,
		Example: `  stitch import rules_export.ndjson
  stitch import --out my-rules/ rules_export.ndjson
  stitch import --output json detection-rules/rules/integrations/o365/*.toml`,
		RunE: func(_ *cobra.Command, files []string) error {
			if output != "text" && output != "json" {
				return usage("--output must be text or json, not %q", output)
			}
			if len(files) == 0 {
				return usage("name rule files (.toml) or exports (.ndjson)")
			}
			if names := missing(files); len(names) > 0 {
				return usage("cannot find %s", quotedList(names))
			}
			return importRules(s, files, out, output == "json")
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "folder to write the rules that run to")
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}

// imported is what became of one rule.
type imported struct {
	From    string   `json:"from"` // file, and line of an export
	ID      string   `json:"rule_id,omitempty"`
	Name    string   `json:"name,omitempty"`
	Runs    bool     `json:"runs"`
	Missing []string `json:"missing,omitempty"` // why it does not run
	File    string   `json:"file,omitempty"`    // where it was written

	text string
}

func importRules(s streams, files []string, out string, asJSON bool) error {
	var all []imported
	for _, name := range files {
		read, err := readImports(name)
		if err != nil {
			return &exitError{exitProblems, fmt.Errorf("import %s: %w", name, err)}
		}
		all = append(all, read...)
	}
	try, err := os.MkdirTemp("", "stitch-import-")
	if err != nil {
		return fmt.Errorf("make a folder to try rules in: %w", err)
	}
	defer os.RemoveAll(try)
	refused := 0
	for i := range all {
		if err := all[i].check(filepath.Join(try, "rule.toml")); err != nil {
			return err
		}
		if !all[i].Runs {
			refused++
		} else if out != "" {
			if err := all[i].write(out); err != nil {
				return err
			}
		}
	}
	if err := showImports(s, all, refused, asJSON); err != nil {
		return err
	}
	if refused > 0 {
		return &exitError{code: exitProblems}
	}
	return nil
}

func readImports(name string) ([]imported, error) {
	if filepath.Ext(name) == ".toml" {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		return []imported{{From: name, text: string(text)}}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, _, err := elastic.Read(f, rules.KeyOrder())
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("no rule in it; export rules from Kibana, or name .toml files")
	}
	all := make([]imported, len(list))
	for i, r := range list {
		all[i] = imported{From: fmt.Sprintf("%s:%d", name, r.Line), ID: r.ID, Name: r.Name, text: r.TOML}
	}
	return all, nil
}

// check loads the rule by itself; file is where to put it for that.
func (r *imported) check(file string) error {
	if err := os.WriteFile(file, []byte(r.text), 0o600); err != nil {
		return fmt.Errorf("try %s: %w", r.From, err)
	}
	set, err := rules.Load([]string{file})
	var problems rules.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			if r.Name == "" {
				r.Name = p.Rule
			}
			r.Missing = append(r.Missing, p.What)
		}
		return nil
	} else if err != nil {
		return fmt.Errorf("try %s: %w", r.From, err)
	}
	r.Runs = true
	for _, rule := range set.Rules { // none if enabled = false
		r.ID, r.Name = rule.ID, rule.Name
	}
	return nil
}

var notInFileName = regexp.MustCompile(`[^a-z0-9]+`)

// write puts the rule into a file of the folder, named by the rule's name and
// the beginning of its id.
func (r *imported) write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", folder, err)
	}
	words := strings.Trim(notInFileName.ReplaceAllString(strings.ToLower(r.Name), "_"), "_")
	id := strings.Trim(notInFileName.ReplaceAllString(strings.ToLower(r.ID), ""), "_")
	r.File = filepath.Join(folder, strings.Trim(words[:min(len(words), 80)]+"_"+id[:min(len(id), 8)], "_")+".toml")
	f, err := os.OpenFile(r.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return &exitError{exitProblems, fmt.Errorf("%s is there already; remove it or choose another --out", r.File)}
	} else if err != nil {
		return fmt.Errorf("write rule %s: %w", r.ID, err)
	}
	_, err = f.WriteString(r.text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write rule %s: %w", r.ID, err)
	}
	return nil
}

func showImports(s streams, all []imported, refused int, asJSON bool) error {
	if asJSON {
		return writeJSON(s.out, all)
	}
	for _, r := range all {
		name := r.Name
		if name == "" {
			name = r.From
		}
		if r.Runs {
			fmt.Fprintf(s.out, "runs          %s\n", printable(name))
			continue
		}
		fmt.Fprintf(s.out, "does not run  %s (%s)\n", printable(name), printable(r.From))
		for _, m := range r.Missing {
			fmt.Fprintf(s.out, "              %s\n", printable(m))
		}
	}
	fmt.Fprintf(s.out, "%s: %d run, %d do not\n", count(len(all), "rule"), len(all)-refused, refused)
	return nil
}
