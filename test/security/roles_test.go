package security

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/mappings"
)

// TestRoles proves that each role suffices for what it is for, and that
// something fails, with words that name it, as soon as a privilege is missing.
func TestRoles(t *testing.T) {
	each(t, func(t *testing.T, c *cluster) {
		c.closed(t)
		shared := newPlace(t, c, "t0-")
		withAlerts(t, shared)
		trials := c.trials(t, shared)
		roles := map[string]mappings.Role{}
		for _, tr := range trials {
			roles[tr.user] = tr.role
		}
		for _, role := range shared.roles(t) {
			roles[role.Name] = role
		}
		c.give(t, roles)
		c.beyond(t, shared)
		c.connects(t, shared)
		for _, tr := range trials {
			t.Run(tr.use+": "+tr.without.what, func(t *testing.T) {
				t.Parallel()
				if c.unasked(tr.without.privilege) {
					t.Skip("these nodes do not ask for it")
				}
				if tr.use == mappings.RunRole {
					tr.prepare(t)
				}
				err := uses()[tr.use](t, tr.place, tr.user)
				switch missing := tr.without; {
				case missing.take == nil && err != nil:
					t.Errorf("the role does not suffice: %v", err)
				case missing.take != nil && err == nil:
					t.Errorf("%s is not needed", missing.what)
				case missing.privilege != "" && !names(err, missing.privilege):
					t.Errorf("without %s, it is not named: %v", missing.what, err)
				}
			})
		}
	})
}

// beyond proves that no role reaches beyond what it is for. The users are those
// with whole roles, named as these.
func (c *cluster) beyond(t *testing.T, p place) {
	for _, tt := range []struct{ use, method, path, body string }{
		{mappings.RunRole, "PUT", "/_index_template/" + p.names.Alerts(), `{"index_patterns":["x-*"]}`},
		{mappings.RunRole, "PUT", "/" + p.doors() + "/_mapping", `{"properties":{"x":{"type":"keyword"}}}`},
		{mappings.RunRole, "DELETE", "/" + p.names.State(), ""},
		{mappings.RunRole, "DELETE", "/" + p.names.AlertIndex(p.now), ""},
		{mappings.RunRole, "PUT", "/" + p.names.State() + "/_settings", `{"index.blocks.write":true}`},
		{mappings.RunRole, "POST", "/" + p.doors() + "/_doc", `{}`},
		{mappings.RunRole, "GET", "/t9999-other/_search", ""},
		{mappings.RunRole, "GET", "/_cluster/settings", ""},
		{mappings.RunRole, "GET", "/_nodes", ""},
		{mappings.BootstrapRole, "GET", "/" + p.names.AlertIndex(p.now) + "/_search", ""},
		{mappings.BootstrapRole, "GET", "/" + p.doors() + "/_search", ""},
		{mappings.BootstrapRole, "POST", "/" + p.names.State() + "/_doc", `{}`},
		{mappings.BootstrapRole, "DELETE", "/" + p.names.AlertIndex(p.now), ""},
		{mappings.BootstrapRole, "PUT", "/t9999-other", ""},
		{mappings.PageRole, "POST", "/" + p.names.AlertIndex(p.now) + "/_doc", `{}`},
		{mappings.PageRole, "POST", "/" + p.names.State() + "/_doc", `{}`},
		{mappings.PageRole, "GET", "/" + p.doors() + "/_search", ""},
		{mappings.PageRole, "DELETE", "/" + p.names.AlertIndex(p.now), ""},
		{mappings.TriageRole, "POST", "/" + p.names.State() + "/_doc", `{}`},
		{mappings.TriageRole, "POST", "/" + p.names.RunIndex(p.now) + "/_doc", `{}`},
		{mappings.TriageRole, "GET", "/" + p.doors() + "/_search", ""},
		{mappings.TriageRole, "DELETE", "/" + p.names.AlertIndex(p.now) + "/_doc/x", ""},
		{mappings.TriageRole, "DELETE", "/" + p.names.AlertIndex(p.now), ""},
	} {
		status, answer, err := c.askAs(t, tt.use, userPassword, tt.method, tt.path, tt.body)
		if err != nil || status != http.StatusForbidden {
			t.Errorf("%s may %s %s: %d %s %v", tt.use, tt.method, tt.path, status, answer, err)
		}
	}
}

// trial is one attempt to do all that a role is for, without one privilege.
type trial struct {
	place
	use     string // the role's name
	user    string
	role    mappings.Role // what is left of it
	without less
}

// trials are all roles as they are, and without each of their privileges. Those
// that write have places of their own.
func (c *cluster) trials(t *testing.T, shared place) []trial {
	t.Helper()
	var out []trial
	for _, role := range shared.roles(t) {
		if uses()[role.Name] == nil {
			continue // the nodes have neither ILM nor ISM
		}
		for _, without := range append([]less{{what: "nothing missing"}}, lessening(role)...) {
			tr := trial{place: shared, use: role.Name, user: fmt.Sprintf("u%d", len(out)+1), without: without}
			if role.Name != mappings.PageRole && role.Name != mappings.TriageRole {
				tr.place = newPlace(t, c, fmt.Sprintf("t%d-", len(out)+1))
			}
			tr.role = tr.place.role(t, role.Name)
			if without.take != nil {
				without.take(&tr.role)
			}
			out = append(out, tr)
		}
	}
	return out
}

func (p place) roles(t *testing.T) []mappings.Role {
	t.Helper()
	roles, err := p.names.Roles(p.family, p.sources)
	if err != nil {
		t.Fatal(err)
	}
	return roles
}

func (p place) role(t *testing.T, name string) mappings.Role {
	t.Helper()
	for _, r := range p.roles(t) {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no role %s", name)
	return mappings.Role{}
}

// less is a role without one of its privileges.
type less struct {
	what      string
	privilege string               // "" where an index was taken away
	take      func(*mappings.Role) // nil: nothing was taken away
}

// lessening is all ways to take one privilege, or one index, from a role.
func lessening(r mappings.Role) []less {
	var out []less
	for i, p := range r.Cluster {
		out = append(out, less{"cluster: " + p, p, func(r *mappings.Role) { r.Cluster = slices.Delete(slices.Clone(r.Cluster), i, i+1) }})
	}
	for i, g := range r.Grants {
		for j, p := range g.Privileges {
			out = append(out, less{g.Indices[0] + ": " + p, p, func(r *mappings.Role) {
				r.Grants = slices.Clone(r.Grants)
				r.Grants[i].Privileges = slices.Delete(slices.Clone(r.Grants[i].Privileges), j, j+1)
				if len(g.Privileges) == 1 {
					r.Grants = slices.Delete(r.Grants, i, i+1)
				}
			}})
		}
		for j, index := range g.Indices {
			if len(g.Indices) == 1 {
				break // as without all of its privileges
			}
			out = append(out, less{index, "", func(r *mappings.Role) {
				r.Grants = slices.Clone(r.Grants)
				r.Grants[i].Indices = slices.Delete(slices.Clone(r.Grants[i].Indices), j, j+1)
			}})
		}
	}
	return out
}

// names reports whether an error says which privilege is missing, or, in
// Elasticsearch's words, by which privileges the action is granted.
func names(err error, privilege string) bool {
	text := err.Error()
	return strings.Contains(text, "["+privilege+"]") || strings.Contains(text, "["+privilege+",") ||
		strings.Contains(text, ","+privilege+",") || strings.Contains(text, ","+privilege+"]")
}

// unasked tells the privilege that Elasticsearch's own GET / asks for, since in
// the nodes of these tests another handler answers, and that of ISM, which they
// lack.
func (c *cluster) unasked(privilege string) bool {
	return c.family == mappings.Elasticsearch && privilege == "cluster:monitor/main" || strings.Contains(privilege, "/ism/")
}
