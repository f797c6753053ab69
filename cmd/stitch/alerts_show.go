package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

func alertsShowCommand(s streams) *cobra.Command {
	var c connection
	var format string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one alert: what happened when, and what was done about it",
		Long: `Draws one alert: who, where and what, then what happened in the order of time, from
which documents that is known, what analysts have done, and who was told. With
--output json it is the document as it is stored.

` + connectionHelp + "\n\n" + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("name one alert: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usage("--output must be text or json, not %q", format)
			}
			cluster, err := c.connect(cmd.Context(), s)
			if err != nil {
				return err
			}
			return showAlert(cmd.Context(), s.out, cluster, mappings.Names{}, args[0], format)
		},
	}
	c.flags(cmd)
	cmd.Flags().StringVar(&format, "output", "text", "text or json")
	completeFlag(cmd, "output", "text", "json")
	cmd.ValidArgsFunction = completeAlerts(s, &c, false)
	return cmd
}

func showAlert(ctx context.Context, w io.Writer, engine triage.Engine, names mappings.Names, prefix, format string) error {
	id, err := triage.Resolve(ctx, engine, names, prefix)
	if err != nil {
		return err
	}
	a, err := triage.Get(ctx, engine, names, id)
	if err != nil {
		return err
	}
	if format == "json" {
		return writeJSON(w, json.RawMessage(a.Raw))
	}
	if err := writeTimelineOf(w, a); err != nil {
		return err
	}
	writeTriage(w, a)
	return nil
}

// writeTriage says what has become of an alert, for a person.
func writeTriage(w io.Writer, a *triage.Alert) {
	fmt.Fprintf(w, "  state    %s%s\n", printable(a.Triage.Status), since(a.Triage))
	if !a.Retracted.IsZero() {
		fmt.Fprintf(w, "           retracted %s UTC: its evidence does not hold any more\n", clockTime(a.Retracted))
	}
	for _, n := range a.Notifications {
		fmt.Fprintf(w, "  told     %s\n", printable(toldText(n)))
	}
	for i, action := range a.Triage.History {
		name := "history"
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(w, "  %-7s  %s  %s by %s\n", name, clockTime(action.At), printable(action.Kind), printable(action.By))
		for _, text := range []string{action.Reason, action.Comment} {
			writeIndented(w, text, 13)
		}
	}
	fmt.Fprintln(w)
}

func toldText(n mappings.Notification) string {
	text := fmt.Sprintf("%s of the %s: %s", n.Route, n.Kind, n.Status)
	if !n.Sent.IsZero() {
		text += " " + clockTime(n.Sent) + " UTC"
	}
	if n.Error != "" {
		text += ": " + n.Error
	}
	return text
}

// writeIndented writes a text of several lines, long ones folded at blanks.
func writeIndented(w io.Writer, text string, indent int) {
	if text == "" {
		return
	}
	margin := strings.Repeat(" ", indent)
	for line := range strings.SplitSeq(text, "\n") {
		for _, part := range folded(printable(strings.ReplaceAll(line, "\t", "  ")), pageWidth-indent) {
			fmt.Fprintln(w, strings.TrimRight(margin+part, " "))
		}
	}
}

// folded breaks a line into lines no wider than width: between words, or
// within one that is too wide.
func folded(line string, width int) []string {
	var lines []string
	used, begin, blank := 0, 0, -1
	for i, r := range line {
		// Twice where what goes over, without a first part that takes no place, is
		// still too wide.
		for used += cells(r); used > width && i > begin; {
			end := i
			if blank > begin {
				end = blank + 1
			}
			lines = append(lines, line[begin:end])
			begin, blank = end, -1
			used = cellsOf(line[begin:i]) + cells(r)
		}
		if r == ' ' {
			blank = i
		}
	}
	return append(lines, line[begin:])
}
