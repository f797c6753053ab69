package mappings

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed *.json
var files embed.FS

// version is the version of all templates. It rises when one of them changes
// in a way that an older stitch would not understand.
const version = 4

// template is what indices of one kind look like.
type template struct {
	name     string // of the index template
	patterns []string
	alias    string // of all indices, "" for none
	settings object
	mappings object
	meta     meta
	policy   string // the lifecycle policy of its indices, "" for none
}

// meta marks a template and the mapping of each index, so that a later
// bootstrap knows what it finds.
type meta struct {
	Version int    `json:"version"`
	Hash    string `json:"hash"`
	By      string `json:"by,omitempty"` // the stitch that made it; what else is equal is equal
}

// templates returns all templates for a family of clusters.
func (n Names) templates(family string) ([]template, error) {
	if family != Elasticsearch && family != OpenSearch {
		return nil, fmt.Errorf("bootstrap: unknown family of clusters %q", family)
	}
	list := []template{
		{name: n.Alerts(), patterns: []string{n.AlertPattern()}, alias: n.Alerts()},
		{name: n.Runs(), patterns: []string{n.RunPattern()}, alias: n.Runs()},
		{name: n.State(), patterns: []string{n.State()}},
	}
	for i, file := range []string{"alerts", "runs", "state"} {
		if err := list[i].read(file, family); err != nil {
			return nil, fmt.Errorf("read template %s: %w", file, err)
		}
	}
	return list, nil
}

// read fills in the settings and mappings of the embedded file, as the family
// spells them, and their mark.
func (t *template) read(file, family string) error {
	body, err := readObject(file + ".json")
	if err != nil {
		return err
	}
	patch, err := readObject(file + "." + family + ".json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	mergePatch(body, patch)
	t.settings, _ = body["settings"].(object)
	t.mappings, _ = body["mappings"].(object)

	spelled, err := Encode([]any{t.patterns, t.alias, body})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(spelled)
	t.meta = meta{Version: version, Hash: hex.EncodeToString(sum[:8])}
	t.mappings["_meta"] = t.meta
	return nil
}

// madeBy names the stitch that makes the template.
func (t *template) madeBy(stitch string) {
	t.meta.By = stitch
	t.mappings["_meta"] = t.meta
}

// keepTo has the indices made from now on keep to a lifecycle policy.
func (t *template) keepTo(policy string) {
	t.policy = policy
	mergePatch(t.settings, object{"index": object{"lifecycle": object{"name": policy}}})
}

// body is the request that puts the index template.
func (t template) body() object {
	inner := object{"settings": t.settings, "mappings": t.mappings}
	if t.alias != "" {
		inner["aliases"] = object{t.alias: object{}}
	}
	return object{
		"index_patterns": t.patterns,
		"priority":       500, // above the catch-alls that clusters bring along
		"version":        t.meta.Version,
		"_meta":          t.meta,
		"template":       inner,
	}
}

func readObject(name string) (object, error) {
	raw, err := files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, fmt.Errorf("decode %s: %w", name, err)
	}
	return o, nil
}

// mergePatch applies patch to o as RFC 7396 has it: null removes a member.
func mergePatch(o, patch object) {
	for key, v := range patch {
		inner, isObject := v.(object)
		into, wasObject := o[key].(object)
		switch {
		case v == nil:
			delete(o, key)
		case isObject && wasObject:
			mergePatch(into, inner)
		default:
			o[key] = v
		}
	}
}
