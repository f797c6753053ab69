package mappings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
)

// Admin sends one request to a cluster. The body is sent as JSON unless it is
// nil, the answer decoded into out unless that is nil. A status from 400 on is
// an [*esq.ResponseError].
type Admin interface {
	Do(ctx context.Context, method, path string, body, out any) error
}

// The actions of a [Change].
const (
	Created = "created"
	Kept    = "kept" // it was there as wanted
	Updated = "updated"
	Removed = "removed"
	Skipped = "skipped" // the user may not do it
	Absent  = "absent"  // the cluster cannot do it
)

// Change is what [Bootstrap] did about one thing.
type Change struct {
	Name   string // "index template detections-stitch.alerts"
	Action string // Created, Kept and so on
}

// NewerError says that a cluster was prepared by a newer stitch. Nothing was
// changed.
type NewerError struct {
	Name        string // what was found
	There, Ours int    // versions
	By          string // the stitch that made it, "" if that is not known
}

func (e *NewerError) Error() string {
	use := "the newer stitch that prepared the cluster"
	if e.By != "" {
		use = "stitch " + e.By + ", which prepared the cluster, or a newer one"
	}
	return fmt.Sprintf("%s has version %d, this stitch knows versions up to %d: use %s", e.Name, e.There, e.Ours, use)
}

// UnpreparedError says that a cluster has to be prepared by [Bootstrap].
type UnpreparedError struct {
	Name string // what is missing, or too old
	Old  bool
	// Usable says that stitch can run on what is there: it lacks fields, which
	// the cluster will guess the types of until it is prepared.
	Usable bool
}

func (e *UnpreparedError) Error() string {
	if e.Old {
		return e.Name + " was made by an older stitch: run stitch bootstrap"
	}
	return e.Name + " does not exist: run stitch bootstrap first"
}

// oldestUsable is the oldest version of the templates on which this stitch runs.
const oldestUsable = 3

// Check asks whether a cluster is prepared for this stitch. It is not if it
// lacks the index of stitch's state or has an older one, which is an
// [*UnpreparedError], or a newer one, a [*NewerError]. Only that index is
// asked for, so that no more than reading its mapping must be allowed.
func Check(ctx context.Context, admin Admin, names Names) error {
	metas, err := bootstrap{admin}.indexMetas(ctx, names.State())
	if err != nil {
		return fmt.Errorf("check preparation: %w", err)
	}
	name := "index " + names.State()
	if len(metas) == 0 {
		return &UnpreparedError{Name: name}
	}
	for _, there := range metas { // one, though behind an alias it has another name
		if there.Version > version {
			return &NewerError{Name: name, There: there.Version, Ours: version, By: there.By}
		}
		if there.Version < version {
			return &UnpreparedError{Name: name, Old: true, Usable: there.Version >= oldestUsable}
		}
	}
	return nil
}

// Setup is how a cluster is to be prepared for stitch.
type Setup struct {
	Family    string // Elasticsearch or OpenSearch
	Names     Names
	Retention Retention
	By        string // this stitch's own version, to be named in what it makes; may be empty
}

// Bootstrap is [Setup.Apply] without a retention.
func Bootstrap(ctx context.Context, admin Admin, family string, names Names) ([]Change, error) {
	return Setup{Family: family, Names: names}.Apply(ctx, admin)
}

// Apply prepares a cluster: it puts the index templates, creates the index of
// the state, and adds to indices that are there the fields that a newer
// template has. Where the cluster can delete old indices itself, it writes the
// policies for that, gives them to the indices, and takes away those of which
// there is no retention any more. What is as wanted already is kept, so that a
// second call changes nothing. If anything there has a newer version, it
// changes nothing at all and returns a [*NewerError].
func (s Setup) Apply(ctx context.Context, admin Admin) ([]Change, error) {
	templates, err := s.Names.templates(s.Family)
	if err != nil {
		return nil, err
	}
	b := bootstrap{admin: admin}
	steps, err := b.plan(ctx, s, templates)
	if err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	changes := make([]Change, 0, len(steps))
	for _, step := range steps {
		if err := b.take(ctx, &step); err != nil {
			return changes, fmt.Errorf("bootstrap: %s: %w", step.Name, err)
		}
		changes = append(changes, step.Change)
	}
	return changes, nil
}

// step is a change and the request that makes it.
type step struct {
	Change
	method string // PUT if empty
	path   string // none: there is nothing to do
	body   any
	// do makes the change instead of the request.
	do func(context.Context) error
	// missing is what to add to the mapping of an index that refuses body.
	missing func(context.Context) (body object, without []string, err error)
}

type bootstrap struct{ admin Admin }

// plan finds out what is to be done. It changes nothing.
func (b bootstrap) plan(ctx context.Context, s Setup, templates []template) ([]step, error) {
	lifecycle, err := b.lookLifecycle(ctx, s)
	if err != nil {
		return nil, err
	}
	steps := lifecycle.before
	for _, t := range templates {
		t.madeBy(s.By)
		there, err := b.templateMeta(ctx, t.name)
		if err != nil {
			return nil, err
		}
		policy, known := lifecycle.template[t.name]
		if !known && there != nil {
			policy = there.policy
		}
		if s.Family == Elasticsearch && policy != "" {
			t.keepTo(policy)
		}
		found, err := b.look(ctx, t, there)
		if err != nil {
			return nil, err
		}
		steps = append(steps, found...)
	}
	state, err := b.lookState(ctx, s.Names)
	if err != nil {
		return nil, err
	}
	if state != nil {
		steps = append(steps, *state)
	}
	return append(steps, lifecycle.after...), nil
}

// take does what a step says. An index whose fields have got other types than
// the template's keeps these, and is given the fields that it lacks.
func (b bootstrap) take(ctx context.Context, s *step) error {
	if s.Action == Kept || s.path == "" && s.do == nil {
		return nil
	}
	if s.do != nil {
		return s.do(ctx)
	}
	method := cmp.Or(s.method, http.MethodPut)
	err := b.admin.Do(ctx, method, s.path, s.body, nil)
	if s.missing == nil || statusOf(err) != http.StatusBadRequest {
		return err
	}
	body, without, missingErr := s.missing(ctx)
	if missingErr != nil || len(without) == 0 {
		return errors.Join(err, missingErr)
	}
	s.Name += ", but for fields that have another type there: " + strings.Join(without, ", ")
	return b.admin.Do(ctx, method, s.path, body, nil)
}

// look finds out what is to be done about a template, which is there as said,
// and the indices that it made.
func (b bootstrap) look(ctx context.Context, t template, there *storedTemplate) ([]step, error) {
	name := "index template " + t.name
	var mark *meta
	if there != nil {
		mark = &there.mark
		if there.policy != t.policy {
			mark.Hash = "" // whatever else it is, it is not as wanted
		}
	}
	action, err := compare(name, mark, t.meta)
	if err != nil {
		return nil, err
	}
	steps := []step{{Change: Change{name, action}, path: "/_index_template/" + t.name, body: t.body()}}

	for _, pattern := range t.patterns {
		metas, err := b.indexMetas(ctx, pattern)
		if err != nil {
			return nil, err
		}
		for _, index := range slices.Sorted(maps.Keys(metas)) {
			there := metas[index]
			name := "mapping of index " + index
			action, err := compare(name, &there, t.meta)
			if err != nil {
				return nil, err
			}
			steps = append(steps, step{
				Change: Change{name, action}, path: "/" + index + "/_mapping", body: t.mappings,
				missing: func(ctx context.Context) (object, []string, error) { return b.missing(ctx, index, t.mappings) },
			})
		}
	}
	return steps, nil
}

// lookState returns the step that creates the index of the state, nil if
// it is there.
func (b bootstrap) lookState(ctx context.Context, names Names) (*step, error) {
	metas, err := b.indexMetas(ctx, names.State())
	if err != nil || len(metas) > 0 {
		return nil, err
	}
	return &step{Change: Change{"index " + names.State(), Created}, path: "/" + names.State()}, nil
}

// compare says what is to be done about something that bears the mark there,
// nil if it is missing.
func compare(name string, there *meta, wanted meta) (action string, err error) {
	switch {
	case there == nil:
		return Created, nil
	case there.Version > wanted.Version:
		return "", &NewerError{Name: name, There: there.Version, Ours: wanted.Version, By: there.By}
	case there.Version == wanted.Version && there.Hash == wanted.Hash:
		return Kept, nil
	}
	return Updated, nil
}

// storedTemplate is an index template as it was found.
type storedTemplate struct {
	mark   meta
	policy string // the lifecycle policy that it names, "" for none
}

// templateMeta reads what is to be known of an index template, nil if there is
// no such template.
func (b bootstrap) templateMeta(ctx context.Context, name string) (*storedTemplate, error) {
	var found struct {
		Templates []struct {
			Template struct {
				Meta     meta `json:"_meta"`
				Template struct {
					Settings struct {
						Policy string `json:"index.lifecycle.name"`
					} `json:"settings"`
				} `json:"template"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	err := b.admin.Do(ctx, http.MethodGet, "/_index_template/"+name+"?flat_settings=true", nil, &found)
	if isMissing(err) || err == nil && len(found.Templates) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read index template %s: %w", name, err)
	}
	t := found.Templates[0].Template
	return &storedTemplate{t.Meta, t.Template.Settings.Policy}, nil
}

// indexMetas reads the marks of the indices that match a pattern. An index
// without a mark has the zero one.
func (b bootstrap) indexMetas(ctx context.Context, pattern string) (map[string]meta, error) {
	var found map[string]struct {
		Mappings struct {
			Meta meta `json:"_meta"`
		} `json:"mappings"`
	}
	err := b.admin.Do(ctx, http.MethodGet, "/"+pattern+"/_mapping", nil, &found)
	if err != nil && !isMissing(err) {
		return nil, fmt.Errorf("read mapping of %s: %w", pattern, err)
	}
	metas := make(map[string]meta, len(found))
	for index, f := range found {
		metas[index] = f.Mappings.Meta
	}
	return metas, nil
}

func isMissing(err error) bool { return statusOf(err) == http.StatusNotFound }

// statusOf is the status by which a cluster refused, 0 if it did not.
func statusOf(err error) int {
	var refusal *esq.ResponseError
	if errors.As(err, &refusal) {
		return refusal.Status
	}
	return 0
}
