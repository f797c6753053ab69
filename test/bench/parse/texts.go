package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// queries returns n queries in kuery, and where they come from: the published
// rules of the corpus over and over, each with a clause of its own, or where
// there is no corpus, queries by chance.
func queries(n int) (texts []string, from string, err error) {
	published, err := readCorpus()
	if err != nil {
		return nil, "", err
	}
	r := rand.New(rand.NewPCG(8, 8))
	for i := range n {
		if len(published) == 0 {
			texts = append(texts, drawQuery(r))
			continue
		}
		texts = append(texts, fmt.Sprintf("(%s) and not user.name:\"service-%d\"", published[i%len(published)], i))
	}
	if len(published) == 0 {
		return texts, "drawn by seed", nil
	}
	return texts, fmt.Sprintf("%d published detection rules over and over, each time with another clause", len(published)), nil
}

// readCorpus returns the queries of the corpus; none if there is none. Its rules
// are under a licence of their own and no part of this repository: the folder is
// named by STITCH_CORPUS, or is shared/corpus beside the checkout.
func readCorpus() ([]string, error) {
	folder := os.Getenv("STITCH_CORPUS")
	if folder == "" {
		folder = filepath.FromSlash("../shared/corpus")
	}
	raw, err := os.ReadFile(filepath.Join(folder, "kuery-rules.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read corpus: %w", err)
	}
	var rules []struct{ Query string }
	if err := json.Unmarshal(raw, &rules); err != nil {
		return nil, fmt.Errorf("read corpus: %w", err)
	}
	var texts []string
	for _, rule := range rules {
		texts = append(texts, strings.TrimSpace(rule.Query))
	}
	return texts, nil
}

// drawQuery writes a query as rules have them: some 400 bytes, lists of words,
// phrases and wildcards, exceptions.
func drawQuery(r *rand.Rand) string {
	clauses := []string{"event.category:process", "host.os.type:(linux or windows)"}
	for range 2 + r.IntN(6) {
		clause := fmt.Sprintf("%s:(%s)", drawField(r), strings.Join(drawWords(r, "*%s"), " or "))
		if r.IntN(3) == 0 {
			clause = "not " + clause
		}
		clauses = append(clauses, clause)
	}
	return strings.Join(clauses, " and\n")
}

// drawCondition is drawQuery in EQL.
func drawCondition(r *rand.Rand) string {
	clauses := []string{`host.os.type in ("linux", "windows")`}
	for range 2 + r.IntN(6) {
		clause := fmt.Sprintf("%s : (%s)", drawField(r), strings.Join(drawWords(r, `"*%s"`), ", "))
		switch r.IntN(4) {
		case 0:
			clause = "not " + clause
		case 1:
			clause = fmt.Sprintf(`(%s or startsWith~(%s, "%d"))`, clause, drawField(r), r.IntN(100))
		}
		clauses = append(clauses, clause)
	}
	return "any where " + strings.Join(clauses, " and\n")
}

func drawField(r *rand.Rand) string {
	fields := []string{"process.name", "process.parent.name", "process.args", "file.path", "user.name", "event.action", "registry.path", "destination.ip"}
	return fields[r.IntN(len(fields))]
}

// drawWords draws phrases, and words with a wildcard as the language writes them.
func drawWords(r *rand.Rand, wildcard string) []string {
	var words []string
	for range 1 + r.IntN(8) {
		format := `"%s"`
		if r.IntN(4) == 0 {
			format = wildcard
		}
		words = append(words, fmt.Sprintf(format, fmt.Sprintf("program%d.exe", r.IntN(1000))))
	}
	return words
}
