package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/scheduler"
)

type coverageFlags struct {
	runFlags
	output  string
	rebuild bool
}

func coverageCommand(s streams) *cobra.Command {
	var f coverageFlags
	cmd := &cobra.Command{
		Use:   "coverage [RULE]",
		Short: "Say what has been searched, and what has not yet and why",
		Long: `Says for each rule, or the one with the id RULE, which arrival time has been
searched completely, which has not and why, what its sources brought in the
last day, and who holds the lease.

--rebuild gives a rule whose ledger is broken or gone a new one, which begins at
its oldest alert: without RULE, every such rule. All of that time is searched
again, and alerts that exist are found again, not doubled.

` + connectionHelp + "\n\n" + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return noArguments(cmd, args[1:])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.ids = args
			return coverage(cmd.Context(), s, f)
		},
	}
	f.connection.flags(cmd)
	rulesFlag(cmd, &f.rules)
	usersFlag(cmd, &f.users, " (default STITCH_USERS, or none)")
	cmd.Flags().StringVar(&f.output, "output", "text", "text or json")
	cmd.Flags().BoolVar(&f.rebuild, "rebuild", false, "give rules whose ledger cannot be used a new one")
	return cmd
}

func coverage(ctx context.Context, s streams, f coverageFlags) error {
	if f.output != "text" && f.output != "json" {
		return usage("--output must be text or json, not %q", f.output)
	}
	service, err := f.open(ctx, s, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	list, err := service.Coverage(ctx)
	if err == nil && f.rebuild {
		list, err = rebuild(ctx, s, service.Scheduler, list, len(f.ids) > 0)
	}
	if err != nil {
		return err
	}
	beat, err := service.Heartbeat(ctx)
	if err != nil {
		return err
	}
	lease, leaseErr := service.Lease(ctx)
	if f.output == "json" {
		err = writeCoverageJSON(s.out, list, lease, beat)
	} else {
		writeCoverage(s.out, list, lease, beat)
	}
	if err == nil {
		err = leaseErr
	}
	for _, c := range list {
		if err == nil && c.Err != nil {
			err = &exitError{code: exitProblems} // said with the rule
		}
	}
	return err
}

// rebuild gives new ledgers to the rules that need one, or were asked for.
func rebuild(ctx context.Context, s streams, sched *scheduler.Scheduler, list []scheduler.RuleCoverage, asked bool) ([]scheduler.RuleCoverage, error) {
	for _, c := range list {
		if c.Err == nil && !asked {
			continue
		}
		if err := sched.Rebuild(ctx, c.Rule); err != nil {
			return nil, err
		}
		fmt.Fprintf(s.err, "rebuilt the ledger of %s\n", printable(c.Rule.Name))
	}
	return sched.Coverage(ctx)
}

// writeCoverage says it for a person.
func writeCoverage(w io.Writer, list []scheduler.RuleCoverage, lease *scheduler.Lease, beat *scheduler.Heartbeat) {
	for _, c := range list {
		fmt.Fprintf(w, "%s\n", printable(c.Rule.Name))
		switch {
		case c.Err != nil:
			fmt.Fprintf(w, "  broken   %s\n", printable(strings.ReplaceAll(c.Err.Error(), "\n", "; ")))
			continue
		case c.Start.IsZero():
			fmt.Fprintf(w, "  not run  yet\n")
			continue
		}
		fmt.Fprintf(w, "  covered  %s until %s, next run %s\n", stamp(c.Start), stamp(c.CoveredUntil), stamp(c.Next))
		for _, h := range c.Holes {
			fmt.Fprintf(w, "  hole     %s until %s: %s\n", stamp(h.From), stamp(h.To), holeReason(h))
		}
		for _, p := range c.Pending {
			fmt.Fprintf(w, "  pending  alert %s, until what happens before %s has arrived\n", p.ID, stamp(p.Deadline))
		}
		if c.Refused != nil {
			fmt.Fprintf(w, "  pending  not known: %s\n", printable(c.Refused.Error()))
		}
		for _, src := range c.Sources {
			fmt.Fprintf(w, "  source   %s\n", printable(sourceLine(src)))
		}
	}
	switch {
	case lease == nil:
	case lease.Holder == "":
		fmt.Fprintf(w, "lease free, given back %s\n", stamp(lease.Renewed))
	default:
		fmt.Fprintf(w, "lease held by %s, token %d, renewed %s\n", printable(lease.Holder), lease.Token, stamp(lease.Renewed))
	}
	if beat != nil {
		fmt.Fprintf(w, "last heartbeat %s, of %s, running %d rules\n", stamp(beat.At), printable(beat.Holder), beat.Rules)
	}
}

func holeReason(h scheduler.Hole) string {
	if h.Attempts == 0 {
		return "not searched yet"
	}
	reason := printable(strings.ReplaceAll(h.Reason, "\n", "; "))
	return fmt.Sprintf("%s (tried %d times since %s)", reason, h.Attempts, stamp(h.Since))
}

func sourceLine(src scheduler.SourceCoverage) string {
	name := "stage " + src.Stage
	if src.View != "" {
		name += ", view " + src.View + ", source " + src.Source
	}
	switch {
	case src.NoIndex:
		return name + ": no index matches"
	case src.Late > 0:
		return fmt.Sprintf("%s: %d documents, %d of them later than the rule's lateness", name, src.Count, src.Late)
	}
	return fmt.Sprintf("%s: %d documents", name, src.Count)
}

// The shape of the JSON: times in UTC, what is not known left out.
type coverageJSON struct {
	Rules     []ruleCoverageJSON `json:"rules"`
	Lease     *leaseJSON         `json:"lease,omitempty"`
	Heartbeat *heartbeatJSON     `json:"heartbeat,omitempty"`
}

type ruleCoverageJSON struct {
	ID           string        `json:"id"`
	Name         string        `json:"name"`
	Error        string        `json:"error,omitempty"`
	Start        *time.Time    `json:"start,omitempty"`
	CoveredUntil *time.Time    `json:"covered_until,omitempty"`
	Next         *time.Time    `json:"next,omitempty"`
	Covered      []sliceJSON   `json:"covered"`
	Holes        []holeJSON    `json:"holes"`
	Pending      []pendingJSON `json:"pending"`
	Refused      string        `json:"refused,omitempty"` // why pending is not known
	Sources      []sourceJSON  `json:"sources"`
}

type pendingJSON struct {
	Alert    string    `json:"alert"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	Deadline time.Time `json:"deadline"`
}

type sliceJSON struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

type holeJSON struct {
	sliceJSON
	Reason   string     `json:"reason,omitempty"`
	Since    *time.Time `json:"since,omitempty"`
	Attempts int        `json:"attempts"`
}

type sourceJSON struct {
	Stage   string `json:"stage"`
	View    string `json:"view,omitempty"`
	Source  string `json:"source,omitempty"`
	Count   int64  `json:"count"`
	Late    int64  `json:"late"`
	NoIndex bool   `json:"no_index"`
}

type leaseJSON struct {
	Holder  string    `json:"holder"`
	Token   int64     `json:"token"`
	Renewed time.Time `json:"renewed"`
}

type heartbeatJSON struct {
	At      time.Time `json:"at"`
	Holder  string    `json:"holder"`
	Token   int64     `json:"token"`
	Version string    `json:"version"`
	Rules   int       `json:"rules"`
}

func writeCoverageJSON(w io.Writer, list []scheduler.RuleCoverage, lease *scheduler.Lease, beat *scheduler.Heartbeat) error {
	out := coverageJSON{Rules: []ruleCoverageJSON{}}
	for _, c := range list {
		out.Rules = append(out.Rules, ruleJSON(c))
	}
	if lease != nil {
		out.Lease = &leaseJSON{lease.Holder, lease.Token, lease.Renewed}
	}
	if beat != nil {
		out.Heartbeat = &heartbeatJSON{beat.At, beat.Holder, beat.Token, beat.Version, beat.Rules}
	}
	return writeJSON(w, out)
}

func ruleJSON(c scheduler.RuleCoverage) ruleCoverageJSON {
	r := ruleCoverageJSON{
		ID: c.Rule.ID, Name: c.Rule.Name, Start: known(c.Start), CoveredUntil: known(c.CoveredUntil), Next: known(c.Next),
		Covered: []sliceJSON{}, Holes: []holeJSON{}, Pending: []pendingJSON{}, Sources: []sourceJSON{},
	}
	if c.Err != nil {
		r.Error = c.Err.Error()
	}
	if c.Refused != nil {
		r.Refused = c.Refused.Error()
	}
	for _, w := range c.Covered {
		r.Covered = append(r.Covered, sliceJSON{w.From, w.To})
	}
	for _, h := range c.Holes {
		r.Holes = append(r.Holes, holeJSON{sliceJSON{h.From, h.To}, h.Reason, known(h.Since), h.Attempts})
	}
	for _, p := range c.Pending {
		r.Pending = append(r.Pending, pendingJSON{p.ID, p.Start, p.End, p.Deadline})
	}
	for _, src := range c.Sources {
		r.Sources = append(r.Sources, sourceJSON{src.Stage, src.View, src.Source, src.Count, src.Late, src.NoIndex})
	}
	return r
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
