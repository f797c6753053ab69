package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/format"
)

//go:embed new_rule.tmpl
var newRule string

//go:embed new_view.tmpl
var newView string

type newFlags struct {
	name, out, index, filter string
	stages                   []string
}

func newCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Start a rule or a view",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("say what: stitch new rule, or stitch new view")
		},
	}
	cmd.AddCommand(newRuleCommand(s), newViewCommand(s))
	return cmd
}

func newRuleCommand(s streams) *cobra.Command {
	var f newFlags
	cmd := &cobra.Command{
		Use:   "rule",
		Short: "Start a rule: a chain of events of views, joined on the person",
		Long: `Writes a rule that loads as it is: a chain of one stage for each view named, in
that order of time, joined on the person. What is not given by a flag is asked
for. Nothing is written over.`,
		Example: `  stitch new rule --name "Download, then USB" --stage download --stage file_write --out my-rules/usb.toml`,
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			ask := newInterview(s)
			ask.text(&f.name, "name", "What is the rule called")
			ask.list(&f.stages, "stage", "Views of its stages, first to last, with commas ("+strings.Join(shippedViews(), ", ")+")")
			ask.text(&f.out, "out", "File to write")
			if ask.err != nil {
				return ask.err
			}
			return f.writeRule(s)
		},
	}
	cmd.Flags().StringVar(&f.name, "name", "", "what the rule is called")
	cmd.Flags().StringArrayVar(&f.stages, "stage", nil, "view of a stage; once for each, first to last")
	cmd.Flags().StringVar(&f.out, "out", "", "file to write")
	return cmd
}

func newViewCommand(s streams) *cobra.Command {
	var f newFlags
	cmd := &cobra.Command{
		Use:   "view",
		Short: "Start a view: a kind of event, with one source",
		Long: `Writes a view that loads as it is, with one source. What is not given by a flag
is asked for. The file lies in a folder named views, beside or below the rules;
its name is the view's. Nothing is written over.`,
		Example: `  stitch new view --name "A logon" --index "logs-my_vpn-*" --filter "event.category:authentication" --out my-rules/views/logon.toml`,
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			ask := newInterview(s)
			ask.text(&f.name, "name", "What kind of event is it")
			ask.text(&f.index, "index", "Index or pattern that holds it")
			ask.text(&f.filter, "filter", "Which of the documents there, in kuery (* for all)")
			ask.text(&f.out, "out", "File to write, in a folder named views")
			if ask.err != nil {
				return ask.err
			}
			return f.writeView(s)
		},
	}
	cmd.Flags().StringVar(&f.name, "name", "", "what kind of event it is")
	cmd.Flags().StringVar(&f.index, "index", "", "index or pattern that holds it")
	cmd.Flags().StringVar(&f.filter, "filter", "", "which of the documents there, in kuery")
	cmd.Flags().StringVar(&f.out, "out", "", "file to write")
	return cmd
}

func (f *newFlags) writeRule(s streams) error {
	type stageOf struct{ ID, View, Above string }
	data := struct {
		ID, Name, Last string
		Stages         []stageOf
	}{ID: newUUID(), Name: f.name}
	for _, view := range f.stages {
		id, again := view, 2
		for taken := true; taken; again++ {
			taken = false
			for _, other := range data.Stages {
				taken = taken || other.ID == id
			}
			if taken {
				id = fmt.Sprintf("%s_%d", view, again)
			}
		}
		data.Stages = append(data.Stages, stageOf{id, view, data.Last})
		data.Last = id
	}
	return f.write(s, newRule, data)
}

func (f *newFlags) writeView(s streams) error {
	if filepath.Base(filepath.Dir(f.out)) != "views" {
		return usage("a view lies in a folder named views, so --out must be such as my-rules/views/%s", filepath.Base(f.out))
	}
	name := strings.TrimSuffix(filepath.Base(f.out), ".toml")
	return f.write(s, newView, map[string]string{"Description": f.name, "Source": name, "Index": f.index, "Filter": f.filter})
}

// write fills a template in, makes sure that it loads, and puts it there.
func (f *newFlags) write(s streams, text string, data any) error {
	if filepath.Ext(f.out) != ".toml" {
		return usage("--out must end in .toml, not %q", f.out)
	}
	var b bytes.Buffer
	page, err := template.New("").Funcs(template.FuncMap{"quote": tomlQuote}).Parse(text)
	if err == nil {
		err = page.Execute(&b, data)
	}
	if err != nil {
		return fmt.Errorf("fill in the template: %w", err)
	}
	out, err := format.Source(b.String(), rules.KeyOrder())
	if err != nil {
		return fmt.Errorf("fill in the template: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(f.out), 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	file, err := os.OpenFile(f.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return usage("%s is there already; choose another --out", f.out)
	} else if err != nil {
		return fmt.Errorf("write %s: %w", f.out, err)
	}
	_, err = io.WriteString(file, out)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.out, err)
	}
	if _, err := rules.Load([]string{f.out}); err != nil {
		return &exitError{exitProblems, fmt.Errorf("wrote %s, which does not load yet:\n%w", f.out, err)}
	}
	fmt.Fprintf(s.out, "wrote %s; next: say what you look for in it, then stitch check %s\n", f.out, filepath.Dir(f.out))
	return nil
}

// tomlQuote writes a text as a TOML string.
func tomlQuote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// newUUID is a random UUID (RFC 9562, version 4).
func newUUID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// shippedViews are the views that come with stitch.
func shippedViews() []string {
	files, _ := fs.Glob(rules.Shipped(), "views/*.toml") // the pattern is right
	for i, name := range files {
		files[i] = strings.TrimSuffix(path.Base(name), ".toml")
	}
	return files
}

// interview asks a person for what no flag has said.
type interview struct {
	s   streams
	in  *bufio.Reader
	err error // the first that could not be answered
}

func newInterview(s streams) *interview { return &interview{s: s, in: bufio.NewReader(s.in)} }

func (q *interview) text(into *string, flag, question string) {
	if *into != "" || q.err != nil {
		return
	}
	fmt.Fprintf(q.s.err, "%s: ", question)
	line, err := q.in.ReadString('\n')
	*into = strings.TrimSpace(line)
	if *into == "" {
		q.err = usage("no answer; give it with --%s", flag)
		if err != nil && !errors.Is(err, io.EOF) {
			q.err = fmt.Errorf("read the answer: %w", err)
		}
	}
}

func (q *interview) list(into *[]string, flag, question string) {
	if len(*into) > 0 {
		return
	}
	var line string
	q.text(&line, flag, question)
	*into = splitList(line, ",")
}
