package rules

import (
	"reflect"

	"github.com/stitchdetect/stitch/rules/schema"
)

// Schemas returns the JSON Schemas of the files that [Load] reads: of a rule, a
// view, and exceptions.
func Schemas() map[string]schema.Object {
	return map[string]schema.Object{
		"rule":       schema.Of(reflect.TypeFor[ruleFile](), "A rule of stitch", ruleKeys()),
		"view":       schema.Of(reflect.TypeFor[viewFile](), "A view of stitch", viewKeys()),
		"exceptions": schema.Of(reflect.TypeFor[exceptionFile](), "Exceptions of stitch's rules", exceptionKeys()),
	}
}

func required(about string) schema.Key { return schema.Key{About: about, Required: true} }

func about(about string) schema.Key { return schema.Key{About: about} }

func duration(about string) schema.Key { return schema.Key{About: about, Shape: schema.Duration()} }

func shaped(about string, shape schema.Object) schema.Key {
	return schema.Key{About: about, Shape: shape}
}

func ruleKeys() map[string]schema.Key {
	const refused = "Not supported: a rule that has it is refused, since it would find other things without it"
	lookBack := schema.Object{"type": "string", "pattern": `^\s*now-[0-9]+(ms|s|m|h|d|w)$`}
	entity := schema.Object{"type": "object", "additionalProperties": schema.Text(), "required": []string{"type"},
		"properties": schema.Object{"type": schema.Object{"type": "string", "enum": entityTypes}}}
	keys := map[string]schema.Key{
		"metadata":  about("About the file, as in Elastic's rules; stitch keeps it as it is"),
		"rule":      required("The rule"),
		"transform": about("Elastic's investigation guides: for Kibana only"),

		"rule.rule_id":         required("A UUID; the ids of the rule's alerts are made of it, so it never changes"),
		"rule.name":            required("What the rule is called"),
		"rule.description":     about("What happens, and why it matters"),
		"rule.author":          about("Who wrote it"),
		"rule.license":         about("The rule's licence"),
		"rule.version":         about("A number that rises with each change"),
		"rule.enabled":         about("false keeps it from running"),
		"rule.type":            {About: "query: every document is an alert; sequence: a chain of stages", Enum: []string{"query", "sequence"}, Required: true},
		"rule.language":        {About: "Of query; kuery", Enum: []string{"kuery"}},
		"rule.index":           about("Indices and patterns, where no view says which"),
		"rule.schedule":        about("A cron line of five fields, with CRON_TZ=Zone before it for a time zone; instead of interval"),
		"rule.interval":        duration("How often the rule runs; 5m"),
		"rule.from":            shaped("How far back a run looks: now-30m", lookBack),
		"rule.to":              {About: "Always now", Enum: []string{"now"}},
		"rule.maxspan":         duration("From the first event of a chain to its last"),
		"rule.lateness":        duration("How long after it happened a document may still arrive; 24h"),
		"rule.settle":          duration("How long a document may take to be searchable after its ingest stamp; 1m"),
		"rule.max_rows":        about("How many rows a stage may bring before the run fails; 1000000"),
		"rule.user_map":        about("false: the user map has no part in the rule"),
		"rule.severity":        {About: "How bad it is", Enum: []string{"low", "medium", "high", "critical"}},
		"rule.risk_score":      about("0 to 100"),
		"rule.tags":            about("Words to find the rule by"),
		"rule.references":      about("Pages about it"),
		"rule.false_positives": about("What else it may be"),
		"rule.note":            about("What to do when it fires, in Markdown"),
		"rule.setup":           about("What it needs"),
		"rule.query":           about("Of a query rule, in kuery"),
		"rule.lint":            shaped("Warnings of stitch check that are silenced: CODE = \"the reason\"", schema.TableOf(schema.Text())),

		"rule.stage":           about("The stages of a sequence, in time order unless after says otherwise"),
		"rule.stage.id":        required("How joins and details name it: letters, digits and _"),
		"rule.stage.index":     about("Indices and patterns, instead of a view"),
		"rule.stage.after":     shaped("Which stages it comes after: an id, a list, or a table of ids and longest gaps; [] for any order", schema.OneOf(schema.TextOrList(), schema.TableOf(schema.Duration()))),
		"rule.stage.within":    duration("The longest gap from the stage above"),
		"rule.stage.pick":      {About: "Of the rows that could stand here, the nearest in time", Enum: []string{"first", "last"}},
		"rule.stage.absent":    about("true: no such row may exist"),
		"rule.stage.query":     required("VIEW where CONDITION, in EQL's words"),
		"rule.stage.join":      about("What ties its rows to those of stages above: STAGE.COLUMN names theirs, any other name its own"),
		"rule.stage.summarize": shaped("Makes rows of groups: by = [columns], and named aggregates such as files = \"set(file.name)\"", schema.Object{"type": "object", "properties": schema.Object{"by": schema.Object{"type": "array", "items": schema.Text()}}, "additionalProperties": schema.Text()}),

		"rule.alert":         about("What an alert is"),
		"rule.alert.anchor":  about("The stage whose row makes the incident; the first unless given"),
		"rule.alert.by":      about("One alert for each value of these: stages, STAGE.COLUMN or columns"),
		"rule.alert.details": about("Names of details to expressions over STAGE.COLUMN, or to tables of them"),
		"rule.alert.entity":  shaped("Entities as Microsoft Sentinel has them: type, and identifiers as expressions", schema.Object{"type": "array", "items": entity}),

		"rule.alert_suppression":                         about("Of alerts with the same values, the first stands for those that follow it within a time"),
		"rule.alert_suppression.group_by":                {About: "The fields whose values they have in common", Required: true, Shape: schema.TextOrList()},
		"rule.alert_suppression.duration":                about("Within which time; an interval unless given"),
		"rule.alert_suppression.duration.value":          required("How many units"),
		"rule.alert_suppression.duration.unit":           {About: "Seconds, minutes or hours", Enum: []string{"s", "m", "h"}, Required: true},
		"rule.alert_suppression.missing_fields_strategy": {About: "Whether alerts without a value are alike", Enum: []string{"suppress", "doNotSuppress"}},

		"rule.threat":           about("MITRE ATT&CK"),
		"rule.threat.framework": {About: "The framework", Enum: []string{"MITRE ATT&CK"}},
	}
	for _, key := range []string{"filters", "exceptions_list", "threshold", "new_terms", "data_view_id", "saved_id"} {
		keys["rule."+key] = about(refused)
	}
	return keys
}

func viewKeys() map[string]schema.Key {
	texts := schema.TableOf(schema.Text())
	column := schema.Of(reflect.TypeFor[columnSpec](), "", map[string]schema.Key{
		"from":   shaped("Candidate fields, the first that has a value; [] if the source never has it", schema.TextOrList()),
		"as":     {About: "How its values are spelled", Enum: normals},
		"domain": about("The field with the domain of accounts that are names alone"),
		"where":  shaped("Of an array of objects, those whose leaves say so", texts),
		"map":    shaped("The source's word = the view's", texts),
		"weak":   about("What an alert says whose chains have a row without a value here"),
	})
	delete(column, "$schema")
	delete(column, "title")
	columns := shaped("Names of columns, in ECS, to the fields that hold them", schema.TableOf(schema.OneOf(schema.TextOrList(), column)))
	return map[string]schema.Key{
		"description":    required("What kind of event it is"),
		"identity":       about("Columns that are the same for all documents of one event, such as an alert's id"),
		"source":         required("The integrations that carry it"),
		"source.name":    required("How messages name it"),
		"source.index":   required("Indices and patterns"),
		"source.filter":  about("Which of the documents there, in kuery"),
		"source.time":    about("The field that says when it happened; @timestamp"),
		"source.ingest":  about("The field that says when it was stored; event.ingested, or \"\" for none"),
		"source.columns": columns,

		"source.part":         about("Further documents of the same event, whose columns are added to the first one's"),
		"source.part.on":      required("The field that both share"),
		"source.part.within":  duration("How far from the first document's time they may be"),
		"source.part.index":   about("Indices and patterns, where they are others than the source's"),
		"source.part.filter":  about("Which of the documents there, in kuery"),
		"source.part.time":    about("The field that says when it happened, as of a source"),
		"source.part.ingest":  about("The field that says when it was stored, as of a source"),
		"source.part.columns": columns,
	}
}

func exceptionKeys() map[string]schema.Key {
	return map[string]schema.Key{
		"exception":         required("What rules leave alone"),
		"exception.rule":    {About: "The rule's id, a list of ids, or * for all", Required: true, Shape: schema.TextOrList()},
		"exception.stage":   about("The stage; left out, every stage that has the columns and is not absent"),
		"exception.when":    required("Which rows, in EQL, on the stage's columns"),
		"exception.owner":   required("Who answers for it"),
		"exception.reason":  required("Why"),
		"exception.expires": about("A date or time; events from then on are matched again"),
	}
}
