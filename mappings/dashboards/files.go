package dashboards

import (
	"bytes"
	"fmt"

	"github.com/stitchdetect/stitch/mappings"
)

// File is a file of saved objects, one a line, for one product to import.
type File struct {
	Name    string
	Content []byte
}

// saved is a saved object.
type saved struct {
	Attributes object `json:"attributes"`
	ID         string `json:"id"`
	// Version is the version of the type whose form this is.
	Version    map[string]string `json:"migrationVersion"`
	References []reference       `json:"references"`
	Type       string            `json:"type"`
}

// reference is another saved object that one needs, under the name by which
// its attributes speak of it.
type reference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

const (
	typeView   = "index-pattern"
	typeSearch = "search"
	typePanel  = "visualization"
	typeBoard  = "dashboard"
	// indexReference is how a search speaks of its data view.
	indexReference = "kibanaSavedObjectMeta.searchSourceJSON.index"
	// panelVersion is the version of how a board describes its panels.
	panelVersion = "7.10.0"
)

// Files returns the files, for indices of these names: one for Kibana and one
// for OpenSearch Dashboards. The same names make the same bytes.
func Files(names mappings.Names) ([]File, error) {
	var files []File
	for _, product := range []struct {
		name  string
		named bool // data views have names, beside their patterns
	}{{"stitch-kibana.ndjson", true}, {"stitch-opensearch-dashboards.ndjson", false}} {
		objects, err := objects(names, product.named)
		if err != nil {
			return nil, fmt.Errorf("make %s: %w", product.name, err)
		}
		var content bytes.Buffer
		for _, o := range objects {
			line, err := mappings.Encode(o)
			if err != nil {
				return nil, fmt.Errorf("make %s: %w", product.name, err)
			}
			content.Write(append(line, '\n'))
		}
		files = append(files, File{product.name, content.Bytes()})
	}
	return files, nil
}

// objects are all saved objects, each after those that it needs.
func objects(names mappings.Names, named bool) ([]saved, error) {
	var list []saved
	for _, v := range views(names) {
		attributes := object{"title": v.pattern, "timeFieldName": "@timestamp"}
		if named {
			attributes["name"] = v.name
		}
		list = append(list, saved{Attributes: attributes, ID: v.id, Version: map[string]string{typeView: "7.6.0"}, References: []reference{}, Type: typeView})
	}
	for _, s := range searches() {
		o, err := s.saved()
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	for _, p := range panels() {
		o, err := p.saved()
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	board, err := board()
	return append(list, board), err
}

// source is the part of a saved object that says which documents it is of; the
// data view is named by reference.
func source(query string, of bool) (object, error) {
	s := object{"query": object{"query": query, "language": "kuery"}, "filter": []object{}}
	if of {
		s["indexRefName"] = indexReference
	}
	text, err := text(s)
	return object{"searchSourceJSON": text}, err
}

func (s search) saved() (saved, error) {
	meta, err := source(s.query, true)
	return saved{
		Attributes: object{
			"title": s.title, "description": "", "columns": s.columns, "sort": [][]string{{"@timestamp", "desc"}}, "version": 1,
			"kibanaSavedObjectMeta": meta,
		},
		ID: s.id, Version: map[string]string{typeSearch: "7.9.3"}, References: []reference{{s.view, indexReference, typeView}}, Type: typeSearch,
	}, err
}

func (p panel) saved() (saved, error) {
	meta, err := source(p.query, true)
	if err != nil {
		return saved{}, err
	}
	state, err := text(p.state())
	return saved{
		Attributes: object{
			"title": p.title, "description": "", "version": 1, "visState": state, "uiStateJSON": "{}", "kibanaSavedObjectMeta": meta,
		},
		ID: p.id, Version: map[string]string{typePanel: "7.10.0"}, References: []reference{{p.view, indexReference, typeView}}, Type: typePanel,
	}, err
}

// board is the dashboard of all panels and searches.
func board() (saved, error) {
	var placed []object
	var references []reference
	add := func(id, kind string, at place) {
		n := len(placed)
		name, index := fmt.Sprintf("panel_%d", n), fmt.Sprint(n+1)
		placed = append(placed, object{
			"version": panelVersion, "panelIndex": index, "embeddableConfig": object{}, "panelRefName": name,
			"gridData": object{"x": at.x, "y": at.y, "w": at.w, "h": at.h, "i": index},
		})
		references = append(references, reference{id, name, kind})
	}
	for _, p := range panels() {
		add(p.id, typePanel, p.place)
	}
	for _, s := range searches() {
		add(s.id, typeSearch, s.place)
	}
	meta, err := source("", false)
	if err != nil {
		return saved{}, err
	}
	panels, err := text(placed)
	if err != nil {
		return saved{}, err
	}
	options, err := text(object{"useMargins": true, "hidePanelTitles": false})
	return saved{
		Attributes: object{
			"title": "stitch: overview", "description": "Alerts and runs of stitch", "version": 1,
			"panelsJSON": panels, "optionsJSON": options, "kibanaSavedObjectMeta": meta,
			"timeRestore": true, "timeFrom": "now-7d", "timeTo": "now", "refreshInterval": object{"pause": true, "value": 0},
		},
		ID: boardID, Version: map[string]string{typeBoard: "7.9.3"}, References: references, Type: typeBoard,
	}, err
}

// text is a value as JSON in a string, as saved objects nest it.
func text(v any) (string, error) {
	raw, err := mappings.Encode(v)
	return string(raw), err
}
