package mappings

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"
)

// Retention says how long documents are kept. Zero is for ever.
type Retention struct {
	Alerts time.Duration
	Runs   time.Duration // run records
}

const (
	// longestMonth is how much older than its last document an index may be: a
	// cluster counts the age of an index from when it was made, and one is made
	// for a month's first document.
	longestMonth = 31 * 24 * time.Hour
	// carryTime is how long stitch has, after a month of run records has passed
	// its retention, to take with it what is still of use.
	carryTime = 7 * 24 * time.Hour
)

// policy is what a cluster is to do with the monthly indices of one kind.
type policy struct {
	name    string // of the policy; that of the index template, too
	pattern string
	what    string        // "alerts"
	alerts  bool          // of alerts, else of run records
	age     time.Duration // at which an index is deleted; 0: never, and there is no such policy
}

func (s Setup) policies() []policy {
	n := s.Names
	list := []policy{
		{name: n.Alerts(), pattern: n.AlertPattern(), what: "alerts", alerts: true},
		{name: n.Runs(), pattern: n.RunPattern(), what: "run records"},
	}
	if s.Retention.Alerts > 0 {
		list[0].age = s.Retention.Alerts + longestMonth
	}
	if s.Retention.Runs > 0 {
		list[1].age = s.Retention.Runs + longestMonth + carryTime
	}
	return list
}

// mark is how a policy that stitch wrote is known again.
func (p policy) mark() meta {
	sum := sha256.Sum256([]byte(p.pattern + " " + age(p.age)))
	return meta{Version: version, Hash: hex.EncodeToString(sum[:8])}
}

// age writes an age in the units that both ILM and ISM read. An index is rather
// kept too long.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	return fmt.Sprintf("%dd", (d+day-1)/day)
}

// keeper is a cluster's own way to look after the age of indices.
type keeper interface {
	// title is what it calls a policy.
	title() string
	// find reads a policy: its mark, nil if there is no such policy. there is
	// false if the cluster has no such keeper.
	find(ctx context.Context, name string) (found *meta, there bool, err error)
	// put is the step that writes a policy.
	put(p policy, c Change) step
	// attach are the steps that make indices which are there keep to a policy,
	// or, if it has no age, keep to it no longer.
	attach(ctx context.Context, p policy, months []Month) ([]step, error)
	// remove is the step that deletes a policy to which no index keeps.
	remove(p policy) step
}

// lifecycle is what is to be done about the policies of a cluster.
type lifecycle struct {
	before, after []step // of what is done about templates
	// template says which policy an index template is to name, by the template's
	// name; "" for none. It is unknown of one that is not listed.
	template map[string]string
}

// lookLifecycle finds out what is to be done about policies.
func (b bootstrap) lookLifecycle(ctx context.Context, s Setup) (lifecycle, error) {
	months := Months{b.admin, s.Family, s.Names}
	out := lifecycle{template: map[string]string{}}
	var k keeper = ilm(b)
	missing := "index lifecycle management (ILM)"
	if s.Family == OpenSearch {
		k, missing = ism(b), "index state management (ISM)"
	}
	for _, p := range s.policies() {
		name := k.title() + " " + p.name
		found, there, err := k.find(ctx, p.name)
		switch {
		case err == nil && !there:
			out.template[p.name] = ""
			if p.age > 0 {
				out.before = append(out.before, step{Change: Change{
					Name: fmt.Sprintf("%s: the cluster has none, stitch run deletes old %s itself, given the same retention", missing, p.what), Action: Absent,
				}})
			}
			continue
		case statusOf(err) == http.StatusForbidden && !(p.alerts && p.age > 0):
			out.before = append(out.before, step{Change: Change{
				Name: fmt.Sprintf("%s: the user may not read it, so it stays as it is (see docs/lifecycle.md)", name), Action: Skipped,
			}})
			continue
		case err != nil:
			return out, err
		case found == nil && p.age == 0:
			out.template[p.name] = ""
			continue
		}
		if found != nil && found.Version == 0 {
			if p.age == 0 {
				continue
			}
			return out, fmt.Errorf("%s exists: %w", name, errForeign)
		}
		action, err := compare(name, found, p.mark())
		if err != nil {
			return out, err
		}
		list, err := months.list(ctx, p.alerts)
		if err != nil {
			return out, err
		}
		attached, err := k.attach(ctx, p, list)
		if err != nil {
			return out, err
		}
		out.after = append(out.after, attached...)
		if p.age == 0 {
			out.template[p.name] = ""
			out.after = append(out.after, k.remove(p))
			continue
		}
		out.template[p.name] = p.name
		out.before = append(out.before, k.put(p, Change{name, action}))
	}
	return out, nil
}
