// Command parse measures how long 10,000 rules take to read: texts in kuery and
// in EQL alone, and whole rule files.
package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/esq/kuery"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/test/bench/pair"
	"github.com/stitchdetect/stitch/test/bench/result"
)

func main() { pair.Main("parse", run) }

type options struct {
	pair.Options
	n int // rules
}

func parse(args []string, log io.Writer) (options, error) {
	var o options
	flags := o.Flags("parse", 5, log)
	err := flags.Parse(args)
	o.n = 10_000
	if o.Quick {
		o.n, o.Rounds = 500, min(o.Rounds, 2)
	}
	return o, err
}

func run(ctx context.Context, args []string, log io.Writer) error {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	works, about, err := prepare(o)
	if err != nil {
		return err
	}
	r := result.Result{
		Pair: "parse", Title: "Rules are read",
		About: []string{
			"Texts: parsed, translated to the query tree and written as the engine's JSON. Files: `rules.Load` of a folder, of ten rules six in kuery, two of one stage in EQL and two chains of five stages; decoded strictly, checked, planned and compiled, as many at once as there are processors. CPU is of the whole process, garbage collection included.",
			about,
			"That no memory grows with the square of a text is a test beside each package (growth_test.go), for 31 kinds of long texts.",
		},
		Versions: map[string]string{},
	}
	table := result.Table{Caption: fmt.Sprintf("%d rules", o.n), Columns: []string{"what", "bytes of text", "seconds", "from … to", "CPU s", "from … to", "CPU µs each", "bytes allocated each", "allocations each"}}
	for _, w := range works {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintln(log, w.name)
		cells, target, err := w.measure(o)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		table.Rows = append(table.Rows, cells)
		r.Targets = append(r.Targets, target)
	}
	r.Tables = []result.Table{table}
	return r.Write(o.Out)
}

// work is something to read, and how.
type work struct {
	name  string
	bytes int
	do    func() error
	why   string // it is missed, if it is
}

// prepare makes the texts and files.
func prepare(o options) (works []work, about string, err error) {
	texts, from, err := queries(o.n)
	if err != nil {
		return nil, "", err
	}
	r := rand.New(rand.NewPCG(10, 10))
	conditions := make([]string, o.n)
	for i := range conditions {
		conditions[i] = drawCondition(r)
	}
	folder := filepath.Join(o.Data, "parse-rules")
	if err := writeRules(folder, texts, o.n); err != nil {
		return nil, "", err
	}
	size, err := folderSize(folder)
	return []work{
		{"texts in kuery", length(texts), func() error { return readKuery(texts) }, whyTexts},
		{"texts in EQL", length(conditions), func() error { return readEQL(conditions) }, whyTexts},
		{"rule files", size, func() error { return load(folder, o.n) }, whyFiles},
	}, "Queries in kuery: " + from + ". Conditions in EQL: drawn by seed.", err
}

const whyTexts = "A text takes some tens of microseconds of CPU: the machine was busy with something else."

const whyFiles = "20 MB of TOML: decoding it takes 40 % of the CPU, collecting the garbage of that and of 10,000 rules that stay a quarter, and two thousand chains of five stages most of the rest. " +
	"Lines are looked up only where there is a problem, which took an eighth before; files are read by as many workers as there are processors."

func length(texts []string) int {
	n := 0
	for _, t := range texts {
		n += len(t)
	}
	return n
}

func folderSize(folder string) (int, error) {
	entries, err := os.ReadDir(folder)
	size := 0
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		size += int(info.Size())
	}
	return size, err
}

func readKuery(texts []string) error {
	for _, text := range texts {
		n, err := kuery.Parse(text)
		if err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		if _, err := kuery.Translate(n).MarshalJSON(); err != nil {
			return err
		}
	}
	return nil
}

// keywords is a source of keyword fields.
type keywords struct{}

func (keywords) Column(name string) eql.Mapping {
	return eql.Mapping{Fields: []eql.Field{{Name: name, Type: "keyword"}}}
}

func readEQL(texts []string) error {
	for _, text := range texts {
		event, err := eql.ParseEvent(text)
		if err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		var q esq.Query
		if q, _ = eql.Translate(event.Cond, keywords{}, nil); q == nil {
			return fmt.Errorf("%q: no query", text)
		}
		if _, err := q.MarshalJSON(); err != nil {
			return err
		}
	}
	return nil
}

func load(folder string, n int) error {
	set, err := rules.Load([]string{folder})
	if err == nil && len(set.Rules) != n {
		err = fmt.Errorf("%d rules were read of %d", len(set.Rules), n)
	}
	return err
}

// measure returns the row of a work and its target.
func (w work) measure(o options) ([]string, result.Target, error) {
	var seconds, cpu result.Sample
	var before, after runtime.MemStats
	err := result.Alternate(o.Rounds, func(counts bool) error {
		runtime.ReadMemStats(&before)
		began := time.Now()
		took, err := result.CPU(w.do)
		wall := time.Since(began).Seconds()
		runtime.ReadMemStats(&after)
		if counts {
			seconds, cpu = append(seconds, wall), append(cpu, took)
		}
		return err
	})
	if err != nil {
		return nil, result.Target{}, err
	}
	n := float64(o.n)
	cells := []string{w.name, fmt.Sprint(w.bytes), fmt.Sprintf("%.2f", seconds.Median()), seconds.Spread(),
		fmt.Sprintf("%.2f", cpu.Median()), cpu.Spread(), fmt.Sprintf("%.0f", cpu.Median()*1e6/n),
		fmt.Sprintf("%.0f", float64(after.TotalAlloc-before.TotalAlloc)/n), fmt.Sprintf("%.0f", float64(after.Mallocs-before.Mallocs)/n)}
	perTenThousand, ofCPU := seconds.Median()*10_000/n, cpu.Median()*10_000/n
	return cells, result.Target{
		Reach: "10,000 rules in under 2 s: " + w.name,
		Got:   fmt.Sprintf("%.2f s, %.2f s of CPU", perTenThousand, ofCPU), Met: perTenThousand < 2, Why: w.why,
	}, nil
}
