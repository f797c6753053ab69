package demo

import (
	"fmt"
	"time"
)

// yardFile is a file operation at the yard that was bought lately, in a tenant
// of its own: Filebeat's module tells of it, with the keys it writes.
func (d *day) yardFile(t time.Time) {
	const yard = "tollan-yard.example"
	login := pick(d, []string{"a.holm", "b.nyberg", "c.rask", "d.vik"})
	name, action := d.someName(), pick(d, operations)
	upn := login + "@" + yard
	serial := len(d.documents)
	site := "https://tollanyard.sharepoint.example/sites/yard/"
	d.add("filebeat-8.19.4-"+d.start.Format("2006.01.02"), t.Truncate(time.Second), object{
		"client": object{"address": "203.0.113.201", "ip": "203.0.113.201"},
		"event": object{
			"action": action, "category": "file", "code": "SharePointFileOperation", "dataset": "o365.audit", "id": guid("yard", serial),
			"kind": "event", "module": "o365", "outcome": "success", "provider": "SharePoint", "type": "access",
		},
		"file":    object{"directory": "Documents", "extension": extension(name), "name": name},
		"fileset": object{"name": "audit"},
		"host":    object{"id": guid("tenant", yard), "name": yard},
		"o365": object{"audit": object{
			"ClientIP": "203.0.113.201", "CorrelationId": guid("correlation", serial), "CreationTime": t.Format("2006-01-02T15:04:05"),
			"Operation": action, "RecordType": 6, "SiteUrl": site, "SourceFileName": name, "UserId": upn, "UserType": 0, "Workload": "SharePoint",
		}},
		"service": object{"type": "o365"},
		"source":  object{"geo": object{"city_name": "Gothenburg", "country_iso_code": "SE"}, "ip": "203.0.113.201"},
		"tags":    []string{"forwarded"},
		"url":     object{"original": fmt.Sprintf("%sDocuments/%s", site, name)},
		"user":    object{"domain": yard, "id": upn, "name": login},
	})
}
