package mappings

import "time"

// DefaultPrefix is what stitch's indices begin with if nothing else is said.
const DefaultPrefix = "detections-stitch"

// The families of clusters, as [Bootstrap] takes them.
const (
	Elasticsearch = "elasticsearch"
	OpenSearch    = "opensearch"
)

// Names are the names of stitch's indices. The zero value is the names with
// the default prefix.
type Names struct {
	Prefix string // DefaultPrefix if empty
}

// Alerts is the alias of all alert indices.
func (n Names) Alerts() string { return n.of("alerts") }

// AlertPattern matches all alert indices.
func (n Names) AlertPattern() string { return n.of("alerts") + "-*" }

// AlertIndex is the index of an alert with this anchor time.
func (n Names) AlertIndex(anchor time.Time) string { return n.of("alerts") + month(anchor) }

// Runs is the alias of all indices with run records.
func (n Names) Runs() string { return n.of("runs") }

// RunPattern matches all indices with run records.
func (n Names) RunPattern() string { return n.of("runs") + "-*" }

// RunIndex is the index of the record of a run that started at this time.
func (n Names) RunIndex(started time.Time) string { return n.of("runs") + month(started) }

// State is the index of ledgers, the lease and what was written.
func (n Names) State() string { return n.of("state") }

func (n Names) of(what string) string {
	if n.Prefix == "" {
		return DefaultPrefix + "." + what
	}
	return n.Prefix + "." + what
}

func month(t time.Time) string { return t.UTC().Format("-2006.01") }
