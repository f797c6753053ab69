package rules

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/stitchdetect/stitch/esq/eql"
	"github.com/stitchdetect/stitch/esq/kuery"
)

// file is one TOML file while it is read: where its keys stand, and what is
// wrong with it so far.
type file struct {
	name     string
	lines    keyLines
	shapes   shapes
	rule     string // what the problems are said of
	problems Problems
}

// problem notes what is wrong with the key at path.
func (f *file) problem(path []string, format string, args ...any) {
	f.problemAt(f.lines.line(path...), format, args...)
}

func (f *file) problemAt(line int, format string, args ...any) {
	f.problems = append(f.problems, Problem{File: f.name, Line: line, Rule: f.rule, What: fmt.Sprintf(format, args...)})
}

// decode reads a TOML text into the struct that into points to. A key that the
// struct does not know and a value of another type are problems, each with its
// line; the toml package alone would stop at the first.
func (f *file) decode(text string, into any) bool {
	f.lines = keyLines{source: text}
	var tree any // which the decoder fills without a copy
	if _, err := toml.Decode(text, &tree); err != nil {
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			f.problemAt(syntax.Position.Line, "not TOML: %s", syntax.Message)
		} else {
			f.problemAt(0, "not TOML: %v", err)
		}
		return false
	}
	before := len(f.problems)
	if f.shapes == nil {
		f.shapes = shapes{}
	}
	f.table(nil, tree.(map[string]any), structOf(into))
	return len(f.problems) == before
}

func (f *file) table(path []string, tree map[string]any, into reflect.Value) {
	fields := f.shapes.of(into.Type())
	for _, key := range sortedKeys(tree) {
		at := append(path[:len(path):len(path)], key)
		field, known := fields[key]
		if !known {
			f.problem(at, "unknown key %q%s; remove it or correct it", strings.Join(at, "."), didYouMean(key, sortedKeys(fields)))
			continue
		}
		f.value(at, tree[key], into.FieldByIndex(field))
	}
}

// shapes are the structs that tables are read into: toml names to the indices of
// fields, embedded structs flattened. A struct is looked at when the first table
// of its kind is.
type shapes map[reflect.Type]map[string][]int

func (s shapes) of(t reflect.Type) map[string][]int {
	fields, known := s[t]
	if !known {
		fields = map[string][]int{}
		for _, field := range reflect.VisibleFields(t) {
			if name := field.Tag.Get("toml"); name != "" {
				fields[name] = field.Index
			}
		}
		s[t] = fields
	}
	return fields
}

func (f *file) value(path []string, value any, into reflect.Value) {
	wrong := func(want string) {
		f.problem(path, "%s must be %s, not %s", strings.Join(path, "."), want, kindOf(value))
	}
	switch into.Kind() {
	case reflect.Interface:
		into.Set(reflect.ValueOf(value))
	case reflect.String:
		if s, ok := value.(string); ok {
			into.SetString(s)
		} else {
			wrong("a string")
		}
	case reflect.Bool:
		if b, ok := value.(bool); ok {
			into.SetBool(b)
		} else {
			wrong("true or false")
		}
	case reflect.Int:
		if n, ok := value.(int64); ok {
			into.SetInt(n)
		} else {
			wrong("a whole number")
		}
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		f.value(path, value, into.Elem())
	case reflect.Map:
		if m, ok := value.(map[string]any); ok {
			into.Set(reflect.ValueOf(m))
		} else {
			wrong("a table")
		}
	case reflect.Struct:
		if m, ok := value.(map[string]any); ok {
			f.table(path, m, into)
		} else {
			wrong("a table")
		}
	case reflect.Slice:
		f.list(path, value, into, wrong)
	}
}

func (f *file) list(path []string, value any, into reflect.Value, wrong func(string)) {
	list := reflect.ValueOf(value)
	if list.Kind() != reflect.Slice {
		wrong("a list")
		return
	}
	out := reflect.MakeSlice(into.Type(), list.Len(), list.Len())
	for i := range list.Len() {
		f.value(append(path[:len(path):len(path)], strconv.Itoa(i)), list.Index(i).Interface(), out.Index(i))
	}
	into.Set(out)
}

func kindOf(value any) string {
	switch value.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64, float64:
		return "a number"
	case map[string]any:
		return "a table"
	}
	if reflect.ValueOf(value).Kind() == reflect.Slice {
		return "a list"
	}
	return "a date"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func structOf(spec any) reflect.Value { return reflect.ValueOf(spec).Elem() }

// languageError notes an error in the text of a query at its own line.
func (f *file) languageError(path []string, err error) {
	key := path[len(path)-1]
	line, column, msg := 1, 0, err.Error()
	if e := (*kuery.SyntaxError)(nil); errors.As(err, &e) {
		line, column, msg = e.Line, e.Column, e.Msg
	}
	if e := (*eql.SyntaxError)(nil); errors.As(err, &e) {
		line, column, msg = e.Line, e.Column, e.Msg
	}
	if column == 0 {
		f.problem(path, "%s: %s", key, msg)
		return
	}
	f.problemAt(f.lines.textLine(path, line), "%s: column %d: %s", key, column, msg)
}

// readFile reads a file whole, or notes why it cannot.
func (f *file) readFile(read func(string) ([]byte, error)) (string, bool) {
	data, err := read(f.name)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			f.problemAt(0, "no such file")
		} else {
			f.problemAt(0, "cannot be read: %v", err)
		}
		return "", false
	}
	return string(data), true
}
