package dashboards

import "maps"

// agg is an aggregation of a visualization.
type agg struct {
	ID      string `json:"id"`
	Enabled bool   `json:"enabled"`
	Type    string `json:"type"`
	Schema  string `json:"schema"` // what the visualization does with it
	Params  object `json:"params"`
}

type object = map[string]any

func metric(kind string, params object) agg {
	return agg{Enabled: true, Type: kind, Schema: "metric", Params: params}
}

func count(label string) agg { return metric("count", object{"customLabel": label}) }

func highest(field, label string) agg {
	return metric("max", object{"field": field, "customLabel": label})
}

func total(field, label string) agg {
	return metric("sum", object{"field": field, "customLabel": label})
}

func distinct(field, label string) agg {
	return metric("cardinality", object{"field": field, "customLabel": label})
}

// overTime parts documents by time, as finely as the screen allows.
func overTime() agg {
	return agg{Enabled: true, Type: "date_histogram", Schema: "segment", Params: object{
		"field": "@timestamp", "useNormalizedEsInterval": true, "useNormalizedOpenSearchInterval": true, "scaleMetricValues": false,
		"interval": "auto", "drop_partials": false, "min_doc_count": 1, "extended_bounds": object{}, "customLabel": "",
	}}
}

// top parts documents by the commonest values of a field.
func top(field, label, schema string, size int) agg {
	return agg{Enabled: true, Type: "terms", Schema: schema, Params: object{
		"field": field, "orderBy": "_key", "order": "desc", "size": size, "otherBucket": false, "otherBucketLabel": "Other",
		"missingBucket": false, "missingBucketLabel": "Missing", "customLabel": label,
	}}
}

// numbered gives aggregations their ids, and has values ordered by the count.
func numbered(list []agg) []agg {
	out := make([]agg, len(list))
	counted := ""
	for i, a := range list {
		a.ID = string(rune('1' + i))
		if a.Type == "count" {
			counted = a.ID
		}
		out[i] = a
	}
	for i, a := range out {
		if a.Type != "terms" || counted == "" {
			continue
		}
		params := maps.Clone(a.Params)
		params["orderBy"] = counted
		out[i].Params = params
	}
	return out
}
