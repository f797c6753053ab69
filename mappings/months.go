package mappings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Month is one monthly index of stitch's, of alerts or of run records.
type Month struct {
	Index   string    // a concrete name, such as detections-stitch.alerts-2026.01
	Alerts  bool      // else run records
	Start   time.Time // of the month in its name
	End     time.Time // of that month: the start of the next
	Created time.Time // when the index was made; an index may be made late
	// Policy is the policy by which the cluster itself looks after the index, ""
	// if none does.
	Policy string
}

// Months are stitch's monthly indices on a cluster of a family.
type Months struct {
	Admin  Admin
	Family string
	Names  Names
}

// List returns the open monthly indices of alerts, or those of run records,
// sorted by name. What is not named exactly as stitch names its indices is none
// of them. Where it cannot be found out whether the cluster looks after an
// index, there is an error.
func (m Months) List(ctx context.Context, alerts bool) ([]Month, error) {
	list, err := m.list(ctx, alerts)
	if err != nil {
		return nil, err
	}
	if m.Family == OpenSearch {
		managed, _, err := explainISM(ctx, m.Admin, list)
		if err != nil {
			return nil, err
		}
		for i := range list {
			list[i].Policy = managed[list[i].Index].policy
		}
	}
	return list, nil
}

// list is List, but that ISM's policies are not in it: these are in no setting
// of the indices.
func (m Months) list(ctx context.Context, alerts bool) ([]Month, error) {
	pattern := m.Names.RunPattern()
	if alerts {
		pattern = m.Names.AlertPattern()
	}
	var found map[string]struct {
		Settings map[string]any `json:"settings"`
	}
	err := m.Admin.Do(ctx, http.MethodGet, "/"+pattern+"/_settings?flat_settings=true", nil, &found)
	if err != nil && !isMissing(err) {
		return nil, fmt.Errorf("list indices %s: %w", pattern, err)
	}
	var all []Month
	for _, index := range slices.Sorted(maps.Keys(found)) {
		month, ok := m.Names.Month(index)
		if !ok {
			continue
		}
		setting := found[index].Settings
		created, _ := setting["index.creation_date"].(string)
		ms, err := strconv.ParseInt(created, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("list indices %s: when %s was made: %w", pattern, index, err)
		}
		month.Created = time.UnixMilli(ms).UTC()
		month.Policy, _ = setting["index.lifecycle.name"].(string)
		all = append(all, month)
	}
	return all, nil
}

// Delete deletes a monthly index by its own name. One that has gone already is
// no error; a name that is not exactly that of a month is one, and nothing is
// deleted.
func (m Months) Delete(ctx context.Context, month Month) error {
	if _, ok := m.Names.Month(month.Index); !ok {
		return fmt.Errorf("delete index %q: it is no month of stitch's", month.Index)
	}
	err := m.Admin.Do(ctx, http.MethodDelete, "/"+month.Index, nil, nil)
	if err != nil && !isMissing(err) {
		return fmt.Errorf("delete index %s: %w", month.Index, err)
	}
	return nil
}

// Month reads the name of a monthly index. ok is false if it is not exactly a
// name that [Names.AlertIndex] or [Names.RunIndex] gives; of the month, only
// what the name says is known.
func (n Names) Month(index string) (m Month, ok bool) {
	alerts := true
	text, found := strings.CutPrefix(index, n.Alerts()+"-")
	if !found {
		alerts = false
		if text, found = strings.CutPrefix(index, n.Runs()+"-"); !found {
			return Month{}, false
		}
	}
	start, err := time.Parse("2006.01", text)
	if err != nil || start.Format("2006.01") != text {
		return Month{}, false
	}
	return Month{Index: index, Alerts: alerts, Start: start, End: start.AddDate(0, 1, 0)}, true
}

// managedIndex is what ISM says of an index.
type managedIndex struct {
	policy string // "" if none
	seqNo  int64  // of the policy's version that it keeps to; negative if not known
}

// explainISM asks ISM which policies it keeps to, by index. there is false if
// the cluster has no ISM.
func explainISM(ctx context.Context, admin Admin, list []Month) (managed map[string]managedIndex, there bool, err error) {
	managed = map[string]managedIndex{}
	for _, month := range list {
		var answer map[string]json.RawMessage
		err := admin.Do(ctx, http.MethodGet, "/_plugins/_ism/explain/"+month.Index, nil, &answer)
		if noSuchAPI(err) {
			return managed, false, nil
		}
		if err != nil && !isMissing(err) {
			return nil, true, fmt.Errorf("ask ISM about index %s: %w", month.Index, err)
		}
		var about struct {
			Policy string `json:"index.plugins.index_state_management.policy_id"`
			Older  string `json:"index.opendistro.index_state_management.policy_id"`
			ID     string `json:"policy_id"`
			SeqNo  *int64 `json:"policy_seq_no"`
		}
		raw, found := answer[month.Index]
		if !found {
			continue
		}
		if err := json.Unmarshal(raw, &about); err != nil {
			return nil, true, fmt.Errorf("read what ISM says about index %s: %w", month.Index, err)
		}
		one := managedIndex{policy: about.Policy, seqNo: -1}
		for _, id := range []string{about.Older, about.ID} {
			if one.policy == "" {
				one.policy = id
			}
		}
		if about.SeqNo != nil {
			one.seqNo = *about.SeqNo
		}
		managed[month.Index] = one
	}
	return managed, true, nil
}

// noSuchAPI reports whether a request was refused because the cluster does not
// know its path: it lacks the module or the plugin.
func noSuchAPI(err error) bool {
	status := statusOf(err)
	return status == http.StatusBadRequest || status == http.StatusMethodNotAllowed || status == http.StatusGone
}

// errForeign says that something bears a name of stitch's and is not stitch's.
var errForeign = errors.New("it is not stitch's: give it another name, or delete it")
