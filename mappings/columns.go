package mappings

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// ecsColumns are the columns that an alert carries as ECS fields. The template
// types each of them.
var ecsColumns = []string{
	"user.id", "user.name", "user.email", "user.domain", "user.full_name",
	"user.target.id", "user.target.name", "user.target.email", "user.target.domain",
	"host.id", "host.name", "host.hostname", "host.domain", "host.ip", "host.mac",
	"host.os.name", "host.os.type", "host.os.platform", "host.os.version",
	"source.ip", "source.address",
	"process.entity_id", "process.executable", "process.name", "process.command_line", "process.pid",
	"process.hash.md5", "process.hash.sha1", "process.hash.sha256", "process.hash.sha512",
	"process.user.id", "process.user.name",
	"process.parent.entity_id", "process.parent.executable", "process.parent.name",
	"process.parent.command_line", "process.parent.pid",
	"file.name", "file.path", "file.directory", "file.extension", "file.type", "file.owner", "file.size",
	"file.hash.md5", "file.hash.sha1", "file.hash.sha256", "file.hash.sha512",
}

// Columns returns the names of the columns that an alert carries as fields of
// its own, in no particular order.
func Columns() []string { return slices.Clone(ecsColumns) }

// putColumns writes the columns that are ECS fields, and related.* over all.
func (a Alert) putColumns(d object) {
	for _, name := range ecsColumns {
		if values := a.Columns[name]; len(values) > 0 {
			put(d, name, values)
		}
	}
	for _, kv := range a.Key {
		if slices.Contains(ecsColumns, kv.Name) && !kv.Value.IsNull() {
			put(d, kv.Name, kv.Value)
		}
	}
	for group, values := range a.related() {
		put(d, "related."+group, slices.Sorted(maps.Keys(values)))
	}
}

// related gathers who and what an alert is about, whatever their role in it.
func (a Alert) related() map[string]map[string]bool {
	groups := map[string]map[string]bool{}
	for name, values := range a.Columns {
		group := relatedGroup(name)
		if group == "" {
			continue
		}
		for _, v := range values {
			text := v.String()
			if text == "" || group == "ip" && !isIP(text) {
				continue
			}
			if groups[group] == nil {
				groups[group] = map[string]bool{}
			}
			groups[group][text] = true
		}
	}
	return groups
}

// relatedGroup says which of the lists related.* a column belongs to, "" for none.
func relatedGroup(column string) string {
	path := strings.Split(column, ".")
	if len(path) < 2 {
		return ""
	}
	parent, leaf := path[len(path)-2], path[len(path)-1]
	switch {
	case leaf == "ip":
		return "ip"
	case parent == "hash":
		return "hash"
	case parent == "host" && (leaf == "id" || leaf == "name" || leaf == "hostname"):
		return "hosts"
	case (path[0] == "user" || parent == "user") && (leaf == "id" || leaf == "name" || leaf == "email"):
		return "user"
	}
	return ""
}

func isIP(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}
