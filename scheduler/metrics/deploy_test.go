package metrics_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// told is the metrics there are, with their kinds and labels. Those that
// Prometheus makes of a histogram are among them.
func told(t *testing.T) map[string][]string {
	t.Helper()
	families, err := filled().Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string][]string{}
	for _, f := range families {
		labels := []string{"job", "instance"} // Prometheus's own
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName())
			}
		}
		names[f.GetName()] = labels
		if f.GetMetric()[0].GetHistogram() != nil {
			names[f.GetName()+"_bucket"] = append(slices.Clone(labels), "le")
			names[f.GetName()+"_sum"], names[f.GetName()+"_count"] = labels, labels
		}
	}
	return names
}

var (
	metricName = regexp.MustCompile(`\b(?:stitch|go|process)_[a-z0-9_]+\b`)
	selector   = regexp.MustCompile(`\b((?:stitch|go|process)_[a-z0-9_]+)\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)\s*(?:=~|!~|!=|=)\s*"`)
	grouping   = regexp.MustCompile(`\b(?:by|on|without|ignoring)\s*\(([^)]*)\)`)
	legend     = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}`)
)

// check holds an expression, and the words that show its labels, to the metrics
// there are.
func check(t *testing.T, names map[string][]string, expr, words string) {
	t.Helper()
	var labels []string
	used := metricName.FindAllString(expr, -1)
	if len(used) == 0 {
		t.Errorf("no metric in %s", expr)
	}
	for _, name := range used {
		if names[name] == nil {
			t.Errorf("there is no metric %s; in %s", name, expr)
		}
		labels = append(labels, names[name]...)
	}
	for _, s := range selector.FindAllStringSubmatch(expr, -1) {
		for _, l := range matcher.FindAllStringSubmatch(s[2], -1) {
			if !slices.Contains(names[s[1]], l[1]) {
				t.Errorf("%s has no label %s; in %s", s[1], l[1], expr)
			}
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		for l := range strings.SplitSeq(g[1], ",") {
			if !slices.Contains(labels, strings.TrimSpace(l)) {
				t.Errorf("no metric has the label %s; in %s", l, expr)
			}
		}
	}
	for _, l := range legend.FindAllStringSubmatch(words, -1) {
		if !slices.Contains(labels, l[1]) {
			t.Errorf("no metric has the label %s; in %s", l[1], words)
		}
	}
	if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") {
		t.Errorf("brackets do not match in %s", expr)
	}
}

func TestAlertingRules(t *testing.T) {
	text, err := os.ReadFile("../../deploy/prometheus/stitch.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		t.Fatal(err)
	}
	names, found := told(t), 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			found++
			check(t, names, r.Expr, r.Annotations["summary"]+r.Annotations["description"])
			if r.For == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s lacks something", r.Alert)
			}
		}
	}
	if found < 5 {
		t.Errorf("%d rules", found)
	}
}

func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("../../deploy/grafana/stitch.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Templating struct {
			List []struct{ Name, Query string }
		}
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	names, ids := told(t), map[int]bool{}
	for _, v := range board.Templating.List {
		if v.Query != "prometheus" {
			check(t, names, v.Query, "")
		}
	}
	for _, p := range board.Panels {
		if ids[p.ID] || len(p.Targets) == 0 {
			t.Errorf("panel %s: its id is taken, or it shows nothing", p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			check(t, names, target.Expr, target.LegendFormat)
		}
	}
}

// docs/metrics.md has a row for each metric of stitch's own, and none else.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `(stitch_[a-z_]+)` \\| (counter|gauge|histogram) \\| ([^|]*) \\|")
	documented := map[string][]string{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = m[2:]
	}
	families, err := filled().Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "stitch_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		want := []string{strings.ToLower(f.GetType().String()), strings.Join(labels, ", ")}
		if !slices.Equal(documented[f.GetName()], want) {
			t.Errorf("%s: documented as %q, is %q", f.GetName(), documented[f.GetName()], want)
		}
		delete(documented, f.GetName())
	}
	for name := range documented {
		t.Errorf("%s is documented and not there", name)
	}
}
