package ruletest

import (
	"reflect"

	"github.com/stitchdetect/stitch/rules/schema"
)

// Schema returns the JSON Schema of a test file.
func Schema() schema.Object {
	return schema.Of(reflect.TypeFor[fileSpec](), "Tests of a rule of stitch", schemaKeys())
}

func schemaKeys() map[string]schema.Key {
	return map[string]schema.Key{
		"start":             {About: "When each test begins, for times such as +5m"},
		"run":               {About: "How long the clock goes on", Shape: schema.Duration()},
		"event":             {About: "Events by name, for tests to build on", Shape: schema.TableOf(eventShape())},
		"harmless":          {About: "Mutations of the rule that no test need notice"},
		"harmless.mutation": {About: "The mutation, as stitch test --coverage names it", Required: true},
		"harmless.reason":   {About: "Why it changes nothing that the rule is about", Required: true},
		"test":              {About: "The tests"},
		"test.name":         {About: "What it shows", Required: true},
		"test.start":        {About: "When it begins, instead of the file's start"},
		"test.run":          {About: "How long the clock goes on, instead of the file's", Shape: schema.Duration()},
		"test.events":       {About: "Named events that happen, each with a time if it is another: copy +26h"},
		"test.event":        {About: "Events that happen", Shape: schema.Object{"type": "array", "items": eventShape()}},
		"test.alerts":       {About: "How many alerts there must be; 0 for none"},
		"test.alert":        {About: "An alert that must be there, with the fields that matter"},
	}
}

// eventShape is an event: these keys, and columns of its view.
func eventShape() schema.Object {
	return schema.Object{"type": "object", "properties": schema.Object{
		keyLike:     schema.Object{"type": "string", "description": "The named event that it is like"},
		keyID:       schema.Object{"type": "string", "description": "The document's _id"},
		keyView:     schema.Object{"type": "string", "description": "The view it is of"},
		keySource:   schema.Object{"type": "string", "description": "The source of the view; the first that can carry it"},
		keyIndex:    schema.Object{"type": "string", "description": "The index of a raw document"},
		keyAt:       schema.Object{"description": "When it happens: +5m after the start, or a time"},
		keyArrives:  schema.Object{"description": "When it arrives"},
		keyRepeat:   schema.Object{"type": "integer", "description": "How many there are"},
		keyEvery:    schema.Object{"type": "string", "description": "How far apart they are"},
		keyWithout:  schema.Object{"description": "Columns of the event it is like that it does not have"},
		keyDocument: schema.Object{"type": "object", "description": "A raw document"},
	}}
}
