package esq

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// Cluster is an Elasticsearch or OpenSearch cluster. It may be used by any
// number of goroutines at once.
//
// Searches see open indices only: closed ones are passed over, as missing ones
// are, and as Elasticsearch passes over those that the user may not read. No
// indices at all are none, not all.
type Cluster struct {
	transport transport
	dialect   dialect
	pages     pages
	name      string
	uuid      string
	// apart says that the user may not put several questions in one request.
	apart atomic.Bool
}

var _ Engine = (*Cluster)(nil)

// Open connects to the cluster at cfg.URLs and asks it what it is. It fails
// with an [*UnreachableError] where nothing answers, a [*ResponseError] where
// the user is refused (see [Refused]), and an [*UnsupportedError] where what
// answers is no engine, or too old a one.
func Open(ctx context.Context, cfg Config) (*Cluster, error) {
	t, err := cfg.transport()
	if err != nil {
		return nil, fmt.Errorf("open cluster: %w", err)
	}
	var info clusterInfo
	ask := call{op: "open cluster", build: func() esapi.Request { return esapi.InfoRequest{} }}
	if err := t.do(ctx, ask, &info); err != nil {
		return nil, err
	}
	d, err := newDialect(info)
	if err != nil {
		return nil, fmt.Errorf("open cluster: %w", err)
	}
	return &Cluster{
		transport: t, dialect: d, pages: defaultPages(d.limits.page),
		name: info.ClusterName, uuid: info.ClusterUUID,
	}, nil
}

// Product returns [Elasticsearch] or [OpenSearch].
func (c *Cluster) Product() string { return c.dialect.product }

// Version returns the engine's version, such as "8.19.21".
func (c *Cluster) Version() string { return c.dialect.version }

// Name returns the cluster's name.
func (c *Cluster) Name() string { return c.name }

// UUID returns the cluster's own id, which no other cluster has.
func (c *Cluster) UUID() string { return c.uuid }

// Do sends an administrative request that this package has no method for. The
// path starts with a slash, is escaped already and may hold a query. The body
// is nil, JSON as bytes, or a value to be written as JSON; the answer is decoded
// into out unless that is nil. A status of 300 or more is a [*ResponseError].
//
// It is repeated as all requests are, but a POST is not where the engine may
// have carried it out.
func (c *Cluster) Do(ctx context.Context, method, path string, body, out any) error {
	op := method + " " + path
	content, err := bodyOf(body)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return c.transport.do(ctx, call{
		op:    op,
		build: func() esapi.Request { return rawRequest{method: method, path: path, body: content} },
		once:  method == http.MethodPost,
	}, out)
}

func bodyOf(body any) ([]byte, error) {
	switch body := body.(type) {
	case nil:
		return nil, nil
	case []byte:
		return body, nil
	case json.RawMessage:
		return body, nil
	}
	content, err := marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write body: %w", err)
	}
	return content, nil
}
