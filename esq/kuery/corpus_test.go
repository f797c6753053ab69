package kuery

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestCorpus reads the published detection rules that are written in the
// language. They are under a licence of their own and no part of this
// repository: the folder that holds kuery-rules.json is named by
// STITCH_CORPUS, or is shared/corpus beside the checkout.
func TestCorpus(t *testing.T) {
	for _, rule := range readCorpus(t) {
		n, err := Parse(rule.Query)
		if err != nil {
			t.Errorf("%s (%s): %v", rule.ID, rule.Name, err)
			continue
		}
		printed := Print(n)
		again, err := Parse(printed)
		if err != nil {
			t.Errorf("%s (%s): printed as %q: %v", rule.ID, rule.Name, printed, err)
			continue
		}
		if !Equal(n, again) {
			t.Errorf("%s (%s): prints as another tree: %q", rule.ID, rule.Name, printed)
		}
		raw, err := Translate(n).MarshalJSON()
		if err != nil || !json.Valid(raw) {
			t.Errorf("%s (%s): translates to %q: %v", rule.ID, rule.Name, raw, err)
		}
		if len(Fields(n)) == 0 {
			t.Errorf("%s (%s): no field found", rule.ID, rule.Name)
		}
	}
}

type corpusRule struct {
	ID    string `json:"rule_id"`
	Name  string `json:"name"`
	Query string `json:"query"`
}

const corpusRules = 354

func readCorpus(t *testing.T) []corpusRule {
	t.Helper()
	folder := os.Getenv("STITCH_CORPUS")
	if folder == "" {
		folder = filepath.FromSlash("../../../shared/corpus")
	}
	raw, err := os.ReadFile(filepath.Join(folder, "kuery-rules.json"))
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("STITCH_CORPUS") == "" {
		t.Skip("no kuery-rules.json: set STITCH_CORPUS to the folder that holds it")
	}
	if err != nil {
		t.Fatalf("read corpus: %v", err)
	}
	var rules []corpusRule
	if err := json.Unmarshal(raw, &rules); err != nil {
		t.Fatalf("read corpus: %v", err)
	}
	if len(rules) != corpusRules {
		t.Fatalf("the corpus has %d rules, want %d", len(rules), corpusRules)
	}
	return rules
}
