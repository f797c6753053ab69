package mappings

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// ism is OpenSearch's index state management. The age of an index counts from
// its creation. A policy takes on new indices by its own template, not by the
// index template, and is given to those that are there one by one; what has
// changed in it they heed when they are told to.
type ism struct{ admin Admin }

const ismPolicies = "/_plugins/_ism/policies/"

func (ism) title() string { return "state policy" }

// ismAnswer is a policy as ISM shows it. It has no place for marks, so that
// they stand in the description.
type ismAnswer struct {
	SeqNo       int64 `json:"_seq_no"`
	PrimaryTerm int64 `json:"_primary_term"`
	Policy      struct {
		Description string `json:"description"`
	} `json:"policy"`
}

var ismMark = regexp.MustCompile(`^stitch: .*\[version (\d+), ([0-9a-f]{16})\]$`)

func (a ismAnswer) mark() *meta {
	found := ismMark.FindStringSubmatch(a.Policy.Description)
	if found == nil {
		return &meta{}
	}
	version, _ := strconv.Atoi(found[1])
	return &meta{Version: version, Hash: found[2]}
}

func (k ism) read(ctx context.Context, name string) (answer ismAnswer, err error) {
	err = k.admin.Do(ctx, http.MethodGet, ismPolicies+name, nil, &answer)
	if err != nil {
		err = fmt.Errorf("read state policy %s: %w", name, err)
	}
	return answer, err
}

func (k ism) find(ctx context.Context, name string) (found *meta, there bool, err error) {
	answer, err := k.read(ctx, name)
	switch {
	case noSuchAPI(err):
		return nil, false, nil
	case isMissing(err):
		return nil, true, nil
	case err != nil:
		return nil, true, err
	}
	return answer.mark(), true, nil
}

func (k ism) put(p policy, c Change) step {
	mark := p.mark()
	body := object{"policy": object{
		"description": fmt.Sprintf("stitch: an index of %s is deleted %s after it was made [version %d, %s]",
			p.what, age(p.age), mark.Version, mark.Hash),
		"default_state": "keep",
		"states": []object{
			{"name": "keep", "actions": []object{}, "transitions": []object{
				{"state_name": "delete", "conditions": object{"min_index_age": age(p.age)}},
			}},
			{"name": "delete", "actions": []object{{"delete": object{}}}, "transitions": []object{}},
		},
		"ism_template": []object{{"index_patterns": []string{p.pattern}, "priority": 500}},
	}}
	return step{Change: c, do: func(ctx context.Context) error { return k.write(ctx, p.name, body) }}
}

// ismAttempts is how often a policy is written that someone else writes, too.
const ismAttempts = 3

// write creates a policy, or writes over the version that is there: ISM takes
// no update that does not name it.
func (k ism) write(ctx context.Context, name string, body object) error {
	var err error
	for range ismAttempts {
		path := ismPolicies + name
		answer, missing := k.read(ctx, name)
		switch {
		case missing == nil:
			path += fmt.Sprintf("?if_seq_no=%d&if_primary_term=%d", answer.SeqNo, answer.PrimaryTerm)
		case !isMissing(missing):
			return missing
		}
		if err = k.admin.Do(ctx, http.MethodPut, path, body, nil); statusOf(err) != http.StatusConflict {
			return err
		}
	}
	return err
}

func (k ism) attach(ctx context.Context, p policy, months []Month) ([]step, error) {
	managed, _, err := explainISM(ctx, k.admin, months)
	if err != nil {
		return nil, err
	}
	current, err := k.read(ctx, p.name)
	if err != nil && !isMissing(err) {
		return nil, err
	}
	stale := err == nil && *current.mark() != p.mark() // about to be written anew
	var steps []step
	for _, m := range months {
		one := managed[m.Index]
		name := "state policy of index " + m.Index
		switch {
		case p.age == 0 && one.policy == p.name:
			steps = append(steps, k.tell("remove", m, nil, Change{name, Removed}))
		case p.age == 0:
		case one.policy == "":
			steps = append(steps, k.tell("add", m, object{"policy_id": p.name}, Change{name, Created}))
		case one.policy != p.name:
			steps = append(steps, step{Change: Change{name + ", which is its own: " + one.policy, Kept}})
		case stale || one.seqNo >= 0 && one.seqNo < current.SeqNo:
			steps = append(steps, k.tell("change_policy", m, object{"policy_id": p.name}, Change{name, Updated}))
		}
	}
	return steps, nil
}

// tell is the step that has ISM do something about one index. It answers with
// success though it failed.
func (k ism) tell(what string, m Month, body object, c Change) step {
	return step{Change: c, do: func(ctx context.Context) error {
		var answer struct {
			Failures bool `json:"failures"`
			Failed   []struct {
				Index  string `json:"index_name"`
				Reason string `json:"reason"`
			} `json:"failed_indices"`
		}
		var content any
		if body != nil {
			content = body
		}
		if err := k.admin.Do(ctx, http.MethodPost, "/_plugins/_ism/"+what+"/"+m.Index, content, &answer); err != nil {
			return err
		}
		if !answer.Failures {
			return nil
		}
		reasons := []string{"ISM refused"}
		for _, f := range answer.Failed {
			reasons = append(reasons, f.Index+": "+f.Reason)
		}
		return errors.New(strings.Join(reasons, ", "))
	}}
}

func (ism) remove(p policy) step {
	return step{Change: Change{"state policy " + p.name, Removed}, method: http.MethodDelete, path: ismPolicies + p.name}
}
