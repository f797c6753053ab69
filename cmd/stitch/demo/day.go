package demo

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"
)

// Day returns the documents of the day that begins at start, as NDJSON: a
// search hit a line (_index, _id, _source), in the order of their times. The
// same start makes the same bytes.
func Day(start time.Time) []byte {
	d := &day{start: start.UTC(), rand: rand.New(rand.NewPCG(1907, 4711))}
	d.incident()
	d.nearMisses()
	d.noise()
	d.graphAlert(d.clock(16, 20, 11), rui, "Impossible travel activity", "resolved")
	return d.lines()
}

// day is a day in the making.
type day struct {
	start     time.Time
	rand      *rand.Rand // the only source of chance, always seeded alike
	documents []document
}

// object is a JSON object.
type object = map[string]any

// document is a search hit.
type document struct {
	Index  string `json:"_index"`
	ID     string `json:"_id"`
	Source object `json:"_source"`

	time time.Time
}

// clock is a time of the day.
func (d *day) clock(hour, minute, second int) time.Time {
	return d.start.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second)
}

// add files a document that happened at t and, after a while, reached index.
func (d *day) add(index string, t time.Time, source object) {
	delay := 30*time.Second + time.Duration(d.rand.Int64N(int64(19*time.Minute+30*time.Second)))
	source["@timestamp"] = stamp(t)
	source["ecs"] = object{"version": "8.11.0"}
	source["event"].(object)["ingested"] = t.Add(delay).Format("2006-01-02T15:04:05Z")
	d.documents = append(d.documents, document{
		Index: index, ID: shortID("document", index, len(d.documents)), Source: source, time: t,
	})
}

// lines writes the documents, the earliest first.
func (d *day) lines() []byte {
	slices.SortStableFunc(d.documents, func(a, b document) int { return a.time.Compare(b.time) })
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for _, doc := range d.documents {
		if err := enc.Encode(doc); err != nil {
			panic(err) // strings, numbers, lists and maps of them always encode
		}
	}
	return out.Bytes()
}

// between is a time from one moment of the day to another, chosen by chance.
func (d *day) between(from, to time.Time) time.Time {
	return from.Add(time.Duration(d.rand.Int64N(int64(to.Sub(from))))).Truncate(time.Millisecond)
}

// pick is one of list, chosen by chance.
func pick[T any](d *day, list []T) T { return list[d.rand.IntN(len(list))] }

// stamp writes a time as the integrations do.
func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z") }

func digest(kind string, parts ...any) [sha256.Size]byte {
	text, err := json.Marshal(append([]any{kind}, parts...))
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return sha256.Sum256(text)
}

// shortID is an id as an engine gives one to a document.
func shortID(kind string, parts ...any) string {
	sum := digest(kind, parts...)
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

// hexID is an id of n hexadecimal digits.
func hexID(n int, kind string, parts ...any) string {
	sum := digest(kind, parts...)
	return hex.EncodeToString(sum[:])[:n]
}

// guid is an id as Microsoft gives one to most things.
func guid(kind string, parts ...any) string {
	h := hexID(32, kind, parts...)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:]
}

// whole is a number below limit, which is positive, that belongs to the parts.
func whole(limit int, kind string, parts ...any) int {
	sum := digest(kind, parts...)
	return (int(sum[0])<<16 | int(sum[1])<<8 | int(sum[2])) % limit
}
