package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/cmd/stitch/demo"
	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

// demoSoFar is how much of the demo's day has passed when the last of the files
// was copied a few minutes ago.
const demoSoFar = 14*time.Hour + 29*time.Minute

// demoTemplate is the name of the index template of the demo's indices.
const demoTemplate = "stitch-demo"

// putDemo writes the made-up day into indices of its own, as far as it has
// passed if it is 14:29 of it now. All of it arrives now.
func putDemo(ctx context.Context, s streams, cluster *esq.Cluster, now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	writes, err := demoWrites(demo.Day(now.Add(-demoSoFar)), now)
	if err != nil {
		return fmt.Errorf("make the demo: %w", err)
	}
	indices := map[string]bool{}
	for _, w := range writes {
		indices[w.Index] = true
	}
	names := slices.Sorted(maps.Keys(indices))
	if err := putDemoTemplate(ctx, cluster, names); err != nil {
		return err
	}
	for batch := range slices.Chunk(writes, 1000) {
		outcomes, err := cluster.Bulk(ctx, batch, true)
		if err != nil {
			return fmt.Errorf("load the demo: %w", err)
		}
		for i, o := range outcomes {
			if o.Err != nil {
				return fmt.Errorf("load the demo: write %s/%s: %w", batch[i].Index, batch[i].ID, o.Err)
			}
		}
	}
	fmt.Fprintf(s.out, "Loaded %s of a made-up day into cluster %s:\n", count(len(writes), "document"), cluster.Name())
	for _, name := range names {
		fmt.Fprintf(s.out, "  %s\n", name)
	}
	fmt.Fprintf(s.out, "\nIts incident ended minutes ago: stitch bootstrap, then stitch run finds it.\n"+
		"To remove it: DELETE /%s, then DELETE /_index_template/%s\n", strings.Join(names, ","), demoTemplate)
	return nil
}

// putDemoTemplate gives the indices the types that the integrations' templates
// would have given them, and a priority above those, which make data streams.
func putDemoTemplate(ctx context.Context, cluster *esq.Cluster, indices []string) error {
	types, err := memory.ECS().Template(cluster.Product())
	if err != nil {
		return err
	}
	type object = map[string]any
	body := object{"index_patterns": indices, "priority": 900, "template": object{
		"settings": object{"number_of_shards": 1, "number_of_replicas": 0}, "mappings": types,
	}}
	if err := cluster.Do(ctx, http.MethodPut, "/_index_template/"+demoTemplate, body, nil); err != nil {
		return fmt.Errorf("put index template %s: %w", demoTemplate, err)
	}
	return nil
}

// demoWrites turns the lines of a day into writes of what has happened by now.
func demoWrites(day []byte, now time.Time) ([]esq.Write, error) {
	var writes []esq.Write
	for line := range bytes.Lines(day) {
		var hit struct {
			Index  string         `json:"_index"`
			ID     string         `json:"_id"`
			Source map[string]any `json:"_source"`
		}
		if err := json.Unmarshal(line, &hit); err != nil {
			return nil, err
		}
		at, err := time.Parse(time.RFC3339, hit.Source["@timestamp"].(string))
		if err != nil {
			return nil, err
		}
		if at.After(now) {
			continue
		}
		hit.Source["event"].(map[string]any)["ingested"] = now.Format(time.RFC3339)
		source, err := json.Marshal(hit.Source)
		if err != nil {
			return nil, err
		}
		writes = append(writes, esq.Write{Ref: esq.Ref{Index: demoIndex(hit.Index), ID: hit.ID}, Source: source})
	}
	return writes, nil
}

// demoIndex is the index of the demo beside that of real data: it has a
// namespace of its own, in place of "default" or of a day.
func demoIndex(name string) string {
	return name[:strings.LastIndex(name, "-")] + "-demo"
}
