package doctor

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/test/engines"
)

// What is wrong with indices is seen alike on every cluster.
func TestOnClusters(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		prefix := e.Prefix(t)
		flat := map[string]string{engines.Elasticsearch: "flattened", engines.OpenSearch: "flat_object"}[e.Family]
		create := func(name, fields string) {
			e.Must(t, http.MethodPut, "/"+prefix+name, fmt.Sprintf(`{"settings":{"number_of_shards":1,"number_of_replicas":0,"refresh_interval":"45s"},
				"mappings":{"dynamic":false,"properties":{"@timestamp":{"type":"date"},"event.kind":{"type":"keyword"},"event.action":{"type":"keyword"},
				"event.ingested":{"type":"date"},"rule.name":{"type":"keyword"},"message":{"type":"text"},"raw":{"type":%q},%s}}}`, flat, fields))
		}
		create("shop-1", `"user.email":{"type":"keyword","ignore_above":20},"file.name":{"type":"keyword"}`)
		create("shop-2", `"user.email":{"type":"keyword","ignore_above":20},"file.name":{"type":"text"}`)
		create("shop-3", `"user.email":{"type":"keyword"},"file.name":{"type":"keyword"}`)
		now := time.Now().UTC().Truncate(time.Millisecond)
		var bulk strings.Builder
		add := func(index string, ago, late time.Duration, fields string) {
			at := now.Add(-ago)
			fmt.Fprintf(&bulk, `{"index":{"_index":%q}}`+"\n"+`{"@timestamp":%q,"event":{"ingested":%q,"kind":"thing","action":"made"},%s}`+"\n",
				prefix+index, at.Format(isoMillis), at.Add(late).Format(isoMillis), fields)
		}
		add("shop-1", 5*time.Hour, 10*time.Second, `"user":{"email":"a@x.example"},"raw":{"Id":"7"},"rule":{"name":"Made By Hand"},"message":"made by hand"`)
		add("shop-1", 4*time.Hour, 20*time.Second, `"user":{"email":"a.long.name.of.a.person@x.example"},"raw":{"Id":"8"}`)
		add("shop-2", 3*time.Hour, 100*time.Minute, `"user":{"email":"b@x.example"},"file":{"name":"plan.pdf"},"raw":{"Id":"9"}`)
		add("shop-2", 2*time.Hour, 30*time.Second, `"user":{"email":"c@x.example"},"hidden":"seen in the source alone"`)
		if answer := e.Must(t, http.MethodPost, "/_bulk?refresh=true", bulk.String()); strings.Contains(string(answer), `"error"`) {
			t.Fatalf("%s", answer)
		}
		e.Must(t, http.MethodPost, "/"+prefix+"shop-3/_close", "")

		list := rulesOf(t, map[string]string{
			"rule.toml": oneStage + `query = 'thing where event.kind == "thing" and user.email != "x" and file.name != "y" and raw.Id != "z" and hidden != "h" and event.action == "Made By Hand"'`,
			"views/thing.toml": strings.ReplaceAll(`
description = "A thing that was made"
[[source]]
name = "shop"
index = ["PREFIXshop-*"]
filter = 'event.kind:thing'
[source.columns]
"raw.Id" = "raw.Id"
"hidden" = "hidden"
[[source]]
name = "mill"
index = ["PREFIXmill-*"]
`, "PREFIX", prefix)})
		c, err := esq.Open(t.Context(), esq.Config{URLs: []string{e.URL}})
		if err != nil {
			t.Fatal(err)
		}
		report, err := Examine(t.Context(), c, Cluster(c, c, c.Product()), list, Options{
			At: now, Clock: time.Now, Own: []OwnIndex{{Name: prefix + "alerts", Missing: []string{"write"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		said := func(list []Reason) []string {
			var out []string
			for _, text := range texts(list) {
				out = append(out, strings.ReplaceAll(text, prefix, ""))
			}
			return out
		}
		r := report.Rules[0]
		if diff := cmp.Diff([]string{`made/shop: condition event.action == "Made By Hand" passes none of 4 documents; values seen: made; "Made By Hand" stands in rule.name`}, said(r.Reasons)); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
		shop, mill := r.Stages[0].Sources[0], r.Stages[0].Sources[1]
		want := []string{
			"made/shop: index shop-3 is closed, and searches pass over it",
			"made/shop: user.email: 1 document has a value that is not in the index, too long (ignore_above) or malformed; stitch finds it, other queries do not",
			"made/shop: file.name has several types: keyword in shop-1; text in shop-2",
			"made/shop: hidden is in documents, but no index maps it: queries do not see it",
			"made/shop: file.name: text where keyword is needed; the engine cannot compare whole values, and stitch reads every document that has one",
		}
		if diff := cmp.Diff(want, said(shop.Notes)); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"made/mill: no index matches mill-*"}, said(mill.Why)); diff != "" {
			t.Errorf("the missing source (-want +got):\n%s", diff)
		}
		var indices []string
		for _, i := range shop.Patterns[0].Indices {
			indices = append(indices, fmt.Sprintf("%s %d %v %v", strings.TrimPrefix(i.Name, prefix), i.Documents, i.State, time.Duration(i.Refresh)))
		}
		if diff := cmp.Diff([]string{"shop-1 2 [] 45s", "shop-2 2 [] 45s", "shop-3 0 [closed] 45s"}, indices); diff != "" {
			t.Errorf("indices (-want +got):\n%s", diff)
		}
		var filled []string
		for _, c := range shop.Columns {
			filled = append(filled, fmt.Sprintf("%s %d/%d %v", c.Name, c.Filled, c.Of, c.Fields[0].Types))
		}
		wantFilled := []string{"event.kind 4/4 [keyword]", "user.email 4/4 [keyword]", "file.name 1/4 [keyword text]", "raw.Id 3/4 [" + flat + "]", "hidden 1/4 []", "event.action 4/4 [keyword]"}
		if diff := cmp.Diff(wantFilled, filled); diff != "" {
			t.Errorf("columns (-want +got):\n%s", diff)
		}
		second := Duration(time.Second)
		wantArrival := &Arrival{Field: "event.ingested", Present: 4, Checked: 4, Of: 4, P50: 20 * second, P99: 6000 * second, Most: 6000 * second}
		if diff := cmp.Diff(wantArrival, shop.Arrival); diff != "" {
			t.Errorf("arrival (-want +got):\n%s", diff)
		}
		if time.Duration(r.AdviseLateness) != 2*time.Hour || time.Duration(r.AdviseSettle) != 2*time.Minute {
			t.Errorf("lateness %v and settle %v, want 2h and 2m", time.Duration(r.AdviseLateness), time.Duration(r.AdviseSettle))
		}
		if report.Clock == nil || time.Duration(report.Clock.Ahead).Abs() > time.Duration(report.Clock.Give)+time.Second {
			t.Errorf("clock %+v, want ours", report.Clock)
		}
		if len(report.Own[0].Missing) > 0 {
			t.Errorf("%v is missing on a cluster without security", report.Own[0].Missing)
		}
	})
}
