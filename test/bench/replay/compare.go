package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/test/bench/documents"
	"github.com/stitchdetect/stitch/test/bench/result"
)

const (
	strict = "6267ce44-1e9d-471b-9f1e-ae76a6b7aa84"
	event  = "8a30d849-6e54-41a0-9cbb-d8f055b4dd19"
)

// side is what one of the two took, round by round.
type side struct{ wall, cpu, peak result.Sample }

func (s *side) add(u result.Usage) {
	s.wall, s.cpu, s.peak = append(s.wall, u.Wall), append(s.cpu, u.CPU), append(s.peak, float64(u.Peak)/1e6)
}

// comparison is both sides over one file.
type comparison struct {
	size
	bytes        int64
	stitch, duck side
	version      string // of DuckDB
}

// compare measures both sides in turn, and refuses a result that is not what was
// planted.
func compare(ctx context.Context, o options, s size) (*comparison, error) {
	file, planted, err := prepare(o.Data, s)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	c := &comparison{size: s, bytes: info.Size()}
	check := func(who string, found []string) error {
		if diff := cmp.Diff(planted, found); diff != "" {
			return fmt.Errorf("%s does not find what was planted in %s (-planted +found):\n%s", who, file, diff)
		}
		return nil
	}
	return c, result.Alternate(s.rounds,
		func(counts bool) error {
			u, err := result.Process(ctx, o.Stitch, "replay", "--data", file, "--rule", strict, "--rule", event, "--every", "24h", "--output", "ndjson")
			if err != nil {
				return err
			}
			if counts {
				c.stitch.add(u)
			}
			found, err := foundByStitch(u.Out)
			if err != nil {
				return err
			}
			return check("stitch", found)
		},
		func(counts bool) error {
			u, err := result.Process(ctx, o.Python, o.sql, file)
			if err != nil {
				return err
			}
			if counts {
				c.duck.add(u)
			}
			found, version, err := foundByDuckDB(u.Out)
			if err != nil {
				return err
			}
			c.version = version
			return check("DuckDB", found)
		})
}

// prepare makes the documents, unless they are there, and returns what must be
// found: for both rules, each incident.
func prepare(folder string, s size) (file string, planted []string, err error) {
	o := documents.Options{Documents: s.documents, Incidents: s.incidents, Seed: 1, Late: 0.01}
	file = filepath.Join(folder, fmt.Sprintf("replay-%d-%d.ndjson", s.documents, s.incidents))
	list := file + ".planted.json"
	var incidents []documents.Incident
	if text, err := os.ReadFile(list); err == nil {
		if err := json.Unmarshal(text, &incidents); err != nil {
			return "", nil, fmt.Errorf("read %s: %w", list, err)
		}
	} else if incidents, err = generate(file, o); err != nil {
		return "", nil, err
	} else if text, err := json.Marshal(incidents); err != nil {
		return "", nil, err
	} else if err := os.WriteFile(list, text, 0o644); err != nil {
		return "", nil, err
	}
	for _, i := range incidents {
		for _, rule := range []string{"event", "group"} {
			planted = append(planted, found{rule, i.Time.UnixMilli(), i.User, i.Host}.String())
		}
	}
	slices.Sort(planted)
	return file, planted, nil
}

func generate(file string, o documents.Options) (incidents []documents.Incident, err error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if incidents, err = documents.Write(f, o); err != nil {
		f.Close()
		return nil, err
	}
	return incidents, f.Close()
}

// found is an incident that a side has found.
type found struct {
	Rule string `json:"rule"`
	MS   int64  `json:"ms"` // time of the alert on the download
	User string `json:"user"`
	Host string `json:"host"`
}

func (f found) String() string { return fmt.Sprint(f.Rule, " ", f.MS, " ", f.User, " ", f.Host) }

func foundByDuckDB(out []byte) (all []string, version string, err error) {
	for line := range bytes.Lines(out) {
		var row struct {
			found
			Version string `json:"version"`
		}
		if err := json.Unmarshal(line, &row); err != nil {
			return nil, "", fmt.Errorf("read what DuckDB found: %w: %s", err, line)
		}
		if row.Version != "" {
			version = row.Version
		} else {
			all = append(all, row.found.String())
		}
	}
	slices.Sort(all)
	return all, version, nil
}

func foundByStitch(out []byte) (all []string, err error) {
	for line := range bytes.Lines(out) {
		var alert struct {
			Time time.Time `json:"kibana.alert.original_time"`
			Rule string    `json:"kibana.alert.rule.rule_id"`
			User struct {
				Email []string `json:"email"`
			} `json:"user"`
			Host struct {
				ID []string `json:"id"`
			} `json:"host"`
		}
		if err := json.Unmarshal(line, &alert); err != nil {
			return nil, fmt.Errorf("read what stitch found: %w: %s", err, line)
		}
		f := found{Rule: "event", MS: alert.Time.UnixMilli()}
		if alert.Rule == strict {
			f.Rule = "group"
		}
		if len(alert.User.Email) > 0 && len(alert.Host.ID) > 0 {
			f.User, f.Host = alert.User.Email[0], alert.Host.ID[0]
		}
		all = append(all, f.String())
	}
	slices.Sort(all)
	return all, nil
}
