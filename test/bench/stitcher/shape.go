package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/rules/sequence"
)

// shape is rows of a chain of one user in time order: how many, and whose.
type shape struct {
	name    string
	stages  int
	rows    int // of all stages
	users   int
	skewed  bool          // nine of ten rows are the first user's
	maxSpan time.Duration // 0: none
}

// stageName is "s0", "s1" …
func stageName(s int) string { return fmt.Sprintf("s%d", s) }

// pattern returns the chain as the stitcher runs it.
func (sh shape) pattern() (*sequence.Pattern, error) {
	spec := sequence.Spec{MaxSpan: sh.maxSpan, By: []sequence.Key{{Stage: "s0", Column: "user.email", Fold: true}}}
	for s := range sh.stages {
		stage := sequence.Stage{ID: stageName(s), Columns: []string{"user.email", "host.id"}}
		if s > 0 {
			join, err := eql.ParseExpr("user.email : " + stageName(s-1) + ".user.email")
			if err != nil {
				return nil, fmt.Errorf("parse join: %w", err)
			}
			stage.Join = join
			stage.After = []sequence.After{{Stage: stageName(s - 1)}}
		}
		spec.Stages = append(spec.Stages, stage)
	}
	return sequence.Compile(spec)
}

// query returns the chain as Python's eql has it.
func (sh shape) query() string {
	var b strings.Builder
	b.WriteString("sequence by user.email")
	if sh.maxSpan > 0 {
		fmt.Fprintf(&b, " with maxspan=%ds", int(sh.maxSpan.Seconds()))
	}
	for s := range sh.stages {
		fmt.Fprintf(&b, " [%s where true]", stageName(s))
	}
	return b.String()
}

// make draws the rows, by stage and in time order: an event every tenth of a
// second, of a user and a stage by chance. A stage's rows are made one after the
// other: they come from the answers to one question.
func (sh shape) make(seed uint64) [][]sequence.Row {
	rows := make([][]sequence.Row, sh.stages)
	for stage, drawn := range sh.draw(seed) {
		for _, e := range drawn {
			at := int64(e.i) * 100
			values := [][]esq.Value{{esq.Str(mail(e.user))}, {esq.Str(host(e.user))}}
			rows[stage] = append(rows[stage], sequence.Row{ID: fmt.Sprintf("e%08d", e.i), First: at, Last: at, Values: values})
		}
	}
	return rows
}

// drawn is the i-th event: whose it is.
type drawn struct{ i, user int }

// draw draws the events of each stage.
func (sh shape) draw(seed uint64) [][]drawn {
	r := rand.New(rand.NewPCG(seed, uint64(sh.stages)))
	stages := make([][]drawn, sh.stages)
	for i := range sh.rows {
		user, stage := r.IntN(sh.users), r.IntN(sh.stages)
		if sh.skewed && r.IntN(10) > 0 {
			user = 0
		}
		stages[stage] = append(stages[stage], drawn{i, user})
	}
	return stages
}

// incident is the shipped event-level rule: files downloaded in a mass download
// are copied to a drive.
type incident struct {
	users, files, drives int // files and drives of each user
}

func (in incident) pattern() (*sequence.Pattern, error) {
	join := func(text string) eql.Expr {
		e, err := eql.ParseExpr(text)
		if err != nil {
			panic(err) // it is one of the constants below
		}
		return e
	}
	return sequence.Compile(sequence.Spec{
		Stages: []sequence.Stage{
			{ID: "download", Columns: []string{"user.email", "file.name"}},
			{ID: "alert", Columns: []string{"user.email"}, Join: join("user.email : download.user.email"),
				After: []sequence.After{{Stage: "download"}}},
			{ID: "mount", Columns: []string{"host.id", "volume.root"}},
			{ID: "copy", Columns: []string{"user.email", "file.name", "host.id", "file.path"},
				Join: join("user.email : alert.user.email and file.name : download.file.name and " +
					"host.id == mount.host.id and startsWith~(file.path, mount.volume.root)"),
				After: []sequence.After{{Stage: "alert", Within: day}, {Stage: "mount", Within: week}}},
		},
		By: []sequence.Key{{Stage: "alert"}, {Stage: "alert", Column: "user.email", Fold: true}, {Stage: "mount", Column: "host.id"}},
	})
}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// make returns the rows, by stage and in time order. Every third copied file was
// not downloaded.
func (in incident) make() [][]sequence.Row {
	rows := make([][]sequence.Row, 4)
	add := func(stage int, id string, at int, values ...string) {
		r := sequence.Row{ID: id, First: int64(at) * 1000, Last: int64(at) * 1000}
		for _, v := range values {
			r.Values = append(r.Values, []esq.Value{esq.Str(v)})
		}
		rows[stage] = append(rows[stage], r)
	}
	for f := range in.files {
		for u := range in.users {
			add(0, fmt.Sprintf("d%06d.%06d", u, f), f, mail(u), fmt.Sprintf("Report %d.docx", f))
		}
	}
	for u := range in.users {
		add(1, fmt.Sprintf("a%06d", u), in.files, mail(u))
	}
	for d := range in.drives {
		for u := range in.users {
			add(2, fmt.Sprintf("m%06d.%d", u, d), in.files+d, host(u), drive(d))
		}
	}
	for f := range in.files {
		name := fmt.Sprintf("report %d.docx", f)
		if f%3 == 0 {
			name = fmt.Sprintf("other %d.docx", f)
		}
		for u := range in.users {
			add(3, fmt.Sprintf("c%06d.%06d", u, f), in.files+1000+f, mail(u), name, host(u), drive(f%in.drives)+`\`+name)
		}
	}
	return rows
}

func mail(u int) string  { return fmt.Sprintf("user%06d@example.com", u) }
func host(u int) string  { return fmt.Sprintf("host-%06d", u) }
func drive(d int) string { return string(rune('E'+d)) + ":" }
