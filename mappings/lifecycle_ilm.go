package mappings

import (
	"context"
	"fmt"
	"net/http"
)

// ilm is Elasticsearch's index lifecycle management. The age of an index counts
// from its creation, as long as it is not rolled over, which stitch's never are.
type ilm struct{ admin Admin }

func (ilm) title() string { return "lifecycle policy" }

func (k ilm) find(ctx context.Context, name string) (found *meta, there bool, err error) {
	var answer map[string]struct {
		Policy struct {
			Meta meta `json:"_meta"`
		} `json:"policy"`
	}
	err = k.admin.Do(ctx, http.MethodGet, "/_ilm/policy/"+name, nil, &answer)
	if noSuchAPI(err) {
		return nil, false, nil
	}
	if isMissing(err) {
		return nil, true, nil
	}
	if err != nil {
		return nil, true, fmt.Errorf("read lifecycle policy %s: %w", name, err)
	}
	one, ok := answer[name]
	if !ok {
		return nil, true, fmt.Errorf("read lifecycle policy %s: it is not in the answer", name)
	}
	return &one.Policy.Meta, true, nil
}

func (ilm) put(p policy, c Change) step {
	return step{Change: c, path: "/_ilm/policy/" + p.name, body: object{"policy": object{
		"_meta":  p.mark(),
		"phases": object{"delete": object{"min_age": age(p.age), "actions": object{"delete": object{}}}},
	}}}
}

func (ilm) attach(_ context.Context, p policy, months []Month) ([]step, error) {
	var steps []step
	for _, m := range months {
		switch {
		case p.age == 0 && m.Policy == p.name:
			steps = append(steps, step{
				Change: Change{"lifecycle policy of index " + m.Index, Removed}, method: http.MethodPost, path: "/" + m.Index + "/_ilm/remove",
			})
		case p.age == 0:
		case m.Policy == "":
			steps = append(steps, step{
				Change: Change{"lifecycle policy of index " + m.Index, Created}, path: "/" + m.Index + "/_settings",
				body: object{"index": object{"lifecycle": object{"name": p.name}}},
			})
		case m.Policy != p.name:
			steps = append(steps, step{Change: Change{"lifecycle policy of index " + m.Index + ", which is its own: " + m.Policy, Kept}})
		}
	}
	return steps, nil
}

func (ilm) remove(p policy) step {
	return step{Change: Change{"lifecycle policy " + p.name, Removed}, method: http.MethodDelete, path: "/_ilm/policy/" + p.name}
}
