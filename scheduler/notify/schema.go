package notify

import (
	"reflect"

	"github.com/stitchdetect/stitch/rules/schema"
)

// Schema returns the JSON Schema of a file of routes.
func Schema() schema.Object {
	return schema.Of(reflect.TypeFor[fileSpec](), "Notifications of stitch", schemaKeys())
}

func schemaKeys() map[string]schema.Key {
	return map[string]schema.Key{
		"route":              {About: "Where alerts are told", Required: true},
		"route.name":         {About: "What it is called on alerts, in logs and in metrics; it never changes: another name is a new route, which is told nothing of the past", Required: true},
		"route.service_file": {About: "A file that holds the URL of a service, as shoutrrr has it, with its secrets"},
		"route.service_env":  {About: "The variable of the environment that holds it, instead"},
		"route.webhook":      {About: "The address of a webhook, if it is no secret"},
		"route.webhook_file": {About: "A file that holds it, instead"},
		"route.webhook_env":  {About: "The variable of the environment that holds it, instead"},
		"route.secret_file":  {About: "A file that holds the webhook's secret: whsec_ and base64, a line each while one is exchanged"},
		"route.secret_env":   {About: "The variable of the environment that holds it, instead"},
		"route.rules":        {About: "The ids of the rules whose alerts are told; left out, of all"},
		"route.severity":     {About: "The least severity that is told", Enum: severities()},
		"route.on":           {About: "What is told; created unless given", Shape: schema.Object{"type": "array", "items": schema.Object{"type": "string", "enum": []Kind{Created, Updated, Retracted}}}},
		"route.throttle":     {About: "The least time between two messages about one alert; 1h", Shape: schema.Duration()},
		"route.timeout":      {About: "How long an answer is waited for; 15s", Shape: schema.Duration()},
		"route.concurrency":  {About: "How many messages are on their way at once; 2"},
		"route.title":        {About: "The title of a message, a Go template"},
		"route.template":     {About: "The text of a message, a Go template"},
	}
}
