package mappings_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

type object = map[string]any

// standIn is a cluster of a family that has lifecycle policies. It answers as
// its makers document: the nodes that tests run on have neither ILM nor ISM.
//
// For ILM: "Create or update lifecycle policy", "Get lifecycle policy", "Delete
// lifecycle policy" and "Remove policy from index" of the reference of
// Elasticsearch 8. For ISM: "ISM API" of the documentation of OpenSearch 2.
type standIn struct {
	family string

	mu        sync.Mutex
	policies  map[string]*storedPolicy
	templates map[string]object
	indices   map[string]*storedIndex
	seqNo     int
	changes   []string // requests that are no GET, with their bodies
	refuse    func(method, path string) int
	// interfere is called before a policy is written.
	interfere func()
}

type storedPolicy struct {
	body  object
	seqNo int
}

type storedIndex struct {
	mappings any
	created  int64
	policy   string
	seqNo    int // of the policy when the index took it on
}

func newStandIn(t *testing.T, family string) (*standIn, *esq.Cluster) {
	t.Helper()
	s := &standIn{family: family, policies: map[string]*storedPolicy{}, templates: map[string]object{}, indices: map[string]*storedIndex{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	cluster, err := esq.Open(t.Context(), esq.Config{URLs: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	return s, cluster
}

// apply prepares the stand-in and returns what was said and the changes made.
func (s *standIn) apply(t *testing.T, c *esq.Cluster, r mappings.Retention) (said map[string]string, requests []string) {
	t.Helper()
	s.changes = nil
	changes, err := mappings.Setup{Family: s.family, Retention: r}.Apply(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return byName(changes), s.changes
}

// index makes an index as its template would have it.
func (s *standIn) index(name string) *storedIndex {
	kind := strings.TrimRight(name, "-.0123456789")
	ix := &storedIndex{created: 1767225600000}
	if t, ok := s.templates[kind]; ok {
		inner := t["template"].(object)
		ix.mappings = inner["mappings"]
		if s.family == mappings.Elasticsearch {
			ix.policy, _ = flat(inner["settings"], "")["index.lifecycle.name"].(string)
		}
	}
	for id, p := range s.policies {
		if s.family != mappings.OpenSearch {
			break
		}
		for _, template := range p.body["ism_template"].([]any) {
			if ok, _ := path.Match(template.(object)["index_patterns"].([]any)[0].(string), name); ok {
				ix.policy, ix.seqNo = id, p.seqNo
			}
		}
	}
	s.indices[name] = ix
	return ix
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, _ := io.ReadAll(r.Body)
	if r.Method != http.MethodGet {
		s.changes = append(s.changes, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(raw)))
	}
	var body object
	if len(raw) > 0 && json.Unmarshal(raw, &body) != nil {
		s.fail(w, 400, "parse_exception", "not JSON")
		return
	}
	if s.refuse != nil {
		if status := s.refuse(r.Method, r.URL.Path); status > 0 {
			s.fail(w, status, "security_exception", "action is unauthorized")
			return
		}
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/":
		distribution := ""
		if s.family == mappings.OpenSearch {
			distribution = `"distribution":"opensearch",`
		}
		s.say(w, json.RawMessage(`{"cluster_name":"standin","cluster_uuid":"u","version":{`+distribution+`"number":"`+
			map[string]string{mappings.Elasticsearch: "8.19.0", mappings.OpenSearch: "2.19.0"}[s.family]+`"}}`))
	case parts[0] == "_ilm" && s.family == mappings.Elasticsearch:
		s.ilm(w, r.Method, parts[2], body)
	case len(parts) == 3 && parts[1] == "_ilm" && parts[2] == "remove" && s.family == mappings.Elasticsearch:
		s.indices[parts[0]].policy = ""
		s.say(w, object{"has_failures": false, "failed_indexes": []any{}})
	case parts[0] == "_plugins" && s.family == mappings.OpenSearch:
		s.ism(w, r, parts[2], parts[3], body)
	case parts[0] == "_index_template":
		s.template(w, r.Method, parts[1], body)
	case parts[len(parts)-1] == "_mapping" && r.Method == http.MethodGet:
		s.show(w, parts[0], func(ix *storedIndex) any { return object{"mappings": ix.mappings} })
	case parts[len(parts)-1] == "_mapping" && r.Method == http.MethodPut:
		s.indices[parts[0]].mappings = body
		s.say(w, object{"acknowledged": true})
	case parts[len(parts)-1] == "_settings" && r.Method == http.MethodGet:
		s.show(w, parts[0], func(ix *storedIndex) any {
			settings := object{"index.creation_date": strconv.FormatInt(ix.created, 10), "index.uuid": "x"}
			if ix.policy != "" && s.family == mappings.Elasticsearch {
				settings["index.lifecycle.name"] = ix.policy
			}
			return object{"settings": settings}
		})
	case parts[len(parts)-1] == "_settings" && r.Method == http.MethodPut:
		s.indices[parts[0]].policy = body["index"].(object)["lifecycle"].(object)["name"].(string)
		s.say(w, object{"acknowledged": true})
	case len(parts) == 1 && r.Method == http.MethodPut:
		s.indices[parts[0]] = &storedIndex{mappings: s.templates[parts[0]]["template"].(object)["mappings"]}
		s.say(w, object{"acknowledged": true, "index": parts[0]})
	case len(parts) == 1 && r.Method == http.MethodDelete && s.indices[parts[0]] != nil:
		delete(s.indices, parts[0])
		s.say(w, object{"acknowledged": true})
	default:
		s.fail(w, 400, "", fmt.Sprintf("no handler found for uri [%s] and method [%s]", r.URL.Path, r.Method))
	}
}

func (s *standIn) say(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (s *standIn) fail(w http.ResponseWriter, status int, kind, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	cause := object{"type": kind, "reason": reason}
	_ = json.NewEncoder(w).Encode(object{"error": object{"type": kind, "reason": reason, "root_cause": []any{cause}}, "status": status})
}

// show answers about the indices that match a pattern.
func (s *standIn) show(w http.ResponseWriter, pattern string, of func(*storedIndex) any) {
	found := object{}
	for name, ix := range s.indices {
		if ok, _ := path.Match(pattern, name); ok {
			found[name] = of(ix)
		}
	}
	if len(found) == 0 && !strings.Contains(pattern, "*") {
		s.fail(w, 404, "index_not_found_exception", "no such index ["+pattern+"]")
		return
	}
	s.say(w, found)
}

func (s *standIn) template(w http.ResponseWriter, method, name string, body object) {
	if method == http.MethodPut {
		s.templates[name] = body
		s.say(w, object{"acknowledged": true})
		return
	}
	t, ok := s.templates[name]
	if !ok {
		s.fail(w, 404, "resource_not_found_exception", "index template matching ["+name+"] not found")
		return
	}
	shown := maps.Clone(t)
	inner := maps.Clone(t["template"].(object))
	inner["settings"] = flat(t["template"].(object)["settings"], "")
	shown["template"] = inner
	s.say(w, object{"index_templates": []object{{"name": name, "index_template": shown}}})
}

// flat are settings with dotted names, all of them strings.
func flat(v any, prefix string) object {
	out := object{}
	for key, v := range v.(object) {
		if inner, ok := v.(object); ok {
			maps.Copy(out, flat(inner, prefix+key+"."))
		} else {
			out[prefix+key] = fmt.Sprint(v)
		}
	}
	return out
}

func (s *standIn) ilm(w http.ResponseWriter, method, name string, body object) {
	there := s.policies[name]
	switch method {
	case http.MethodPut:
		version := 1
		if there != nil {
			version = there.seqNo + 1
		}
		s.policies[name] = &storedPolicy{body["policy"].(object), version}
		s.say(w, object{"acknowledged": true})
	case http.MethodGet:
		if there == nil {
			s.fail(w, 404, "resource_not_found_exception", "Lifecycle policy not found: "+name)
			return
		}
		s.say(w, object{name: object{"version": there.seqNo, "modified_date": "2026-01-01T00:00:00.000Z", "policy": there.body, "in_use_by": object{"indices": s.users(name)}}})
	case http.MethodDelete:
		if users := s.users(name); len(users) > 0 {
			s.fail(w, 400, "illegal_argument_exception", fmt.Sprintf("Cannot delete policy [%s]. It is in use by one or more indices: %v", name, users))
			return
		}
		delete(s.policies, name)
		s.say(w, object{"acknowledged": true})
	}
}

func (s *standIn) users(policy string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.indices)) {
		if s.indices[name].policy == policy {
			out = append(out, name)
		}
	}
	return out
}

func (s *standIn) ism(w http.ResponseWriter, r *http.Request, what, name string, body object) {
	switch what {
	case "policies":
		s.ismPolicy(w, r, name, body)
	case "explain":
		ix := s.indices[name]
		if ix == nil {
			s.fail(w, 404, "index_not_found_exception", "no such index ["+name+"]")
			return
		}
		if ix.policy == "" {
			s.say(w, object{name: object{"index.plugins.index_state_management.policy_id": nil, "index.opendistro.index_state_management.policy_id": nil, "enabled": nil}, "total_managed_indices": 0})
			return
		}
		s.say(w, object{name: object{
			"index.plugins.index_state_management.policy_id": ix.policy, "index.opendistro.index_state_management.policy_id": ix.policy,
			"index": name, "index_uuid": "x", "policy_id": ix.policy, "policy_seq_no": ix.seqNo, "policy_primary_term": 1, "enabled": true,
		}, "total_managed_indices": 1})
	default:
		ix := s.indices[name]
		id, _ := body["policy_id"].(string)
		if what != "remove" && (what == "add") != (ix.policy == "") {
			s.say(w, object{"updated_indices": 0, "failures": true, "failed_indices": []object{
				{"index_name": name, "index_uuid": "x", "reason": "This index already has a policy, use the update policy API to update index policies"},
			}})
			return
		}
		ix.policy, ix.seqNo = id, 0
		if p := s.policies[id]; p != nil {
			ix.seqNo = p.seqNo
		}
		s.say(w, object{"updated_indices": 1, "failures": false, "failed_indices": []any{}})
	}
}

func (s *standIn) ismPolicy(w http.ResponseWriter, r *http.Request, name string, body object) {
	if r.Method == http.MethodPut && s.interfere != nil {
		s.interfere()
	}
	there := s.policies[name]
	switch r.Method {
	case http.MethodPut:
		asked := r.URL.Query().Get("if_seq_no")
		if there == nil && asked != "" || there != nil && asked != strconv.Itoa(there.seqNo) {
			s.fail(w, 409, "version_conflict_engine_exception", "["+name+"]: version conflict")
			return
		}
		s.seqNo++
		s.policies[name] = &storedPolicy{body["policy"].(object), s.seqNo}
		s.say(w, object{"_id": name, "_version": 1, "_primary_term": 1, "_seq_no": s.seqNo, "policy": object{"policy": body["policy"]}})
	case http.MethodGet:
		if there == nil {
			s.fail(w, 404, "status_exception", "Policy not found")
			return
		}
		shown := maps.Clone(there.body)
		shown["policy_id"], shown["schema_version"] = name, 21
		s.say(w, object{"_id": name, "_version": 1, "_seq_no": there.seqNo, "_primary_term": 1, "policy": shown})
	case http.MethodDelete:
		delete(s.policies, name)
		s.say(w, object{"_index": ".opendistro-ism-config", "_id": name, "result": "deleted"})
	}
}

// lines are requests about policies, the bodies indented.
func lines(requests []string) string {
	var out bytes.Buffer
	for _, r := range requests {
		parts := strings.SplitN(r, " ", 3)
		if strings.HasPrefix(parts[1], "/_index_template/") || strings.HasSuffix(parts[1], "/_mapping") {
			continue
		}
		fmt.Fprintln(&out, parts[0], parts[1])
		if len(parts) == 3 {
			_ = json.Indent(&out, []byte(parts[2]), "", "  ")
			fmt.Fprintln(&out)
		}
	}
	return out.String()
}
