package rules

import (
	"maps"
	"slices"
	"strings"
)

// entityTypes are the kinds of entities that Microsoft Sentinel knows
// (its "Entity types reference").
var entityTypes = []string{
	"Account", "Host", "IP", "URL", "AzureResource", "CloudApplication", "DNS", "File", "FileHash", "IoTDevice",
	"Mailbox", "MailCluster", "MailMessage", "Malware", "Process", "RegistryKey", "RegistryValue", "SecurityGroup",
	"SubmissionMail",
}

// maxEntities is how many an alert has at most, as Sentinel's alerts; the
// details have the values of all.
const maxEntities = 500

// entity is one [[rule.alert.entity]]: who or what an alert is about, named by
// identifiers that are computed as details are.
type entity struct {
	kind        string
	identifiers []detail
}

// readEntities reads [[rule.alert.entity]]: type, and every other key an
// identifier with its expression.
func (c *compiler) readEntities(path []string, specs []map[string]any, p *plan) []entity {
	var out []entity
	for i, spec := range specs {
		at := index(path, "entity", i)
		kind, _ := spec["type"].(string)
		if !slices.Contains(entityTypes, kind) {
			c.problem(at, "an entity needs type = one of %s%s", strings.Join(entityTypes, ", "), didYouMean(kind, entityTypes))
		}
		e := entity{kind: kind}
		for _, name := range sortedKeys(spec) {
			text, ok := spec[name].(string)
			switch {
			case name == "type":
			case !ok:
				c.problem(append(at[:len(at):len(at)], name), "identifier %s must be a column or an expression, not %s", name, kindOf(spec[name]))
			default:
				e.identifiers = append(e.identifiers, c.readDetail(append(at[:len(at):len(at)], name), name, text, p))
			}
		}
		if len(e.identifiers) == 0 {
			c.problem(at, "an entity without identifiers; add such as FullName = 'STAGE.user.email'")
		}
		out = append(out, e)
	}
	return out
}

// entities are who and what a match is about. What has no value is left out,
// as Sentinel does. Several values of an only identifier are an entity each;
// beside other identifiers they stay together, since nothing says which belong
// to which.
func (d *detailEnv) entities(specs []entity) []Entity {
	var out []Entity
	for _, spec := range specs {
		identifiers := d.all(spec.identifiers)
		maps.DeleteFunc(identifiers, func(_ string, v any) bool {
			list, isList := v.([]any)
			return v == "" || isList && len(list) == 0
		})
		if len(spec.identifiers) == 1 {
			name := spec.identifiers[0].name
			if list, ok := identifiers[name].([]any); ok {
				for _, v := range list {
					out = append(out, Entity{Type: spec.kind, Identifiers: map[string]any{name: v}})
				}
				continue
			}
		}
		if len(identifiers) > 0 {
			out = append(out, Entity{Type: spec.kind, Identifiers: identifiers})
		}
	}
	return out[:min(len(out), maxEntities)]
}
