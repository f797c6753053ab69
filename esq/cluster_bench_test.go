package esq_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/esq"
)

// fullPage is an answer with n hits such as a stage's sources bring.
func fullPage(n int) (string, esq.Search) {
	s := esq.Search{Indices: []string{"i"}, Query: esq.MatchAll{}, Time: "@timestamp"}
	for _, path := range []string{"@timestamp", "data_stream.type", "data_stream.dataset", "data_stream.namespace", "event.action", "file.name",
		"file.path", "file.directory", "host.id", "host.name", "process.executable", "m365_defender.event.initiating_process.account_upn", "user.id"} {
		s.Fields = append(s.Fields, esq.Field{Path: path})
	}
	var hits []string
	for i := range n {
		hits = append(hits, fmt.Sprintf(`{"_index":"logs-m365_defender.event-default","_id":"id%06d","_score":null,"sort":[%d],"_source":{
			"@timestamp":"2026-03-02T10:00:00.%03dZ","data_stream":{"type":"logs","dataset":"m365_defender.event","namespace":"default"},
			"event":{"action":"creation"},"file":{"name":"Section %d.dwg","path":"E:\\out\\Section %[4]d.dwg","directory":"E:\\out"},
			"host":{"id":"c4ca4238a0b923820dcc509a6f75849b%[4]d","name":"hm-got-%[4]d.corp.example"},"process":{"executable":"c:\\windows\\explorer.exe"},
			"m365_defender":{"event":{"initiating_process":{"account_upn":"someone%[4]d@haldenmarine.example"}}},"user":{"id":"S-1-5-21-1-%[4]d"}}}`,
			i, 1772445600000+i, i%1000, i))
	}
	return fmt.Sprintf(`{"took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"total":{"value":%d,"relation":"eq"},"hits":[%s]}}`,
		n, strings.Join(hits, ",")), s
}

func BenchmarkSearchOfAPage(b *testing.B) {
	body, s := fullPage(1000)
	f := &fake{}
	c, err := esq.Open(b.Context(), esq.Config{URLs: []string{"http://cluster:9200"}, Transport: f})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		f.script, f.asked = []reply{{body: body}}, nil
		if _, err := c.Search(b.Context(), s, func(esq.Hit) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
