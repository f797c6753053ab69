package parity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// document is a search hit: fields are the source's, by dotted path.
type document struct {
	index, id string
	arrives   int64 // Unix ms
	fields    map[string]any
	style     style
}

// style is how a document is written where integrations, versions and people's
// own pipelines differ without a difference in meaning.
type style struct {
	dotted  bool   // keys with dots instead of objects in objects
	lists   bool   // every value stands in a list
	missing string // how a value that is not there is written: "", "null", "empty" or "[]"
}

func drawStyle(t *rapid.T) style {
	return style{
		dotted:  oneIn(t, 8, "dotted keys"),
		lists:   oneIn(t, 4, "lists"),
		missing: rapid.SampledFrom([]string{"", "null", "empty", "[]"}).Draw(t, "missing"),
	}
}

// put sets a text; the empty text is a missing value.
func (d document) put(path, text string) {
	switch {
	case text != "":
		d.fields[path] = text
	case d.style.missing == "null":
		d.fields[path] = nil
	case d.style.missing == "empty" && !strings.HasSuffix(path, ".ip"): // no pipeline lets "" into an address
		d.fields[path] = ""
	case d.style.missing == "[]":
		d.fields[path] = []any{}
	}
}

// putAll sets a list of texts.
func (d document) putAll(path string, texts []string) {
	switch len(texts) {
	case 0:
		d.put(path, "")
	case 1:
		d.put(path, texts[0])
	default:
		d.fields[path] = texts
	}
}

// wholeObjects are mapped as flattened: nobody writes keys with dots into them.
func wholeObjects() []string {
	return []string{"m365_defender.event.raw_event_data", "m365_defender.event.additional_fields", "o365.audit.Data.flattened"}
}

// source is the document as it is indexed.
func (d document) source() map[string]any {
	out := map[string]any{}
	for _, path := range slices.Sorted(maps.Keys(d.fields)) {
		value := d.fields[path]
		if d.style.lists && path != "@timestamp" {
			value = inLists(value)
		}
		into, key := out, path
		for _, object := range wholeObjects() {
			if rest, ok := strings.CutPrefix(path, object+"."); ok && d.style.dotted {
				into, key = inner(out, object), rest
			}
		}
		if !d.style.dotted {
			for head, rest, more := strings.Cut(key, "."); more; head, rest, more = strings.Cut(key, ".") {
				into, key = inner(into, head), rest
			}
		}
		into[key] = value
	}
	return out
}

func inner(o map[string]any, key string) map[string]any {
	in, ok := o[key].(map[string]any)
	if !ok {
		in = map[string]any{}
		o[key] = in
	}
	return in
}

// inLists puts every scalar into a list, those inside of objects too.
func inLists(v any) any {
	switch v := v.(type) {
	case []map[string]any:
		out := make([]any, len(v))
		for i, o := range v {
			out[i] = inLists(o)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[k] = inLists(x)
		}
		return out
	case nil, []any, []string:
		return v
	}
	return []any{v}
}

func ndjson(docs []document) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	for _, d := range docs {
		hit := map[string]any{"_index": d.index, "_id": d.id, "_source": d.source()}
		if err := enc.Encode(hit); err != nil {
			panic(err) // maps, lists and texts always encode
		}
	}
	return out.Bytes()
}

// ingested is where a document says when it reached its index.
const ingested = "event.ingested"

// writer makes the documents of one case.
type writer struct {
	docs []document
	late bool // documents may arrive up to a day after their time
}

// start begins a document of a data stream, in one of two namespaces.
func (w *writer) start(t *rapid.T, kind, dataset string, ms int64) document {
	namespace := "default"
	if oneIn(t, 8, "other namespace") {
		namespace = "north"
	}
	d := document{
		index:  "logs-" + dataset + "-" + namespace,
		id:     fmt.Sprintf("%s%d", kind, len(w.docs)),
		fields: map[string]any{},
		style:  drawStyle(t),

		arrives: ms,
	}
	d.fields["@timestamp"] = iso(ms)
	if w.late {
		delay := rapid.SampledFrom([]int64{minute, 0, 5 * hour, day - hour}).Draw(t, "delay")
		d.arrives += delay
		d.fields[ingested] = iso(d.arrives)
	}
	d.fields["data_stream.type"] = "logs"
	d.fields["data_stream.dataset"] = dataset
	d.fields["data_stream.namespace"] = namespace
	return d
}

func (w *writer) add(d document) string {
	w.docs = append(w.docs, d)
	return d.index + "/" + d.id
}

// spoil makes a document that would count one that does not.
func spoil(t *rapid.T, d document) document {
	switch rapid.SampledFrom([]string{"elsewhere", "other kind", "no time"}).Draw(t, "spoilt") {
	case "elsewhere":
		d.index = "logs-other.log-default"
	case "other kind":
		delete(d.fields, "microsoft_sentinel.event.alert.name")
		delete(d.fields, "event.code")
		if d.fields["m365_defender.event.category"] != nil {
			d.fields["m365_defender.event.category"] = "AdvancedHunting-DeviceNetworkEvents"
		}
		if strings.HasPrefix(d.index, "logs-endpoint") {
			d.fields["event.action"] = "connection"
		}
	default:
		delete(d.fields, "@timestamp")
	}
	return d
}

// oneIn is true in one of n cases, n a power of two, and shrinks to false.
func oneIn(t *rapid.T, n int, label string) bool {
	for ; n > 1; n /= 2 {
		if !rapid.Bool().Draw(t, label) {
			return false
		}
	}
	return true
}

// mostly is want, and now and then any of the others.
func mostly[V any](t *rapid.T, want V, others []V, label string) V {
	if oneIn(t, 32, label+" differs") {
		return rapid.SampledFrom(others).Draw(t, label)
	}
	return want
}
