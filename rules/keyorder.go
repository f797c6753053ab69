package rules

import (
	"reflect"
	"strings"
)

// KeyOrder lists the keys of a rule's file, and of a view's, by table, in the
// order of the reference: the table's path without indices, such as
// "rule.stage", to its keys.
func KeyOrder() map[string][]string {
	order := map[string][]string{}
	for _, spec := range []any{ruleFile{}, viewFile{}} {
		listKeys(order, "", reflect.TypeOf(spec))
	}
	return order
}

func listKeys(order map[string][]string, path string, t reflect.Type) {
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous {
			listKeys(order, path, field.Type)
			continue
		}
		name := field.Tag.Get("toml")
		if name == "" {
			continue
		}
		order[path] = append(order[path], name)
		inner := field.Type
		for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			listKeys(order, strings.TrimPrefix(path+"."+name, "."), inner)
		}
	}
}
