package memory

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Type is how an index understands the values of a field.
type Type string

// The field types that the engine knows. Text is analysed by the standard
// analyzer; Flattened is an object whose leaves are keywords; Nested is an
// object whose elements are matched one by one.
const (
	Keyword   Type = "keyword"
	Text      Type = "text"
	IP        Type = "ip"
	Date      Type = "date"
	Long      Type = "long"
	Double    Type = "double"
	Boolean   Type = "boolean"
	Flattened Type = "flattened"
	Nested    Type = "nested"
)

// ignoreAbove is how long a keyword may be, in UTF-16 units, to be found at all.
const ignoreAbove = 1024

// Rule gives a field its type. A name without * is a field of every index, as
// if written out in the index template. A name with * is a pattern over whole
// dotted names that decides, when a string first comes in a field, what the
// field becomes.
type Rule struct {
	Field string
	Type  Type
}

// Mapping is how the fields of an index get their types: by the first rule that
// fits; without one, strings are keywords, and numbers and booleans are what
// the first document to hold the field has there.
type Mapping struct {
	Rules []Rule
}

// With returns a mapping in which rules come before those of m.
func (m Mapping) With(rules ...Rule) Mapping {
	return Mapping{Rules: slices.Concat(rules, m.Rules)}
}

// Template writes m as the "mappings" part of an index template for a real
// cluster, so that it types the same documents in the same way. The family is
// "elasticsearch" or "opensearch".
func (m Mapping) Template(family string) (json.RawMessage, error) {
	if family != "elasticsearch" && family != "opensearch" {
		return nil, fmt.Errorf("write index template: unknown family %q, want elasticsearch or opensearch", family)
	}
	properties := map[string]any{}
	var dynamic []any
	for _, r := range m.Rules {
		if strings.Contains(r.Field, "*") {
			dynamic = append(dynamic, dynamicTemplate(r.Field, object{
				"path_match": r.Field, "match_mapping_type": "string", "mapping": r.Type.parameters(family),
			}))
		} else if err := setProperty(properties, strings.Split(r.Field, "."), r.Type.parameters(family)); err != nil {
			return nil, fmt.Errorf("write index template: field %s: %w", r.Field, err)
		}
	}
	dynamic = append(dynamic,
		dynamicTemplate("strings", object{"match_mapping_type": "string", "mapping": Keyword.parameters(family)}),
		dynamicTemplate("wholes", object{"match_mapping_type": "long", "mapping": Long.parameters(family)}),
		dynamicTemplate("fractions", object{"match_mapping_type": "double", "mapping": Double.parameters(family)}),
	)
	return json.Marshal(object{
		"date_detection": false, "numeric_detection": false,
		"dynamic_templates": dynamic, "properties": properties,
	})
}

type object = map[string]any

func dynamicTemplate(name string, body object) object { return object{name: body} }

// parameters writes t as a cluster of the family wants it. A value of the wrong
// form leaves its document without that field, not the index without the document.
func (t Type) parameters(family string) object {
	p := object{"type": string(t)}
	switch t {
	case Keyword:
		p["ignore_above"] = ignoreAbove
	case IP, Date, Long, Double:
		p["ignore_malformed"] = true
	case Flattened:
		if family == "opensearch" {
			p["type"] = "flat_object"
		}
	}
	return p
}

// setProperty puts a field into the tree of properties. The first rule for a
// field is the one that counts.
func setProperty(properties object, path []string, parameters object) error {
	at, _ := properties[path[0]].(object)
	if len(path) == 1 {
		if at == nil {
			properties[path[0]] = parameters
		} else if _, below := at["properties"]; below && at["type"] == nil {
			at["type"] = parameters["type"]
		}
		return nil
	}
	if at == nil {
		at = object{}
		properties[path[0]] = at
	}
	if t := at["type"]; t != nil && t != string(Nested) {
		return fmt.Errorf("it lies below %s, which is of type %v", path[0], t)
	}
	below, _ := at["properties"].(object)
	if below == nil {
		below = object{}
		at["properties"] = below
	}
	return setProperty(below, path[1:], parameters)
}

// types is a mapping made ready for look-ups.
type types struct {
	exact    map[string]Type
	patterns []Rule
}

func (m Mapping) types() types {
	t := types{exact: map[string]Type{}}
	for _, r := range m.Rules {
		if strings.Contains(r.Field, "*") {
			t.patterns = append(t.patterns, r)
		} else if _, known := t.exact[r.Field]; !known {
			t.exact[r.Field] = r.Type
		}
	}
	return t
}

// ofNew decides what a field becomes that its index sees for the first time.
func (t types) ofNew(path string, k leafKind, text string) Type {
	switch k {
	case leafBool:
		return Boolean
	case leafNumber:
		if strings.ContainsAny(text, ".eE") {
			return Double
		}
		return Long
	}
	for _, r := range t.patterns {
		if glob(r.Field, path) {
			return r.Type
		}
	}
	return Keyword
}

// glob reports whether s as a whole matches pattern, in which * stands for any
// run of bytes and everything else for itself.
func glob(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	for {
		part, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s, rest = s[at+len(part):], more
	}
}
