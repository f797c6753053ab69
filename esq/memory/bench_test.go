package memory_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

// dump makes lines of search hits of about 1.9 KB, one a second from noon on.
func dump(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"_index":"logs-m365_defender.event-default","_id":"%d","_source":{"@timestamp":%q,"event":{"action":"filedownloaded","ingested":%q},`+
			`"user":{"id":"user-%d","email":"user%d@example.com"},"source":{"ip":"10.0.%d.%d"},"m365_defender":{"event":{"category":"AdvancedHunting-CloudAppEvents","raw_event_data":{"UserId":"user%d@example.com","SourceFileName":"file %d.docx"`,
			i, noon.Add(time.Duration(i)*time.Second).Format(time.RFC3339), noon.Add(time.Duration(i+60)*time.Second).Format(time.RFC3339), i%500, i%500, i/256%256, i%256, i%500, i)
		for k := range 30 {
			fmt.Fprintf(&b, `,"SomeProperty%d":"C:\\Users\\value %d of it"`, k, i%97)
		}
		b.WriteString("}}}}}\n")
	}
	return b.String()
}

func BenchmarkLoad(b *testing.B) {
	lines := dump(5000)
	b.SetBytes(int64(len(lines)))
	b.ReportAllocs()
	for b.Loop() {
		load(b, memory.New(memory.Options{Now: atNoon}), lines)
	}
}

func BenchmarkSearch(b *testing.B) {
	later := noon.Add(time.Hour)
	e := memory.New(memory.Options{Now: func() time.Time { return later.Add(time.Hour) }, Ingest: []string{"event.ingested"}})
	load(b, e, dump(20000))
	window := esq.Range{Field: "@timestamp", GTE: esq.Str(noon.Format(time.RFC3339)), LT: esq.Str(later.Format(time.RFC3339))}
	for name, q := range map[string]esq.Query{
		"all":    esq.Term{Field: "event.action", Value: esq.Str("uploaded")},
		"window": esq.And(window, esq.Term{Field: "event.action", Value: esq.Str("uploaded")}),
		"folded": esq.And(window, esq.Term{Field: "m365_defender.event.raw_event_data.UserId", Value: esq.Str("USER7@example.com"), CaseInsensitive: true}),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				search(b, e, []string{"logs-*"}, q)
			}
		})
	}
}
