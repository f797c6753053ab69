package esq

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// Console writes searches so that they can be pasted into a console such as
// Kibana's Dev Tools. They are those that a cluster is sent, but that they name
// indices instead of a point in time, and are sorted by time alone.
type Console struct{ dialect dialect }

// Console returns the cluster's.
func (c *Cluster) Console() Console { return Console{c.dialect} }

// NewConsole returns that of a product's newest version, for no cluster in
// particular.
func NewConsole(product string) (Console, error) {
	var info clusterInfo
	switch product {
	case Elasticsearch:
		info.Version.Number = "9.0.0"
	case OpenSearch:
		info.Version.Number, info.Version.Distribution = "3.3.0", OpenSearch
	default:
		return Console{}, fmt.Errorf("no product %q; there are %s and %s", product, Elasticsearch, OpenSearch)
	}
	d, err := newDialect(info)
	return Console{d}, err
}

// Product returns [Elasticsearch] or [OpenSearch].
func (c Console) Product() string { return c.dialect.product }

// Silent is [FieldCap.Silent] of every field.
func (c Console) Silent() bool { return c.dialect.silent }

// ConsoleRequest is one request.
type ConsoleRequest struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   json.RawMessage `json:"body"`
}

// String writes the request as a console takes it, on several lines. There is
// nothing in it that a terminal could not show.
func (r ConsoleRequest) String() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.Path)
	if err := json.Indent(&b, r.Body, "", "  "); err != nil {
		b.Write(r.Body)
	}
	b.WriteByte('\n')
	return b.String()
}

// Search returns the first page of a search: as several requests, with hits that
// some of them share, where the query is longer than the engine takes.
func (c Console) Search(s Search) ([]ConsoleRequest, error) {
	body := searchBody{Size: defaultPages(c.dialect.limits.page).first, TotalHits: true, Source: false}
	if s.Limit > 0 {
		body.Size = min(body.Size, s.Limit)
	}
	if s.Time != "" {
		body.Sort = []any{byTime(s.Time)}
	}
	if len(s.Fields) > 0 || s.Time != "" {
		body.Source = object{"includes": sourcePaths(s)}
	}
	return c.requests(s.Indices, s.Query, body)
}

// Documents returns the first page of a search for whole documents.
func (c Console) Documents(s Search) ([]ConsoleRequest, error) {
	body := searchBody{Size: defaultPages(c.dialect.limits.page).first, TotalHits: true, Source: true}
	if s.Time != "" {
		body.Sort = []any{byTime(s.Time)}
	}
	return c.requests(s.Indices, s.Query, body)
}

// Count returns the request that counts what matches.
func (c Console) Count(indices []string, q Query) ([]ConsoleRequest, error) {
	return c.requests(indices, q, searchBody{TotalHits: true, Source: false})
}

func (c Console) requests(indices []string, q Query, body searchBody) ([]ConsoleRequest, error) {
	if c.dialect.recount {
		body.MinScore = new(int)
	}
	options := url.Values{
		"ignore_unavailable": {"true"}, "allow_no_indices": {"true"}, "allow_partial_search_results": {"false"},
	}
	path := strings.Join(escaped(indices), ",") + "/_search?" + options.Encode()
	var out []ConsoleRequest
	for _, part := range c.dialect.limits.parts(orAll(q)) {
		body.Query = part
		content, err := marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write query: %w", err)
		}
		out = append(out, ConsoleRequest{Method: "GET", Path: path, Body: visible(content)})
	}
	return out, nil
}

// visible spells the characters of JSON that cannot be seen, or that turn the
// direction of writing, by their numbers.
func visible(content []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(content) {
		switch {
		case r < 0x7f || unicode.IsPrint(r) && !unicode.Is(unicode.Bidi_Control, r):
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}
