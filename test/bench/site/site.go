// Package site is a search node with the indices of the integrations, as the
// benchmarks need one: warm code, memory of a size that is given, and data that
// is loaded as fast as it goes.
package site

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"

	"github.com/stitchdetect/stitch/esq/memory"
	"github.com/stitchdetect/stitch/test/engines"
	"github.com/stitchdetect/stitch/test/engines/node"
)

// Site is a running node.
type Site struct {
	engines.Engine
	stop func() error
}

// Start starts a node of an engine (es8, es9, os2 or os3) with a heap such as
// "2g". It compiles hot code as far as it can, which the nodes of tests do not.
func Start(ctx context.Context, name, heap string, log io.Writer) (*Site, error) {
	all := engines.All()
	i := slices.IndexFunc(all, func(e engines.Engine) bool { return e.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("start node: no engine %q; there are es8, es9, os2 and os3", name)
	}
	e := all[i]
	for variable, value := range map[string]string{
		"HEAP": heap, "OPENSEARCH_JAVA_OPTS": "-XX:TieredStopAtLevel=4", "ES_JAVA_OPTS": "-XX:TieredStopAtLevel=4", "STITCH_TEST_VIA": "process",
	} {
		if err := os.Setenv(variable, value); err != nil {
			return nil, fmt.Errorf("start node: %w", err)
		}
	}
	n, err := node.Start(ctx, e, func(format string, args ...any) { fmt.Fprintf(log, format+"\n", args...) })
	if err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	e.URL = n.URL
	return &Site{Engine: e, stop: n.Stop}, nil
}

// Stop ends the node and removes its data.
func (s *Site) Stop() error { return s.stop() }

// Ask sends a request that must succeed.
func (s *Site) Ask(ctx context.Context, method, path, body string) ([]byte, error) {
	status, answer, err := s.Request(ctx, method, path, body)
	if err == nil && (status < 200 || status > 299) {
		err = fmt.Errorf("%s %s: status %d: %.500s", method, path, status, answer)
	}
	return answer, err
}

// patterns are the indices of the integrations.
var patterns = []string{"logs-m365_defender.*", "logs-o365.*", "logs-endpoint.*", "logs-microsoft_sentinel.*", "filebeat-*"}

// Prepare puts the template that gives the indices their types, without
// replicas, and refreshed every so often ("1s"; "-1" for never).
func (s *Site) Prepare(ctx context.Context, refresh string) error {
	types, err := memory.ECS().Template(s.Family)
	if err != nil {
		return fmt.Errorf("prepare node: %w", err)
	}
	body := fmt.Sprintf(`{"index_patterns":["%s","%s","%s","%s","%s"],"priority":900,"template":{"settings":{"number_of_shards":1,"number_of_replicas":0,
		"refresh_interval":%q,"translog.durability":"async","translog.flush_threshold_size":"1gb"},"mappings":%s}}`,
		patterns[0], patterns[1], patterns[2], patterns[3], patterns[4], refresh, types)
	_, err = s.Ask(ctx, http.MethodPut, "/_index_template/bench", body)
	return err
}

// Clear removes what was loaded.
func (s *Site) Clear(ctx context.Context) error {
	var errs []error
	for _, p := range patterns {
		answer, err := s.Ask(ctx, http.MethodGet, "/_cat/indices/"+p+"?h=index&format=json", "")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, name := range indexNames(answer) {
			_, err := s.Ask(ctx, http.MethodDelete, "/"+name, "")
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
