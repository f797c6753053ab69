package mappings

import (
	"slices"
	"strconv"
)

// putECS writes rule.* and threat.* as ECS has them: threat.technique.id and
// its like are the lists over all tactics.
func (r Rule) putECS(d object) {
	putText(d, "rule.id", r.ID)
	putText(d, "rule.name", r.Name)
	putText(d, "rule.description", r.Description)
	putList(d, "rule.author", r.Author)
	putText(d, "rule.license", r.License)
	putList(d, "rule.reference", r.References)
	if r.Version > 0 {
		put(d, "rule.version", strconv.Itoa(r.Version))
	}

	var frameworks []string
	var tactics, techniques, subtechniques []Reference
	for _, t := range r.Threat {
		if t.Framework != "" && !slices.Contains(frameworks, t.Framework) {
			frameworks = append(frameworks, t.Framework)
		}
		tactics = append(tactics, t.Tactic)
		for _, technique := range t.Techniques {
			techniques = append(techniques, technique.Reference)
			subtechniques = append(subtechniques, technique.Subtechniques...)
		}
	}
	if len(frameworks) > 0 {
		put(d, "threat.framework", frameworks)
	}
	putReferences(d, "threat.tactic", tactics)
	putReferences(d, "threat.technique", techniques)
	putReferences(d, "threat.technique.subtechnique", subtechniques)
}

// putReferences writes the parallel lists path.id, path.name and
// path.reference of the distinct entries of list.
func putReferences(d object, path string, list []Reference) {
	var distinct []Reference
	for _, r := range list {
		if r != (Reference{}) && !slices.Contains(distinct, r) {
			distinct = append(distinct, r)
		}
	}
	var ids, names, urls []string
	for _, r := range distinct {
		ids = append(ids, r.ID)
		names = append(names, r.Name)
		urls = append(urls, r.URL)
	}
	putList(d, path+".id", ids)
	putList(d, path+".name", names)
	putList(d, path+".reference", urls)
}

// putKibana writes kibana.alert.rule.* and what an alert takes over from its
// rule, as dotted keys.
func (r Rule) putKibana(d object) {
	const rule = "kibana.alert.rule."
	d["kibana.alert.risk_score"] = r.RiskScore
	for key, text := range map[string]string{
		"kibana.alert.severity": r.Severity,
		rule + "uuid":           r.ID,
		rule + "rule_id":        r.ID,
		rule + "name":           r.Name,
		rule + "type":           r.Type,
		rule + "category":       "stitch rule",
		rule + "producer":       "stitch",
		rule + "description":    r.Description,
		rule + "license":        r.License,
		rule + "note":           r.Note,
	} {
		if text != "" {
			d[key] = text
		}
	}
	for key, list := range map[string][]string{
		rule + "author":          r.Author,
		rule + "tags":            r.Tags,
		rule + "references":      r.References,
		rule + "false_positives": r.FalsePositives,
	} {
		if len(list) > 0 {
			d[key] = list
		}
	}
	if r.Version > 0 {
		d[rule+"version"] = r.Version
	}
	if len(r.Threat) > 0 {
		d[rule+"threat"] = threats(r.Threat)
	}
}

// threats writes the tactics with their techniques below them, as a rule's
// file and Kibana have them.
func threats(list []Threat) []object {
	out := make([]object, len(list))
	for i, t := range list {
		techniques := make([]object, len(t.Techniques))
		for j, technique := range t.Techniques {
			subtechniques := make([]object, len(technique.Subtechniques))
			for k, s := range technique.Subtechniques {
				subtechniques[k] = s.object()
			}
			techniques[j] = technique.object()
			techniques[j]["subtechnique"] = subtechniques
		}
		out[i] = object{"tactic": t.Tactic.object(), "technique": techniques}
		putText(out[i], "framework", t.Framework)
	}
	return out
}

func (r Reference) object() object {
	o := object{}
	putText(o, "id", r.ID)
	putText(o, "name", r.Name)
	putText(o, "reference", r.URL)
	return o
}
