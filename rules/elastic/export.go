// Package elastic reads detection rules as Kibana exports them, NDJSON with one
// saved object a line, and writes them as the TOML files that stitch reads.
package elastic

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/stitchdetect/stitch/rules/format"
)

// Rule is one exported rule.
type Rule struct {
	Line           int // of the export, 1-based
	ID, Name, Type string
	TOML           string // the rule's file, in canonical form
}

// maxLine bounds a line of an export; Kibana's own limit for one rule is far
// below it.
const maxLine = 16 << 20

// Read returns the rules of an export. Lines that are no rules (exception
// lists, connectors, the summary at the end) are counted in others. An error
// names its line.
func Read(export io.Reader, order format.Order) (list []Rule, others int, err error) {
	scanner := bufio.NewScanner(export)
	scanner.Buffer(nil, maxLine)
	for line := 1; scanner.Scan(); line++ {
		text := bytes.TrimSpace(scanner.Bytes())
		if len(text) == 0 {
			continue
		}
		var fields map[string]any
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&fields); err != nil {
			return nil, 0, fmt.Errorf("line %d: not a JSON object: %w", line, err)
		}
		if _, isRule := fields["rule_id"].(string); !isRule {
			others++
			continue
		}
		rule, err := convert(fields, order)
		if err != nil {
			return nil, 0, fmt.Errorf("line %d: %w", line, err)
		}
		rule.Line = line
		list = append(list, rule)
	}
	if err := scanner.Err(); err != nil {
		return nil, 0, fmt.Errorf("read export: %w", err)
	}
	return list, others, nil
}

// bookkeeping are the keys with which Kibana keeps its own record of a rule.
// They do not change what the rule finds. A key that is neither here nor known
// to stitch stays in the file, so that reading it says so.
var bookkeeping = []string{
	"id", "created_at", "created_by", "updated_at", "updated_by", "revision", "immutable", "rule_source",
	"execution_summary", "outcome", "alias_target_id", "alias_purpose", "response_actions",
}

func convert(fields map[string]any, order format.Order) (Rule, error) {
	text := func(key string) string { s, _ := fields[key].(string); return s }
	rule := Rule{ID: text("rule_id"), Name: text("name"), Type: text("type")}
	for key, value := range fields {
		if slices.Contains(bookkeeping, key) || isEmpty(value) {
			delete(fields, key)
		} else {
			fields[key] = plain(value)
		}
	}
	var tables, keys strings.Builder
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if s, ok := fields[key].(string); ok && strings.Contains(s, "\n") && isLiteral(s) {
			fmt.Fprintf(&keys, "%s = '''\n%s'''\n", key, s)
			continue
		}
		into := &keys
		if holdsTables(fields[key]) {
			into = &tables
		}
		if err := encode(into, key, fields[key]); err != nil {
			return rule, fmt.Errorf("rule %s: %s: %w", rule.ID, key, err)
		}
	}
	var err error
	rule.TOML, err = format.Source("[rule]\n"+keys.String()+tables.String(), order)
	if err != nil {
		return rule, fmt.Errorf("rule %s: %w", rule.ID, err)
	}
	return rule, nil
}

func encode(into *strings.Builder, key string, value any) error {
	var b bytes.Buffer
	encoder := toml.NewEncoder(&b)
	encoder.Indent = ""
	if !holdsTables(value) {
		if err := encoder.Encode(map[string]any{key: value}); err != nil {
			return err
		}
		into.Write(b.Bytes())
		return nil
	}
	if err := encoder.Encode(map[string]any{"rule": map[string]any{key: value}}); err != nil {
		return err
	}
	into.WriteString(strings.TrimPrefix(b.String(), "[rule]\n"))
	return nil
}

// holdsTables reports whether TOML writes a value as tables of its own.
func holdsTables(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		return true
	case []any:
		return slices.ContainsFunc(value, holdsTables)
	}
	return false
}

// isLiteral reports whether a text can stand between three single quotes.
func isLiteral(s string) bool {
	return !strings.Contains(s, "'''") && !strings.HasSuffix(s, "'") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f })
}

// isEmpty reports whether a value says nothing: Kibana writes every key.
func isEmpty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return false
}

// plain turns the numbers of JSON into those of TOML, and leaves out nulls,
// which TOML does not have.
func plain(value any) any {
	switch value := value.(type) {
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return n
		}
		f, err := value.Float64()
		if err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int64(f)
		}
		return f
	case []any:
		out := []any{}
		for _, v := range value {
			if v != nil {
				out = append(out, plain(v))
			}
		}
		return out
	case map[string]any:
		for k, v := range value {
			if v == nil {
				delete(value, k)
			} else {
				value[k] = plain(v)
			}
		}
	}
	return value
}
