package demo

import "time"

const auditIndex = "logs-o365.audit-default"

// auditSource is what all records of the unified audit log have in common.
func auditSource(code, action, provider string, serial int) object {
	return object{
		"data_stream":  object{"type": "logs", "dataset": "o365.audit", "namespace": "default"},
		"event":        object{"action": action, "code": code, "dataset": "o365.audit", "id": guid("audit", serial), "kind": "event", "outcome": "success", "provider": provider},
		"organization": object{"id": tenant},
	}
}

// auditFile is what the audit log says of a file operation. The user is known
// by name there, and by no object id.
func (d *day) auditFile(t time.Time, p person, f cloudFile) {
	address := p.office.address
	source := auditSource("SharePointFileOperation", f.action, f.workload(), len(d.documents))
	source["event"].(object)["category"] = []string{"web", "file"}
	source["event"].(object)["type"] = []string{"info", "access"}
	source["client"] = object{"address": address, "ip": address}
	source["file"] = object{"directory": f.folder, "extension": extension(f.name), "name": f.name}
	source["host"] = object{"id": tenant, "name": domain}
	source["o365"] = object{"audit": object{
		"CreationTime": t.Format("2006-01-02T15:04:05"), "EventSource": "SharePoint", "ItemType": "File", "RecordType": "6",
		"SiteUrl": f.siteURL(p), "UserId": p.upn(), "UserKey": "i:0h.f|membership|1003" + hexID(12, "puid", p.upn()) + "@live.com",
		"UserType": "0", "Version": "1",
	}}
	source["related"] = object{"ip": []string{address}, "user": []string{p.login()}}
	source["source"] = object{"geo": object{"city_name": p.office.city, "country_iso_code": p.office.country}, "ip": address}
	source["url"] = object{"original": f.url(p)}
	source["user"] = object{"domain": domain, "email": p.upn(), "id": p.upn(), "name": p.login()}
	d.add(auditIndex, t.Truncate(time.Second), source) // the log has no fractions
}
