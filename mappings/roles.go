package mappings

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what one use of stitch may do on a cluster: as little as will do.
type Role struct {
	Name    string   // "stitch-run"
	Purpose string   // in a line
	Cluster []string // privileges on the cluster as a whole, sorted
	Grants  []Grant
}

// Grant is privileges on some indices.
type Grant struct {
	Indices    []string // names and patterns
	Privileges []string // sorted
}

// The uses that a role can be for.
const (
	RunRole       = "stitch-run"
	BootstrapRole = "stitch-bootstrap"
	PageRole      = "stitch-page"
	TriageRole    = "stitch-triage"
	// RetentionRole is one more for who runs rules where the cluster deletes no
	// old indices itself.
	RetentionRole = "stitch-retention"
	// LifecycleRole is one more for who prepares a cluster that does.
	LifecycleRole = "stitch-lifecycle"
)

// Roles returns the smallest roles on a family of clusters ([Elasticsearch] or
// [OpenSearch]) for running rules, preparing a cluster, looking at alerts and
// working on them. Sources are the indices that the rules read; what lies on a
// remote cluster ("europe:logs-*") is left out, since that cluster decides.
func (n Names) Roles(family string, sources []string) ([]Role, error) {
	words, err := wordsOf(family)
	if err != nil {
		return nil, err
	}
	sources = slices.DeleteFunc(slices.Clone(sources), Remote)
	roles := n.uses(sources)
	out := make([]Role, len(roles))
	for i, u := range roles {
		out[i] = u.role(words)
	}
	return out, nil
}

// Remote reports whether an index is one of another cluster.
func Remote(index string) bool { return strings.Contains(index, ":") }

// ability is one thing that stitch does on a cluster. What it takes is called
// differently by each family, see [wordsOf].
type ability int

const (
	mayConnect      ability = iota // ask the cluster what it is
	maySearch                      // search, count, group, page through a point in time
	mayAskFields                   // ask how fields are indexed
	mayAskTogether                 // put several questions in one request
	mayGet                         // read documents by their ids
	mayWrite                       // write documents by their ids
	mayDelete                      // delete documents by their ids
	mayMakeIndex                   // have an index made by writing to it
	mayAddFields                   // have fields added by writing a document that has them
	mayInspect                     // read the mapping of an index
	mayListIndices                 // read the settings of indices, and ask ISM about them
	mayDeleteIndex                 // delete whole indices
	mayPutTemplates                // read and put index templates
	mayPrepare                     // create an index, add fields to its mapping
	mayKeepPolicies                // write policies of ILM or ISM, and give indices to them
)

// use is what a role is for: abilities on the cluster, and on indices.
type use struct {
	name, purpose string
	cluster       []ability
	on            []reach
}

// reach is abilities on some indices.
type reach struct {
	indices   []string
	abilities []ability
}

// uses are all that stitch is used for. A new feature that does more adds its
// abilities here.
func (n Names) uses(sources []string) []use {
	state, alerts, runs := []string{n.State()}, []string{n.AlertPattern()}, []string{n.RunPattern()}
	return []use{
		{
			RunRole, "runs rules: stitch run, once, coverage, replay", []ability{mayConnect}, []reach{
				{sources, []ability{maySearch, mayAskFields, mayAskTogether}},
				{alerts, []ability{maySearch, mayGet, mayWrite, mayMakeIndex, mayAddFields, mayListIndices}},
				{runs, []ability{maySearch, mayWrite, mayDelete, mayMakeIndex, mayListIndices, mayDeleteIndex}},
				{state, []ability{maySearch, mayGet, mayWrite, mayDelete, mayInspect}},
			},
		},
		{
			BootstrapRole, "prepares a cluster: stitch bootstrap", []ability{mayConnect, mayPutTemplates}, []reach{
				{slices.Concat(alerts, runs, state), []ability{mayInspect, mayPrepare}},
			},
		},
		{
			PageRole, "looks at alerts, rules and coverage, and changes nothing", []ability{mayConnect}, []reach{
				{slices.Concat(alerts, runs, state), []ability{maySearch, mayGet}},
			},
		},
		{
			TriageRole, "works on alerts: the same, and acknowledges, closes, comments", []ability{mayConnect}, []reach{
				{alerts, []ability{maySearch, mayGet, mayWrite}},
				{slices.Concat(runs, state), []ability{maySearch, mayGet}},
			},
		},
		{
			RetentionRole, "besides stitch-run, where the cluster has neither ILM nor ISM: deletes months past their retention", []ability{mayConnect}, []reach{
				{slices.Concat(alerts, runs), []ability{mayListIndices, mayDeleteIndex}},
			},
		},
		{
			LifecycleRole, "besides stitch-bootstrap, where the cluster has ILM or ISM: writes the policies that delete old months", []ability{mayConnect}, []reach{
				{slices.Concat(alerts, runs), []ability{mayListIndices, mayKeepPolicies}},
			},
		},
	}
}

// words are what a family calls the privileges that an ability takes.
type words map[ability]privileges

// privileges of a cluster as a whole, and of indices.
type privileges struct{ cluster, index []string }

// wordsOf is the vocabulary of a family. On indices of its own and of the
// rules, Elasticsearch's named privileges are what is smallest; on the cluster
// they open far more than stitch asks for, and its actions are named instead.
// OpenSearch has actions only: its groups of them are for people.
func wordsOf(family string) (words, error) {
	switch family {
	case Elasticsearch:
		return words{
			mayConnect:      {cluster: []string{"cluster:monitor/main"}},
			maySearch:       {index: []string{"read"}},
			mayAskFields:    {index: []string{"read"}},
			mayAskTogether:  {index: []string{"read"}},
			mayGet:          {index: []string{"read"}},
			mayWrite:        {index: []string{"index"}},
			mayDelete:       {index: []string{"delete"}},
			mayMakeIndex:    {index: []string{"auto_configure"}},
			mayAddFields:    {index: []string{"auto_configure"}},
			mayInspect:      {index: []string{"view_index_metadata"}},
			mayListIndices:  {index: []string{"view_index_metadata"}},
			mayDeleteIndex:  {index: []string{"delete_index"}},
			mayPutTemplates: {cluster: []string{"manage_index_templates"}},
			mayPrepare:      {index: []string{"create_index", "indices:admin/mapping/put"}},
			// ILM acts as the one who wrote the policy.
			mayKeepPolicies: {cluster: []string{"manage_ilm"}, index: []string{"manage"}},
		}, nil
	case OpenSearch:
		return words{
			mayConnect:      {cluster: []string{"cluster:monitor/main"}},
			maySearch:       {index: []string{"indices:data/read/search", "indices:data/read/point_in_time/create", "indices:data/read/point_in_time/delete"}},
			mayAskFields:    {index: []string{"indices:data/read/field_caps"}},
			mayAskTogether:  {cluster: []string{"indices:data/read/msearch"}},
			mayGet:          {cluster: []string{"indices:data/read/mget"}, index: []string{"indices:data/read/mget[shard]"}},
			mayWrite:        {cluster: []string{"indices:data/write/bulk"}, index: []string{"indices:data/write/bulk[s]", "indices:data/write/index"}},
			mayDelete:       {cluster: []string{"indices:data/write/bulk"}, index: []string{"indices:data/write/bulk[s]", "indices:data/write/delete"}},
			mayMakeIndex:    {index: []string{"indices:admin/create"}},
			mayAddFields:    {index: []string{"indices:admin/mapping/put"}},
			mayInspect:      {index: []string{"indices:admin/mappings/get"}},
			mayListIndices:  {cluster: []string{"cluster:admin/opendistro/ism/managedindex/explain"}, index: []string{"indices:monitor/settings/get"}},
			mayDeleteIndex:  {index: []string{"indices:admin/delete"}},
			mayPutTemplates: {cluster: []string{"indices:admin/index_template/get", "indices:admin/index_template/put"}},
			mayPrepare:      {index: []string{"indices:admin/create", "indices:admin/mapping/put"}},
			mayKeepPolicies: {cluster: []string{"cluster:admin/opendistro/ism/*"}, index: []string{"indices:admin/opensearch/ism/managedindex"}},
		}, nil
	}
	return nil, fmt.Errorf("roles: unknown family of clusters %q", family)
}

// role spells a use as a family does.
func (u use) role(w words) Role {
	r := Role{Name: u.name, Purpose: u.purpose}
	for _, a := range u.cluster {
		r.Cluster = append(r.Cluster, w[a].cluster...)
	}
	for _, on := range u.on {
		if len(on.indices) == 0 {
			continue
		}
		g := Grant{Indices: on.indices}
		for _, a := range on.abilities {
			r.Cluster = append(r.Cluster, w[a].cluster...)
			g.Privileges = append(g.Privileges, w[a].index...)
		}
		g.Privileges = sortedSet(g.Privileges)
		r.Grants = append(r.Grants, g)
	}
	r.Cluster = sortedSet(r.Cluster)
	return r
}

func sortedSet(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// Path is where a family's security API takes the role.
func (r Role) Path(family string) string {
	if family == OpenSearch {
		return "/_plugins/_security/api/roles/" + r.Name
	}
	return "/_security/role/" + r.Name
}

// Body is the role as a family's security API takes it, by PUT.
func (r Role) Body(family string) any {
	if family == OpenSearch {
		return openSearchRole{
			Description: r.Purpose, Cluster: r.Cluster,
			Grants: spelled(r.Grants, func(g Grant) openSearchGrant { return openSearchGrant(g) }),
		}
	}
	return elasticsearchRole{
		Description: r.Purpose, Cluster: r.Cluster,
		Grants: spelled(r.Grants, func(g Grant) elasticsearchGrant { return elasticsearchGrant(g) }),
	}
}

func spelled[G any](grants []Grant, as func(Grant) G) []G {
	out := make([]G, len(grants))
	for i, g := range grants {
		out[i] = as(g)
	}
	return out
}

type elasticsearchRole struct {
	Description string               `json:"description"`
	Cluster     []string             `json:"cluster"`
	Grants      []elasticsearchGrant `json:"indices"`
}

type elasticsearchGrant struct {
	Indices    []string `json:"names"`
	Privileges []string `json:"privileges"`
}

type openSearchRole struct {
	Description string            `json:"description"`
	Cluster     []string          `json:"cluster_permissions"`
	Grants      []openSearchGrant `json:"index_permissions"`
}

type openSearchGrant struct {
	Indices    []string `json:"index_patterns"`
	Privileges []string `json:"allowed_actions"`
}
