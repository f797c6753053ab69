package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

type alertsListFlags struct {
	connection
	filter   triage.Filter
	from, to string
	after    string
	limit    int
	output   string
}

func alertsListCommand(s streams) *cobra.Command {
	var f alertsListFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List alerts, the newest first",
		Long: `Lists alerts, those written last first: open and acknowledged ones unless --status
says otherwise. What does not fit the terminal is cut; in a pipe nothing is.

` + connectionHelp + "\n\n" + exitHelp,
		Example: `  stitch alerts list
  stitch alerts list --status all --user marta --from 2026-03-01
  stitch alerts list --severity high,critical --output json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.read(); err != nil {
				return err
			}
			cursor, err := triage.ParseCursor(f.after)
			if err != nil {
				return usage("--after: %w", err)
			}
			cluster, err := f.connect(cmd.Context(), s)
			if err != nil {
				return err
			}
			return listAlerts(cmd.Context(), s, cluster, mappings.Names{}, f, cursor)
		},
	}
	f.connection.flags(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&f.filter.Status, "status", []string{mappings.Open, mappings.Acknowledged}, "open, acknowledged, closed, or all")
	flags.StringSliceVar(&f.filter.Severity, "severity", nil, "low, medium, high, critical; several with commas")
	flags.StringVar(&f.filter.Rule, "rule", "", "the rule's id, or a part of its name")
	flags.StringVar(&f.filter.User, "user", "", "a part of the name, address or id of someone concerned")
	flags.StringVar(&f.filter.Host, "host", "", "a part of the name or id of a machine concerned")
	flags.StringVar(&f.filter.Text, "text", "", "words that the alert, its evidence or its comments mention")
	flags.StringVar(&f.from, "from", "", "written from this time on")
	flags.StringVar(&f.to, "to", "", "written before this time")
	flags.BoolVar(&f.filter.Retracted, "retracted", false, "also those whose evidence does not hold any more")
	flags.IntVar(&f.limit, "limit", 50, "how many at the most")
	flags.StringVar(&f.after, "after", "", "go on behind a page, as its end says")
	flags.StringVar(&f.output, "output", "text", "text or json")
	completeFlag(cmd, "status", append(triage.Statuses(), "all")...)
	completeFlag(cmd, "severity", severities()...)
	completeFlag(cmd, "output", "text", "json")
	return cmd
}

func severities() []string { return []string{"low", "medium", "high", "critical"} }

// read checks the flags and completes the filter.
func (f *alertsListFlags) read() (err error) {
	switch {
	case f.output != "text" && f.output != "json":
		return usage("--output must be text or json, not %q", f.output)
	case f.limit < 1 || f.limit > 10_000:
		return usage("--limit must be 1 to 10000, not %d", f.limit)
	}
	if slices.Contains(f.filter.Status, "all") {
		f.filter.Status = nil
	}
	for _, list := range []struct {
		flag         string
		given, known []string
	}{{"--status", f.filter.Status, append(triage.Statuses(), "all")}, {"--severity", f.filter.Severity, severities()}} {
		for _, word := range list.given {
			if !slices.Contains(list.known, word) {
				return usage("%s: there is no %q; there are %s", list.flag, word, strings.Join(list.known, ", "))
			}
		}
	}
	if f.filter.From, err = parseTime("--from", f.from); err != nil {
		return err
	}
	if f.filter.To, err = parseTime("--to", f.to); err != nil {
		return err
	}
	if !f.filter.From.IsZero() && !f.filter.To.IsZero() && !f.filter.From.Before(f.filter.To) {
		return usage("--to %s is not after --from %s", f.to, f.from)
	}
	return nil
}

// listAlerts lists as many alerts as are wanted, in as many pages as that takes.
func listAlerts(ctx context.Context, s streams, pager esq.Pager, names mappings.Names, f alertsListFlags, cursor triage.Cursor) error {
	all := triage.Page{Alerts: []triage.Header{}}
	for {
		page, err := triage.List(ctx, pager, names, f.filter, cursor, min(f.limit-len(all.Alerts), triage.MaxSize))
		if err != nil {
			return err
		}
		all.Alerts = append(all.Alerts, page.Alerts...)
		all.Total, all.Next = page.Total, page.Next
		if cursor = page.Next; cursor.IsZero() || len(all.Alerts) >= f.limit {
			break
		}
	}
	if f.output == "json" {
		return writeAlertsJSON(s.out, all)
	}
	writeAlertsText(s.out, all, widthOf(s))
	return nil
}

func writeAlertsJSON(w io.Writer, page triage.Page) error {
	out := struct {
		Alerts []alertJSON `json:"alerts"`
		Total  int64       `json:"total"`
		Next   string      `json:"next,omitempty"`
	}{Alerts: []alertJSON{}, Total: page.Total, Next: page.Next.String()}
	for _, a := range page.Alerts {
		out.Alerts = append(out.Alerts, alertToJSON(a))
	}
	return writeJSON(w, out)
}

// shortID is how much of an id a terminal shows: enough for one of millions.
const shortID = 12

// writeAlertsText writes a table in a width of so many characters; 0 is any.
func writeAlertsText(w io.Writer, page triage.Page, width int) {
	if len(page.Alerts) == 0 {
		fmt.Fprintln(w, "no alerts")
		return
	}
	cols := []*column{
		{name: "WRITTEN (UTC)", keep: true}, {name: "ALERT", keep: true}, {name: "SEVERITY", rank: 3},
		{name: "STATE", rank: 4}, {name: "WHO", rank: 2, least: 12}, {name: "HOST", rank: 1, least: 8}, {name: "RULE", keep: true, least: 12},
	}
	for _, a := range page.Alerts {
		id := a.ID
		if width > 0 {
			id = id[:min(len(id), shortID)]
		}
		for i, text := range []string{
			a.Written.UTC().Format("2006-01-02 15:04"), id, a.Severity, stateOf(a), someOf(a.Users), someOf(a.Hosts), a.RuleName,
		} {
			cols[i].cells = append(cols[i].cells, printable(text))
		}
	}
	writeTable(w, cols, width)
	fmt.Fprintf(w, "%s of %d", count(len(page.Alerts), "alert"), page.Total)
	if !page.Next.IsZero() {
		fmt.Fprintf(w, "; more with --after %s", printable(page.Next.String()))
	}
	fmt.Fprintln(w)
}

// someOf is the first of a list, and how many there are beside it.
func someOf(list []string) string {
	switch len(list) {
	case 0:
		return "-"
	case 1:
		return list[0]
	}
	return list[0] + " +" + strconv.Itoa(len(list)-1)
}

// column is one of a table's.
type column struct {
	name  string
	cells []string
	keep  bool // is never left out
	rank  int  // of the others the least is left out first
	least int  // how narrow it may become; 0: no narrower than its cells
	width int
}

// natural is how wide the column's cells are.
func (c *column) natural() int {
	width := cellsOf(c.name)
	for _, cell := range c.cells {
		width = max(width, cellsOf(cell))
	}
	return width
}

// leastWidth is how narrow the column may become.
func (c *column) leastWidth() int {
	if c.least == 0 {
		return c.natural()
	}
	return min(c.natural(), c.least)
}

const gap = 2 // between two columns

// fitTable gives the columns their widths, and returns those that there is
// room for. With a width of 0 all are as wide as they need to be.
func fitTable(cols []*column, width int) []*column {
	shown := slices.Clone(cols)
	total := func(of func(*column) int) int {
		n := -gap
		for _, c := range shown {
			n += of(c) + gap
		}
		return n
	}
	for width > 0 && total((*column).leastWidth) > width {
		last := -1
		for i, c := range shown {
			if !c.keep && (last < 0 || c.rank < shown[last].rank) {
				last = i
			}
		}
		if last < 0 {
			break
		}
		shown = slices.Delete(shown, last, last+1)
	}
	for _, c := range shown {
		c.width = c.natural()
	}
	for width > 0 && total(func(c *column) int { return c.width }) > width {
		var widest *column
		for _, c := range shown {
			if c.width > c.leastWidth() && (widest == nil || c.width > widest.width) {
				widest = c
			}
		}
		if widest == nil {
			break
		}
		widest.width--
	}
	return shown
}

func writeTable(w io.Writer, cols []*column, width int) {
	cols = fitTable(cols, width)
	line := func(cell func(*column) string) {
		var b strings.Builder
		for i, c := range cols {
			text := fit(cell(c), c.width)
			b.WriteString(text)
			if i < len(cols)-1 {
				b.WriteString(strings.Repeat(" ", c.width-cellsOf(text)+gap))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	line(func(c *column) string { return c.name })
	for i := range cols[0].cells {
		line(func(c *column) string { return c.cells[i] })
	}
}

// leastTerminal is the narrowest terminal that is reckoned with.
const leastTerminal = 44

// widthOf is how wide the terminal is that the output goes to; 0 if it goes
// somewhere else.
func widthOf(s streams) int {
	to := s.out
	if o, ok := to.(*output); ok {
		to = o.to
	}
	file, ok := to.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width < leastTerminal {
		return leastTerminal
	}
	return width
}
