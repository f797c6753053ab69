package esq

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// The products that a [Cluster] can be.
const (
	Elasticsearch = "elasticsearch"
	OpenSearch    = "opensearch"
)

// A dialect is all that differs between the engines. It is made once, from what
// a cluster says of itself.
type dialect struct {
	product, version string
	// tieBreaker are the sort clauses, after the time, that put hits with one
	// and the same time into an order without ties. _doc and _seq_no are no
	// tie-breakers on OpenSearch: pages then lose hits without an error.
	tieBreaker []any
	// noisyGroups says that a composite aggregation may call itself terminated
	// early when it is whole: that it skipped sorting is all it means.
	noisyGroups bool
	// silent is [FieldCap.Silent] of every field.
	silent bool
	// recount says that the engine has to look at each match to count them
	// right, which a least score of 0 makes it do: OpenSearch 3 takes the number
	// of documents with a text in them for the number that have the field, and
	// misses those whose text is empty.
	recount bool
	limits  limits
}

// limits are the engines' defaults, the lowest of all, since reading the real
// ones takes rights that searching does not.
type limits struct {
	terms   int // values in one terms query
	ids     int // values in one ids query
	clauses int // leaves in a whole query; more go out as several searches
	page    int // hits in one answer
	groups  int // buckets in one answer
}

func commonLimits() limits {
	return limits{
		terms: 65_536,
		// Elasticsearch 9 refuses more ids than a page may hold.
		ids: 10_000,
		// OpenSearch counts all leaves of a query, however nested, up to 1,024.
		// Elasticsearch derives its limit from the heap, and never takes less.
		// The margin is for queries that become several in the engine.
		clauses: 1_000,
		page:    10_000,
		groups:  5_000,
	}
}

// clusterInfo is the answer to GET /.
type clusterInfo struct {
	ClusterName string `json:"cluster_name"`
	ClusterUUID string `json:"cluster_uuid"`
	Version     struct {
		Number       string `json:"number"`
		Distribution string `json:"distribution"`
	} `json:"version"`
	Tagline string `json:"tagline"`
}

// newDialect returns the dialect of a cluster, or an [*UnsupportedError].
func newDialect(info clusterInfo) (dialect, error) {
	major, minor, ok := parseVersion(info.Version.Number)
	d := dialect{product: Elasticsearch, version: info.Version.Number, limits: commonLimits()}
	switch {
	case info.Version.Distribution == OpenSearch:
		d.product, d.silent, d.recount = OpenSearch, true, true
	case !ok || info.Version.Distribution != "":
		return d, &UnsupportedError{
			Product: "this server", Version: info.Version.Number,
			Need: "give the URL of Elasticsearch 8 or 9, or OpenSearch 2 or 3",
		}
	case strings.Contains(info.Tagline, "OpenSearch"):
		return d, &UnsupportedError{
			Product: "OpenSearch that calls itself", Version: info.Version.Number,
			Need: "set compatibility.override_main_response_version to false",
		}
	}
	if d.product == Elasticsearch {
		if major < 8 {
			return d, &UnsupportedError{Product: "Elasticsearch", Version: d.version, Need: "upgrade to 8 or later"}
		}
		d.tieBreaker = []any{object{"_shard_doc": "asc"}}
		return d, nil
	}
	if major < 2 || major == 2 && minor < 4 {
		return d, &UnsupportedError{
			Product: "OpenSearch", Version: d.version,
			Need: "upgrade to 2.4 or later, which has the point in time",
		}
	}
	d.noisyGroups = true
	// An _id alone may occur in several indices. _shard_doc came with 3.3 and
	// numbers the shards of each index from 0, so that it alone does, too.
	d.tieBreaker = []any{ascending("_id"), ascending("_index")}
	if major > 3 || major == 3 && minor >= 3 {
		d.tieBreaker = []any{ascending("_index"), object{"_shard_doc": "asc"}}
	}
	return d, nil
}

// ascending sorts by one of the engine's own fields. An index that has never
// seen a document has none, and would refuse the search for all others.
func ascending(field string) object {
	return object{field: object{"order": "asc", "unmapped_type": "keyword"}}
}

func parseVersion(number string) (major, minor int, ok bool) {
	parts := strings.SplitN(number, ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return 0, 0, false
	}
	minor, err = strconv.Atoi(parts[1])
	return major, minor, err == nil
}

// keepAlive is how long a point in time lives between two pages.
const keepAlive = 5 * time.Minute

func keepAliveText() string { return strconv.Itoa(int(keepAlive/time.Minute)) + "m" }

// openPIT returns the request that opens a point in time of the indices that
// are there.
func (d *dialect) openPIT(indices []string) esapi.Request {
	if d.product == Elasticsearch {
		return esapi.OpenPointInTimeRequest{
			Index: escaped(indices), KeepAlive: keepAliveText(), IgnoreUnavailable: esapi.BoolPtr(true),
		}
	}
	query := url.Values{
		"keep_alive":                 {keepAliveText()},
		"ignore_unavailable":         {"true"},
		"allow_no_indices":           {"true"},
		"allow_partial_pit_creation": {"false"},
	}
	path := "/" + strings.Join(escaped(indices), ",") + "/_search/point_in_time?" + query.Encode()
	return rawRequest{method: http.MethodPost, path: path}
}

// closePIT returns the request that frees a point in time.
func (d *dialect) closePIT(id string) (esapi.Request, error) {
	if d.product == Elasticsearch {
		body, err := marshal(object{"id": id})
		return esapi.ClosePointInTimeRequest{Body: bytes.NewReader(body)}, err
	}
	body, err := marshal(object{"pit_id": []string{id}})
	return rawRequest{method: http.MethodDelete, path: "/_search/point_in_time", body: body}, err
}

// pitAnswer is what opening a point in time answers, on either product.
type pitAnswer struct {
	ID     string  `json:"id"`
	PITID  string  `json:"pit_id"`
	Shards *shards `json:"_shards"`
}

func (a pitAnswer) id() string {
	if a.ID != "" {
		return a.ID
	}
	return a.PITID
}

// escaped returns names fit for a URL's path. Patterns keep their marks.
func escaped(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strings.NewReplacer("%2A", "*", "%2C", ",").Replace(url.PathEscape(name))
	}
	return out
}

// A rawRequest is a request that esapi has no type for. The path is escaped
// already and may hold a query.
type rawRequest struct {
	method, path string
	body         []byte // JSON, or nil
}

// Do sends the request.
func (r rawRequest) Do(ctx context.Context, t esapi.Transport) (*esapi.Response, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	// The transport puts the cluster's own host here.
	req, err := http.NewRequestWithContext(ctx, r.method, "http://cluster"+r.path, body)
	if err != nil {
		return nil, fmt.Errorf("build request %s %s: %w", r.method, r.path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := t.Perform(req)
	if err != nil {
		return nil, err
	}
	return &esapi.Response{StatusCode: res.StatusCode, Header: res.Header, Body: res.Body}, nil
}
