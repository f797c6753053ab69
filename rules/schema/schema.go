// Package schema makes JSON Schemas of the files that stitch reads, from the Go
// types that read them, so that editors complete and check files as they are
// typed.
package schema

import (
	"maps"
	"reflect"
	"strings"
)

// Object is a JSON object.
type Object = map[string]any

// Key is what the Go type of a key does not say of it.
type Key struct {
	About    string
	Enum     []string
	Required bool
	Shape    Object // of the value, where the type takes several kinds
}

// dialect is the draft that editors for TOML know.
const dialect = "http://json-schema.org/draft-07/schema#"

// Of returns the schema of a file that is read into a struct of type t by the
// toml tags of its fields. keys are by their paths without indices, such as
// "rule.stage.id".
func Of(t reflect.Type, title string, keys map[string]Key) Object {
	s := object(t, "", keys)
	s["$schema"], s["title"] = dialect, title
	return s
}

// Paths lists the keys of a file that is read into a struct of type t.
func Paths(t reflect.Type) []string {
	var paths []string
	walk(t, "", func(path string, _ reflect.StructField) { paths = append(paths, path) })
	return paths
}

// walk visits the keys of a struct, those of nested structs after their own.
func walk(t reflect.Type, at string, visit func(path string, field reflect.StructField)) {
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous {
			walk(field.Type, at, visit)
			continue
		}
		if name := field.Tag.Get("toml"); name != "" {
			path := strings.TrimPrefix(at+"."+name, ".")
			visit(path, field)
			if inner := element(field.Type); inner.Kind() == reflect.Struct {
				walk(inner, path, visit)
			}
		}
	}
}

// element is the type of a field's value, or of each of its values.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// object is the schema of a struct: its keys and no others, as they are read.
func object(t reflect.Type, at string, keys map[string]Key) Object {
	properties, required := Object{}, []string{}
	walk(t, at, func(path string, field reflect.StructField) {
		name := strings.TrimPrefix(strings.TrimPrefix(path, at), ".")
		if strings.Contains(name, ".") {
			return // of a nested struct
		}
		key := keys[path]
		s := value(field.Type, path, keys)
		if key.Shape != nil {
			s = maps.Clone(key.Shape)
		}
		if key.About != "" {
			s["description"] = key.About
		}
		if key.Enum != nil {
			s["enum"] = key.Enum
		}
		if key.Required {
			required = append(required, name)
		}
		properties[name] = s
	})
	s := Object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func value(t reflect.Type, path string, keys map[string]Key) Object {
	switch t.Kind() {
	case reflect.Pointer:
		return value(t.Elem(), path, keys)
	case reflect.Slice:
		return Object{"type": "array", "items": value(t.Elem(), path, keys)}
	case reflect.String:
		return Object{"type": "string"}
	case reflect.Bool:
		return Object{"type": "boolean"}
	case reflect.Int:
		return Object{"type": "integer"}
	case reflect.Struct:
		return object(t, path, keys)
	case reflect.Map:
		return Object{"type": "object"}
	}
	return Object{}
}

// Text is a string.
func Text() Object { return Object{"type": "string"} }

// TextOrList is a string or a list of strings.
func TextOrList() Object { return OneOf(Text(), Object{"type": "array", "items": Text()}) }

// Duration is a whole number and a unit.
func Duration() Object { return Object{"type": "string", "pattern": `^[0-9]+(ms|s|m|h|d|w)$`} }

// TableOf is a table of any keys, whose values have a shape.
func TableOf(values Object) Object { return Object{"type": "object", "additionalProperties": values} }

// OneOf is a value of one of several shapes.
func OneOf(shapes ...Object) Object {
	list := make([]any, len(shapes))
	for i, s := range shapes {
		list[i] = s
	}
	return Object{"oneOf": list}
}
