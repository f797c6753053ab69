package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules/doctor"
)

type doctorFlags struct {
	connection
	data, rules, ids []string
	last             time.Duration
	at, output       string
}

func doctorCommand(s streams) *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [RULE...]",
		Short: "Say whether the rules can fire on the data there is, and if not, why",
		Long: `Looks at what feeds each rule, or those with the ids RULE: for each source of each
stage which indices there are, how many documents of the last day each further
condition leaves, which fields fill the columns that the rule needs and how they
are indexed, how late events come, and what the user may not do. Then it says
of each rule that it can fire, or that it cannot, why, and what to do.

It looks into a cluster or, with --data, into NDJSON files as stitch replay takes
them. It writes nothing. A rule that had no event lately can fire for all that.

` + connectionHelp + "\n\n" + exitHelp + `

A rule that cannot fire is a problem (1).`,
		Example: `  stitch doctor --url https://localhost:9200
  stitch doctor 571ff456-aa7f-4e48-8a88-39698bb5418f --last 168h
  stitch doctor --data day.ndjson.gz --output json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.ids = args
			return examine(cmd.Context(), s, f)
		},
	}
	f.connection.flags(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.data, "data", nil, "NDJSON file instead of a cluster, plain or gzipped, or - for stdin, repeatable")
	rulesFlag(cmd, &f.rules)
	flags.DurationVar(&f.last, "last", 24*time.Hour, "how far to look back")
	flags.StringVar(&f.at, "at", "", "look back from this time, like 2024-02-22T08:00:00Z (default now, or the end of the data)")
	flags.StringVar(&f.output, "output", "text", "text or json")
	return cmd
}

func examine(ctx context.Context, s streams, f doctorFlags) error {
	if f.output != "text" && f.output != "json" {
		return usage("--output must be text or json, not %q", f.output)
	}
	if f.last < time.Minute {
		return usage("--last must be a minute at least, not %v", f.last)
	}
	at, err := parseTime("--at", f.at)
	if err != nil {
		return err
	}
	look := f.cluster
	if len(f.data) > 0 {
		look = f.files
	}
	report, err := look(ctx, s, doctor.Options{At: at, Last: f.last})
	if err != nil {
		return err
	}
	if f.output == "json" {
		if err := writeJSON(s.out, report); err != nil {
			return err
		}
	} else {
		(&chart{out: s.out, report: report}).write()
	}
	if !report.Fires() {
		return &exitError{code: exitProblems} // the report says why
	}
	return nil
}

// files looks into NDJSON files, every document of which has arrived.
func (f *doctorFlags) files(ctx context.Context, s streams, o doctor.Options) (*doctor.Report, error) {
	if len(f.urls) > 0 {
		return nil, usage("--data and --url exclude each other: name files or a cluster")
	}
	paths := f.rules
	if len(paths) == 0 {
		paths = sources{environment{s.env}}.first("rules")
	}
	set, err := loadRules(paths, f.ids)
	if err != nil {
		return nil, err
	}
	p := newPast()
	// What a replay hides until it arrives is all there.
	p.documents = memory.New(memory.Options{Now: func() time.Time { return o.At }})
	if err := p.load(f.data, s.in); err != nil {
		return nil, err
	}
	if _, end, ok := p.span(); o.At.IsZero() && ok {
		o.At = end
	}
	if o.At.IsZero() {
		return nil, &exitError{exitProblems, errors.New("no document has a usable @timestamp; say when to look with --at")}
	}
	return doctor.Examine(ctx, p.documents, doctor.Embedded(p.documents), set.Rules, o)
}

// cluster looks into a cluster.
func (f *doctorFlags) cluster(ctx context.Context, s streams, o doctor.Options) (*doctor.Report, error) {
	settings, err := f.settings(s)
	if err != nil {
		return nil, err
	}
	paths := f.rules
	if len(paths) == 0 {
		paths = settings.rules
	}
	set, err := loadRules(paths, f.ids)
	if err != nil {
		return nil, err
	}
	c, err := esq.Open(ctx, settings.cluster)
	if err != nil {
		return nil, openError(ctx, err)
	}
	if o.At.IsZero() {
		o.At, o.Clock = time.Now(), time.Now
	}
	o.Own = ownIndices(mappings.Names{})
	report, err := doctor.Examine(ctx, c, doctor.Cluster(c, c, c.Product()), set.Rules, o)
	if err != nil {
		return nil, err
	}
	if err := mappings.Check(ctx, c, mappings.Names{}); err != nil {
		report.Notes = append(report.Notes, err.Error())
	}
	return report, nil
}

// ownIndices are stitch's own indices and what a run does there.
func ownIndices(names mappings.Names) []doctor.OwnIndex {
	return []doctor.OwnIndex{
		{Name: names.State(), Missing: []string{"read", "write", "view_index_metadata"}},
		{Name: names.AlertPattern(), Missing: []string{"read", "write", "auto_configure"}},
		{Name: names.RunPattern(), Missing: []string{"write", "auto_configure"}},
	}
}

var _ doctor.Engine = (*esq.Cluster)(nil)
var _ doctor.Engine = (*memory.Engine)(nil)

// named is a rule in one line.
func named(r doctor.RuleFinding) string { return printable(r.Name) + " (" + printable(r.ID) + ")" }
