package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/explain"
	"github.com/stitchdetect/stitch/scheduler"
)

type explainFlags struct {
	connection
	data, rules, whyNot []string
	at, why, output     string
	users               string
	family              string
	dsl                 bool

	time time.Time // at; zero if not given
}

func explainCommand(s streams) *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain [RULE]",
		Short: "Say how a rule is evaluated, why it did not fire, or what an alert rests on",
		Long: `Says how a rule is evaluated: its stages in the order in which they are asked, what
is asked of the engine and what is decided in stitch and why, and how each answer
narrows the next question. RULE is a rule's id, the beginning of one, its name or
its file.

  --dsl           the requests themselves, to be pasted into a console such as
                  Kibana's Dev Tools; with a cluster or files as they are sent
                  there, else with --family for one of that family
  --why-not       why the rule did not fire for somebody: of the chains that
                  nearly hold around --at, which conditions fail and by how much.
                  A name without a dot stands for all columns that begin with it
  --why           what an alert rests on, and the questions that find it again

It looks into a cluster (--url or the environment) or, with --data, into NDJSON
files as stitch replay takes them. It writes nothing.

` + connectionHelp + "\n\n" + exitHelp + `

That a rule did not fire is no problem; an alert that is not there is one.`,
		Example: `  stitch explain 8a30d849
  stitch explain my-rules/finance.toml --dsl --family opensearch
  stitch explain 8a30d849 --why-not user=jane@contoso.com --at 2024-02-22T08:00 --data day.ndjson
  stitch explain --why bf4f2c10ac28ba3f15da501f5f6c5adae1096f8e --url https://localhost:9200`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.explain(cmd.Context(), s, args)
		},
	}
	f.connection.flags(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.data, "data", nil, "NDJSON file instead of a cluster, plain or gzipped, or - for stdin, repeatable")
	rulesFlag(cmd, &f.rules)
	usersFlag(cmd, &f.users, " (default STITCH_USERS)")
	flags.BoolVar(&f.dsl, "dsl", false, "show the requests")
	flags.StringVar(&f.family, "family", "", "with --dsl and without a cluster: elasticsearch (the default) or opensearch")
	flags.StringArrayVar(&f.whyNot, "why-not", nil, "COLUMN=VALUE of whom it did not fire for, repeatable; needs --at")
	flags.StringVar(&f.at, "at", "", "the time in question, like 2024-02-22T08:00:00Z (of a plan: the time of the run; default now, or the end of the data)")
	flags.StringVar(&f.why, "why", "", "id of an alert")
	flags.StringVar(&f.output, "output", "text", "text or json")
	return cmd
}

func (f *explainFlags) explain(ctx context.Context, s streams, args []string) (err error) {
	if f.time, err = parseTime("--at", f.at); err != nil {
		return err
	}
	if f.output != "text" && f.output != "json" {
		return usage("--output must be text or json, not %q", f.output)
	}
	if len(f.data) > 0 && len(f.urls) > 0 {
		return usage("--data and --url exclude each other: name files or a cluster")
	}
	if f.family != "" && (!f.dsl || len(f.data) > 0 || len(f.urls) > 0) {
		return usage("--family goes with --dsl and without a cluster or files")
	}
	switch {
	case f.why != "" && (len(args) > 0 || len(f.whyNot) > 0 || f.dsl):
		return usage("--why stands alone: the alert names its rule")
	case f.why != "":
		return f.fired(ctx, s)
	case len(args) != 1:
		return usage("name one rule: its id, its name or its file")
	case len(f.whyNot) > 0 && f.dsl:
		return usage("--why-not and --dsl exclude each other")
	case len(f.whyNot) > 0:
		return f.notFired(ctx, s, args[0])
	}
	return f.plan(ctx, s, args[0])
}

// rule finds a rule by its file, its id, the beginning of that, or its name.
func (f *explainFlags) rule(paths []string, name string) (*rules.Rule, error) {
	if info, err := os.Stat(name); err == nil && !info.IsDir() {
		set, err := loadRules([]string{name}, nil)
		if err != nil {
			return nil, err
		}
		return set.Rules[0], nil
	}
	set, err := loadRules(paths, nil)
	if err != nil {
		return nil, err
	}
	var found []*rules.Rule
	for _, r := range set.Rules {
		if r.ID == name || r.Name == name {
			return r, nil
		}
		if strings.HasPrefix(r.ID, name) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return nil, usage("no rule %q; there are %s", name, strings.Join(set.IDs(), ", "))
	case 1:
		return found[0], nil
	}
	return nil, usage("%q is the beginning of %d ids; write more of it", name, len(found))
}

// paths are the rules to load, by flag, environment or configuration.
func (f *explainFlags) paths(s streams) ([]string, error) {
	if len(f.rules) > 0 {
		return f.rules, nil
	}
	file, err := f.readFile(s)
	if err != nil {
		return nil, err
	}
	return sources{environment{s.env}, file}.first("rules"), nil
}

// mapped returns a rule as it runs with the user map that is named, if any.
func (f *explainFlags) mapped(ctx context.Context, s streams, r *rules.Rule, eng esq.Searcher) (*rules.Rule, error) {
	users, err := f.userMap(ctx, s, eng)
	if err != nil || users == nil {
		return r, err
	}
	m, err := users(ctx, eng)
	if err != nil {
		return nil, usersError(err)
	}
	return r.With(m), nil
}

func (f *explainFlags) userMap(ctx context.Context, s streams, eng esq.Searcher) (scheduler.Users, error) {
	text := f.users
	if text == "" {
		file, err := f.readFile(s)
		if err != nil {
			return nil, err
		}
		text = sources{environment{s.env}, file}.one("users")
	}
	return openUsers(ctx, text, eng)
}

// engine opens the files or the cluster that are named.
func (f *explainFlags) engine(ctx context.Context, s streams) (esq.Searcher, error) {
	if len(f.data) > 0 {
		p, err := f.documents(s)
		if err != nil {
			return nil, err
		}
		return p.documents, nil
	}
	return f.connect(ctx, s)
}

// documents reads NDJSON files, every document of which has arrived.
func (f *explainFlags) documents(s streams) (*past, error) {
	p := newPast()
	p.documents = memory.New(memory.Options{Now: func() time.Time { return f.time }})
	if err := p.load(f.data, s.in); err != nil {
		return nil, err
	}
	p.Searcher = p.documents
	return p, nil
}

// assumed answers for the fields of indices that nobody named: as the usual
// templates of log indices have them.
func (f *explainFlags) assumed() (explain.Fields, esq.Console, error) {
	product := f.family
	if product == "" {
		product = esq.Elasticsearch
	}
	console, err := esq.NewConsole(product)
	if err != nil {
		return explain.Fields{}, console, usage("--family: %w", err)
	}
	templates := memory.ECS().Rules
	kind := func(field string) string {
		for _, r := range templates {
			same, _ := path.Match(r.Field, field)
			switch {
			case r.Type == memory.Flattened && strings.HasPrefix(field, r.Field+".") && product == esq.OpenSearch:
				return "flat_object"
			case same || r.Type == memory.Flattened && strings.HasPrefix(field, r.Field+"."):
				return string(r.Type)
			}
		}
		return ""
	}
	return explain.Fields{Type: kind, Silent: console.Silent()}, console, nil
}

// named reports whether a cluster is named anywhere.
func (f *explainFlags) named(s streams) (bool, error) {
	file, err := f.readFile(s)
	if err != nil {
		return false, err
	}
	return len(f.urls) > 0 || len(sources{environment{s.env}, file}.first("url")) > 0, nil
}

// plan describes a rule, or shows its requests.
func (f *explainFlags) plan(ctx context.Context, s streams, name string) error {
	paths, err := f.paths(s)
	if err != nil {
		return err
	}
	r, err := f.rule(paths, name)
	if err != nil {
		return err
	}
	cluster, err := f.named(s)
	if err != nil {
		return err
	}
	eng, console, err := f.assumed()
	if err != nil {
		return err
	}
	var engine esq.Searcher = eng
	real := true
	switch {
	case len(f.data) > 0:
		p, err := f.documents(s)
		if err != nil {
			return err
		}
		if _, end, ok := p.span(); f.time.IsZero() && ok {
			f.time = end
		}
		engine = p.documents
	case cluster && f.family == "":
		c, err := f.connect(ctx, s)
		if err != nil {
			return err
		}
		engine, console = c, c.Console()
	default:
		real = false
	}
	if f.time.IsZero() {
		f.time = time.Now().UTC()
	}
	if real {
		if r, err = f.mapped(ctx, s, r, engine); err != nil {
			return err
		}
	}
	if f.dsl {
		ask := explain.Write
		if real {
			ask = explain.Ask
		}
		asked, err := ask(ctx, engine, console, r, f.time)
		if err != nil {
			return err
		}
		if f.output == "json" {
			return writeJSON(s.out, asked)
		}
		return writeRequests(s.out, asked)
	}
	plan, err := explain.Describe(ctx, engine, r, f.time, real)
	if err != nil {
		return err
	}
	if f.output == "json" {
		return writeJSON(s.out, plan)
	}
	(&account{out: s.out}).plan(plan)
	return nil
}

// fired answers --why.
func (f *explainFlags) fired(ctx context.Context, s streams) error {
	paths, err := f.paths(s)
	if err != nil {
		return err
	}
	set, err := loadRules(paths, nil)
	if err != nil {
		return err
	}
	engine, console, document, err := f.alert(ctx, s, set)
	if err != nil {
		return err
	}
	alert, err := explain.ReadAlert(document)
	if err != nil {
		return err
	}
	r := set.ByID(alert.Rule)
	if r == nil {
		return usage("the alert is of rule %s (%s), which is not loaded; name its file with --rules", alert.Rule, alert.Name)
	}
	if r, err = f.mapped(ctx, s, r, engine); err != nil {
		return err
	}
	ground, err := explain.Why(ctx, engine, console, r, alert)
	if err != nil {
		return err
	}
	if f.output == "json" {
		return writeJSON(s.out, ground)
	}
	return (&account{out: s.out}).ground(ground)
}

// alert finds the document of the alert: in the cluster, or by replaying all of
// the files.
func (f *explainFlags) alert(ctx context.Context, s streams, set *rules.Set) (esq.Searcher, esq.Console, json.RawMessage, error) {
	_, console, err := f.assumed()
	if err != nil {
		return nil, console, nil, err
	}
	var documents []json.RawMessage
	var engine esq.Searcher
	if len(f.data) > 0 {
		p := newPast()
		if err := p.load(f.data, s.in); err != nil {
			return nil, console, nil, err
		}
		from, to, ok := p.span()
		if !ok {
			return nil, console, nil, &exitError{exitProblems, errors.New("no document has a usable @timestamp")}
		}
		users, err := f.userMap(ctx, s, p)
		if err != nil {
			return nil, console, nil, err
		}
		s.err = io.Discard // what a replay says by the way is about other alerts too
		if documents, err = p.replay(ctx, set, users, from, to, s); err != nil {
			return nil, console, nil, err
		}
		engine = p.documents
	} else {
		c, err := f.connect(ctx, s)
		if err != nil {
			return nil, console, nil, err
		}
		engine, console = c, c.Console()
		found, err := c.Find(ctx, []string{mappings.Names{}.AlertPattern()}, esq.Term{Field: "kibana.alert.uuid", Value: esq.Str(f.why)}, 1)
		if err != nil {
			return nil, console, nil, err
		}
		for _, d := range found {
			documents = append(documents, d.Source)
		}
	}
	for _, d := range documents {
		if a, err := explain.ReadAlert(d); err == nil && a.ID == f.why {
			return engine, console, d, nil
		}
	}
	return nil, console, nil, &exitError{exitProblems, fmt.Errorf("no alert %q; an alert's id is its kibana.alert.uuid", f.why)}
}

// notFired answers --why-not.
func (f *explainFlags) notFired(ctx context.Context, s streams, name string) error {
	if f.time.IsZero() {
		return usage("say when with --at, like 2024-02-22T08:00:00Z")
	}
	q := explain.Question{At: f.time}
	for _, text := range f.whyNot {
		column, value, ok := strings.Cut(text, "=")
		if !ok || column == "" || value == "" {
			return usage("--why-not: %q is not COLUMN=VALUE, like user.email=jane@contoso.com", text)
		}
		q.Keys = append(q.Keys, rules.Sought{Name: column, Value: value})
	}
	paths, err := f.paths(s)
	if err != nil {
		return err
	}
	r, err := f.rule(paths, name)
	if err != nil {
		return err
	}
	engine, err := f.engine(ctx, s)
	if err != nil {
		return err
	}
	if r, err = f.mapped(ctx, s, r, engine); err != nil {
		return err
	}
	answer, err := explain.WhyNot(ctx, engine, r, q)
	var unknown *explain.UnknownKeyError
	if errors.As(err, &unknown) {
		return &exitError{exitUsage, err}
	}
	if err != nil {
		return err
	}
	if f.output == "json" {
		return writeJSON(s.out, answer)
	}
	(&account{out: s.out}).answer(answer)
	return nil
}
