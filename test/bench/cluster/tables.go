package main

import (
	"fmt"

	"github.com/stitchdetect/stitch/test/bench/result"
)

func (m measured) what() []string {
	return []string{fmt.Sprint(m.documents), fmt.Sprint(m.incidents), fmt.Sprintf("%.0f %%", 100*m.late), m.name}
}

var whatColumns = []string{"documents", "incidents", "late", "rule"}

func timesTable(found []measured) result.Table {
	t := result.Table{
		Caption: "Milliseconds, medians of the runs; ratios are of each run, their median and spread",
		Columns: append(append([]string{}, whatColumns...), "whole run", "asking", "took", "asking / took", "whole / took", "CPU of stitch"),
	}
	ms := func(s result.Sample) string { return fmt.Sprintf("%.0f", 1000*s.Median()) }
	for _, m := range found {
		asking, whole := m.asking.Over(m.took), m.whole.Over(m.took)
		t.Rows = append(t.Rows, append(m.what(), ms(m.whole), ms(m.asking), ms(m.took),
			fmt.Sprintf("%.2f (%s)", asking.Median(), asking.Spread()), fmt.Sprintf("%.2f (%s)", whole.Median(), whole.Spread()), ms(m.cpu)))
	}
	return t
}

func trafficTable(found []measured) result.Table {
	t := result.Table{
		Caption: "What a run asks and fetches",
		Columns: append(append([]string{}, whatColumns...), "alerts", "requests", "searches in them", "sent, kB", "fetched, kB", "matching documents", "their size, kB", "fetched of it"),
	}
	for _, m := range found {
		t.Rows = append(t.Rows, append(m.what(), fmt.Sprint(m.alerts), fmt.Sprint(m.traffic.Requests), fmt.Sprint(m.traffic.Searches),
			fmt.Sprint(m.traffic.Up/1000), fmt.Sprint(m.traffic.Down/1000), fmt.Sprint(m.matching), fmt.Sprint(m.matching*m.size/1000),
			fmt.Sprintf("%.2f %%", 100*m.share())))
	}
	return t
}

// share is what was fetched, of the size of the matching documents.
func (m measured) share() float64 {
	return float64(m.traffic.Down) / float64(max(1, m.matching*m.size))
}

func targets(o options, found []measured) []result.Target {
	var out []result.Target
	for _, m := range found {
		if !o.Quick && m.documents < 1_000_000 {
			continue
		}
		ratio := m.whole.Over(m.took).Median()
		of := fmt.Sprintf("%s rule, %d documents", m.name, m.documents)
		out = append(out, result.Target{
			Reach: of + ": wall time at most 1.2 times the sum of `took`",
			Got:   fmt.Sprintf("%.2f times, the whole run; %.2f times, asking", ratio, m.asking.Over(m.took).Median()),
			Met:   ratio <= 1.2,
			Why: "what a run writes is no search: the ledger before and after, alerts, which are made visible at once, their memory, the run's record. Questions that do not wait for each other's answers " +
				"are asked two at a time, also the parts of a long one, so that asking may take less than the sum; between one answer and the next question stitch reads rows and joins them",
		}, result.Target{
			Reach: of + ": less fetched than 1 % of the matching documents' size",
			Got:   fmt.Sprintf("%.2f %%", 100*m.share()),
			Met:   m.share() < 0.01,
			Why:   "of few documents a larger share is those of incidents, which have to be fetched",
		})
	}
	return out
}
