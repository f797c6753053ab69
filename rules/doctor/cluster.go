package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// Admin sends one request to a cluster, as [esq.Cluster.Do] does.
type Admin interface {
	Do(ctx context.Context, method, path string, body, out any) error
}

type cluster struct {
	engine  esq.Searcher
	admin   Admin
	product string
}

// Cluster returns the site of a cluster; product is [esq.Elasticsearch] or
// [esq.OpenSearch].
func Cluster(engine esq.Searcher, admin Admin, product string) Site {
	return cluster{engine, admin, product}
}

// refused returns why an answer did not come, for what the user may not ask or
// the engine does not know, and the error that is none of these.
func refused(err error) (why string, other error) {
	var refusal *esq.ResponseError
	if errors.As(err, &refusal) && refusal.Status < http.StatusInternalServerError && refusal.Status != http.StatusTooManyRequests {
		return refusal.Reason, nil
	}
	return "", err
}

// maxCounted is how many indices are counted one by one, where their statistics
// may not be read.
const maxCounted = 50

// Indices asks the cluster to resolve each pattern. Where the user may not, what
// searches see is all that is known, and Why says so.
func (c cluster) Indices(ctx context.Context, patterns []string) (Known[[]Pattern], error) {
	var out Known[[]Pattern]
	for _, p := range patterns {
		found := Pattern{Pattern: p}
		if remote, _, ok := strings.Cut(p, ":"); ok {
			found.Remote = remote
		}
		var err error
		if found.Indices, err = c.resolve(ctx, p); err != nil {
			why, other := refused(err)
			if other != nil {
				return out, other
			}
			out.Why = why
			if found.Indices, err = c.searched(ctx, p); err != nil {
				if found.Refused, other = refused(err); other != nil {
					return out, other
				}
			}
		}
		if err := c.count(ctx, p, found.Indices); err != nil {
			return out, err
		}
		slices.SortFunc(found.Indices, func(a, b Index) int { return strings.Compare(a.Name, b.Name) })
		out.Value = append(out.Value, found)
	}
	return out, nil
}

// resolve returns the indices behind a pattern.
func (c cluster) resolve(ctx context.Context, pattern string) ([]Index, error) {
	var answer struct {
		Indices []struct {
			Name       string
			Attributes []string
		}
	}
	path := "/_resolve/index/" + escaped(pattern) + "?expand_wildcards=all"
	err := c.admin.Do(ctx, http.MethodGet, path, nil, &answer)
	var refusal *esq.ResponseError
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return nil, nil // a name, not a pattern, that is not there
	}
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", pattern, err)
	}
	// Of aliases and data streams the answer has the names alone; the settings
	// have the indices behind them.
	settings := c.settings(ctx, pattern)
	var out []Index
	for _, i := range answer.Indices {
		x := settings[i.Name]
		x.Name = i.Name
		for _, state := range []string{Closed, Frozen, Hidden} {
			if slices.Contains(i.Attributes, state) {
				x.State = append(x.State, state)
			}
		}
		delete(settings, i.Name)
		out = append(out, x)
	}
	for name, x := range settings {
		x.Name = name
		out = append(out, x)
	}
	return out, nil
}

// searched returns the indices that a search of the pattern would look into.
func (c cluster) searched(ctx context.Context, pattern string) ([]Index, error) {
	var answer struct{ Indices []string }
	path := "/" + escaped(pattern) + "/_field_caps?fields=@timestamp&ignore_unavailable=true&allow_no_indices=true"
	if err := c.admin.Do(ctx, http.MethodGet, path, nil, &answer); err != nil {
		return nil, fmt.Errorf("list what %s matches: %w", pattern, err)
	}
	var out []Index
	for _, name := range answer.Indices {
		out = append(out, Index{Name: name})
	}
	return out, nil
}

// count fills in the documents of open indices.
func (c cluster) count(ctx context.Context, pattern string, indices []Index) error {
	var answer struct {
		Indices map[string]struct {
			Primaries struct{ Docs struct{ Count int64 } }
		}
	}
	err := c.admin.Do(ctx, http.MethodGet, "/"+escaped(pattern)+"/_stats/docs?expand_wildcards=open,hidden&forbid_closed_indices=false", nil, &answer)
	if err == nil {
		for i := range indices {
			indices[i].Documents = answer.Indices[indices[i].Name].Primaries.Docs.Count
		}
		return nil
	}
	if _, other := refused(err); other != nil {
		return other
	}
	for i := range indices[:min(len(indices), maxCounted)] {
		n, _, err := c.engine.Count(ctx, []string{indices[i].Name}, esq.MatchAll{})
		if err != nil {
			if _, other := refused(err); other != nil {
				return other
			}
		}
		indices[i].Documents = n
	}
	return nil
}

// settings reads what the settings say of the indices behind a pattern; where
// they may not be read, nothing.
func (c cluster) settings(ctx context.Context, pattern string) map[string]Index {
	if strings.Contains(pattern, ":") {
		return nil
	}
	var answer map[string]struct {
		Settings map[string]string
	}
	path := "/" + escaped(pattern) + "/_settings?flat_settings=true&ignore_unavailable=true&expand_wildcards=all"
	if err := c.admin.Do(ctx, http.MethodGet, path, nil, &answer); err != nil {
		return nil
	}
	out := map[string]Index{}
	for name, s := range answer {
		x := Index{}
		switch {
		case s.Settings["index.store.snapshot.partial"] == "true":
			x.State = append(x.State, Partially)
		case s.Settings["index.store.type"] == "snapshot", s.Settings["index.store.type"] == "remote_snapshot":
			x.State = append(x.State, Mounted)
		}
		if d, err := time.ParseDuration(s.Settings["index.refresh_interval"]); err == nil && d > 0 {
			x.Refresh = Duration(d)
		}
		out[name] = x
	}
	return out
}

func escaped(pattern string) string {
	return strings.NewReplacer("%2A", "*", "%2C", ",", "%3A", ":").Replace(url.PathEscape(pattern))
}

// Lacks asks Elasticsearch. Without security everything is allowed; OpenSearch
// has no such question, and says what is missing when it refuses.
func (c cluster) Lacks(ctx context.Context, index string, wanted []string) (Known[[]string], error) {
	if c.product != esq.Elasticsearch {
		return Known[[]string]{Why: "OpenSearch cannot be asked for a user's rights: what is missing shows where it refuses"}, nil
	}
	name := hereOf(index)
	has, err := hasPrivileges(ctx, c.admin, []string{name}, wanted)
	if err != nil {
		return withoutSecurity(err)
	}
	var out Known[[]string]
	for _, p := range wanted {
		if !has[name][p] {
			out.Value = append(out.Value, p)
		}
	}
	return out, nil
}

// Unreadable returns those of the patterns of which the user of an
// Elasticsearch cluster may not read all: a search passes over what it may not
// read, without an error. An answer that is refused tells of nothing.
func Unreadable(ctx context.Context, admin Admin, patterns []string) ([]string, error) {
	names := make([]string, len(patterns))
	for i, p := range patterns {
		names[i] = hereOf(p)
	}
	has, err := hasPrivileges(ctx, admin, names, []string{"read"})
	if err != nil {
		_, err := withoutSecurity(err)
		return nil, err
	}
	var out []string
	for i, p := range patterns {
		if !has[names[i]]["read"] {
			out = append(out, p)
		}
	}
	return out, nil
}

// hereOf is an index without its remote cluster, which decides by the roles of
// the same names.
func hereOf(index string) string {
	if _, local, ok := strings.Cut(index, ":"); ok {
		return local
	}
	return index
}

// hasPrivileges asks Elasticsearch which privileges the user has on indices, by
// the name of the index and that of the privilege.
func hasPrivileges(ctx context.Context, admin Admin, names, wanted []string) (map[string]map[string]bool, error) {
	body := map[string]any{"index": []any{map[string]any{"names": names, "privileges": wanted, "allow_restricted_indices": false}}}
	var answer struct {
		Index map[string]map[string]bool
	}
	err := admin.Do(ctx, http.MethodPost, "/_security/user/_has_privileges", body, &answer)
	return answer.Index, err
}

// withoutSecurity tells a cluster that has no security, where everything is
// allowed, from one that does not let the user ask.
func withoutSecurity(err error) (Known[[]string], error) {
	var refusal *esq.ResponseError
	if errors.As(err, &refusal) {
		if esq.Refused(err) {
			return Known[[]string]{Why: refusal.Reason}, nil
		}
		return Known[[]string]{}, nil
	}
	return Known[[]string]{}, err
}

// Time reads the clock of the node that answers.
func (c cluster) Time(ctx context.Context) (Known[time.Time], error) {
	var answer struct {
		Nodes map[string]struct {
			Timestamp int64 // ms
		}
	}
	err := c.admin.Do(ctx, http.MethodGet, "/_nodes/_local/stats/jvm", nil, &answer)
	if err != nil {
		why, other := refused(err)
		return Known[time.Time]{Why: why}, other
	}
	for _, n := range answer.Nodes {
		if n.Timestamp > 0 {
			return Known[time.Time]{Value: time.UnixMilli(n.Timestamp).UTC()}, nil
		}
	}
	return Known[time.Time]{Why: "no node says what time it is"}, nil
}
