package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"
)

const index = "bench-logs"

// pairsPerRound is how many users have an alert and then a copy in a round.
const pairsPerRound = 5

const mapping = `{
  "settings": {"number_of_replicas": 0},
  "mappings": {
    "dynamic_templates": [{"strings": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}],
    "properties": {"@timestamp": {"type": "date"}, "event.ingested": {"type": "date"}}
  }
}`

// feed is documents that arrive round by round.
type feed struct {
	node  *node
	round int
	users map[string]bool // that have both
}

// next lets a round of documents arrive, and the node show them.
func (f *feed) next(ctx context.Context, documents int) error {
	var bulk bytes.Buffer
	f.round++
	// A new process of ElastAlert 2 looks at nothing from before the last one's
	// run, so that nothing may be older than its arrival.
	now := time.Now().UTC()
	add := func(at time.Duration, user, event string) {
		time := now.Add(at).Format("2006-01-02T15:04:05.000Z")
		fmt.Fprintf(&bulk, "{\"create\":{\"_index\":%q}}\n", index)
		fmt.Fprintf(&bulk, "{\"@timestamp\":%q,\"user\":{\"name\":%q},\"host\":{\"name\":\"host-%d\"},\"event\":{\"ingested\":%q,%s}}\n", time, user, f.round%97, time, event)
	}
	for i := range pairsPerRound {
		user := fmt.Sprintf("user-%d-%d", f.round, i)
		f.users[user] = true
		add(0, user, `"dataset":"o365.audit","provider":"SecurityComplianceCenter","category":"web","action":"Mass download by a single user","outcome":"success"`)
		add(time.Millisecond, user, `"dataset":"endpoint.events.file","category":"file","action":"creation","outcome":"success"`)
	}
	for i := range documents - 2*pairsPerRound {
		user := fmt.Sprintf("other-%d", i%500)
		add(time.Duration(i%10)*time.Millisecond, user, `"dataset":"o365.audit","provider":"SharePoint","category":"web","action":"FileAccessed","outcome":"success"`)
	}
	var answer struct{ Errors bool }
	if err := f.node.ask(ctx, http.MethodPost, "/_bulk?refresh=true", bulk.Bytes(), &answer); err != nil {
		return err
	}
	if answer.Errors {
		return fmt.Errorf("feed: a document was refused")
	}
	return nil
}
