// Package result is what a pair of test/bench measured, and how it measures:
// two or more ways to the same result, in turn on one machine, so that a noisy
// hour is noisy for all of them.
package result

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Result is what one pair measured: a section of BENCHMARKS.md.
type Result struct {
	Pair     string            `json:"pair"` // the folder below test/bench
	Title    string            `json:"title"`
	About    []string          `json:"about"`    // paragraphs: what is measured, beside what, how
	Versions map[string]string `json:"versions"` // of what took part: {"duckdb": "1.4.4"}
	Tables   []Table           `json:"tables"`
	Targets  []Target          `json:"targets"`

	Machine Machine   `json:"machine"` // set by Write
	Time    time.Time `json:"time"`    // set by Write
}

// Table is figures; every row has as many cells as there are columns.
type Table struct {
	Caption string     `json:"caption"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Target is what was to be reached and how near it came.
type Target struct {
	Reach string `json:"reach"`
	Got   string `json:"got"`
	Met   bool   `json:"met"`
	// Why says of a target that was missed what bounds it and what was tried.
	Why string `json:"why,omitempty"`
}

// Write keeps the result as JSON, with the machine and the time. A result that
// could not be shown as it is meant is refused.
func (r Result) Write(path string) error {
	for _, t := range r.Tables {
		for i, row := range t.Rows {
			if len(row) != len(t.Columns) {
				return fmt.Errorf("write result of %s: table %q, row %d: %d cells in %d columns", r.Pair, t.Caption, i, len(row), len(t.Columns))
			}
		}
	}
	for _, t := range r.Targets {
		if !t.Met && t.Why == "" {
			return fmt.Errorf("write result of %s: %q was missed, and nothing says why", r.Pair, t.Reach)
		}
	}
	r.Machine, r.Time = thisMachine(), time.Now().UTC().Truncate(time.Second)
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write result of %s: %w", r.Pair, err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// Read reads what Write has written.
func Read(path string) (Result, error) {
	var r Result
	data, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("read result: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("read result %s: %w", path, err)
	}
	return r, nil
}
