package mappings

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

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
)

// Change is what [Bootstrap] did about one thing.
type Change struct {
	Name   string // "index template detections-stitch.alerts"
	Action string // Created, Kept or Updated
}

// NewerError says that a cluster was prepared by a newer stitch. Nothing was
// changed.
type NewerError struct {
	Name        string // what was found
	There, Ours int    // versions
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has version %d, this stitch knows versions up to %d: use the newer stitch that prepared the cluster",
		e.Name, e.There, e.Ours)
}

// UnpreparedError says that a cluster has to be prepared by [Bootstrap] before
// anything is written to it.
type UnpreparedError struct {
	Name string // what is missing, or too old
	Old  bool
}

func (e *UnpreparedError) Error() string {
	if e.Old {
		return e.Name + " was made by an older stitch: run stitch bootstrap"
	}
	return e.Name + " does not exist: run stitch bootstrap first"
}

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
			return &NewerError{Name: name, There: there.Version, Ours: version}
		}
		if there.Version < version {
			return &UnpreparedError{Name: name, Old: true}
		}
	}
	return nil
}

// Bootstrap prepares a cluster of the family ([Elasticsearch] or [OpenSearch])
// for stitch: it puts the index templates, creates the index of the
// state, and adds to indices that are there the fields that a newer
// template has. What is as wanted already is kept, so that a second call
// changes nothing. If anything there has a newer version, it changes nothing
// at all and returns a [*NewerError].
func Bootstrap(ctx context.Context, admin Admin, family string, names Names) ([]Change, error) {
	templates, err := names.templates(family)
	if err != nil {
		return nil, err
	}
	b := bootstrap{admin: admin}
	steps := make([]step, 0, len(templates))
	for _, t := range templates {
		found, err := b.look(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("bootstrap: %w", err)
		}
		steps = append(steps, found...)
	}
	state, err := b.lookState(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	if state != nil {
		steps = append(steps, *state)
	}

	changes := make([]Change, 0, len(steps))
	for _, s := range steps {
		if s.Action != Kept {
			if err := admin.Do(ctx, http.MethodPut, s.path, s.body, nil); err != nil {
				return changes, fmt.Errorf("bootstrap: put %s: %w", s.Name, err)
			}
		}
		changes = append(changes, s.Change)
	}
	return changes, nil
}

// step is a change and the request that makes it.
type step struct {
	Change
	path string
	body any
}

type bootstrap struct{ admin Admin }

// look finds out what is to be done about a template and the indices that it
// made.
func (b bootstrap) look(ctx context.Context, t template) ([]step, error) {
	there, err := b.templateMeta(ctx, t.name)
	if err != nil {
		return nil, err
	}
	name := "index template " + t.name
	action, err := compare(name, there, t.meta)
	if err != nil {
		return nil, err
	}
	steps := []step{{Change{name, action}, "/_index_template/" + t.name, t.body()}}

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
			steps = append(steps, step{Change{name, action}, "/" + index + "/_mapping", t.mappings})
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
	return &step{Change{"index " + names.State(), Created}, "/" + names.State(), nil}, nil
}

// compare says what is to be done about something that bears the mark there,
// nil if it is missing.
func compare(name string, there *meta, wanted meta) (action string, err error) {
	switch {
	case there == nil:
		return Created, nil
	case there.Version > wanted.Version:
		return "", &NewerError{Name: name, There: there.Version, Ours: wanted.Version}
	case *there == wanted:
		return Kept, nil
	}
	return Updated, nil
}

// templateMeta reads the mark of an index template, nil if there is no such
// template.
func (b bootstrap) templateMeta(ctx context.Context, name string) (*meta, error) {
	var found struct {
		Templates []struct {
			Template struct {
				Meta meta `json:"_meta"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	err := b.admin.Do(ctx, http.MethodGet, "/_index_template/"+name, nil, &found)
	if isMissing(err) || err == nil && len(found.Templates) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read index template %s: %w", name, err)
	}
	return &found.Templates[0].Template.Meta, nil
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

func isMissing(err error) bool {
	var refusal *esq.ResponseError
	return errors.As(err, &refusal) && refusal.Status == http.StatusNotFound
}
