package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/doctor"
	"github.com/stitchdetect/stitch/rules/lint"
)

// measure compares what rules expect of the delay of documents with what the
// cluster has seen.
func (f *checkFlags) measure(ctx context.Context, s streams, set *rules.Set, text func(string) (string, error)) ([]lint.Finding, error) {
	settings, err := f.settings(s)
	if err != nil {
		return nil, err
	}
	settings.cluster.Logger = slog.New(slog.DiscardHandler)
	cluster, err := esq.Open(ctx, settings.cluster)
	if err != nil {
		return nil, openError(ctx, err)
	}
	report, err := doctor.Examine(ctx, cluster, doctor.Cluster(cluster, cluster, cluster.Product()), set.Rules, doctor.Options{At: time.Now()})
	if err != nil {
		return nil, fmt.Errorf("measure how late documents come: %w", err)
	}
	var late []lint.Finding
	for _, r := range report.Rules {
		rule := set.ByID(r.ID)
		content, err := text(rule.File)
		if err != nil {
			return nil, err
		}
		if finding, found := lint.Lateness(rule, content, time.Duration(r.AdviseLateness)); found {
			late = append(late, finding)
		}
	}
	return late, nil
}

// ruleText reads the file of a rule that was loaded from paths.
func ruleText(paths []string) func(string) (string, error) {
	return func(file string) (string, error) {
		if len(paths) == 0 {
			text, err := fs.ReadFile(rules.Shipped(), file)
			return string(text), err
		}
		text, err := os.ReadFile(file)
		return string(text), err
	}
}

// hasTests reports whether tests lie beside the file of a rule.
func hasTests(paths []string) func(string) bool {
	return func(file string) bool {
		name := strings.TrimSuffix(file, ".toml") + ".test.toml"
		var err error
		if len(paths) == 0 {
			_, err = fs.Stat(rules.Shipped(), name)
		} else {
			_, err = os.Stat(name)
		}
		return err == nil
	}
}
