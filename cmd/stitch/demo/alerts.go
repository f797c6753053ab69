package demo

import "time"

const (
	sentinelIndex = "logs-microsoft_sentinel.event-default"
	graphIndex    = "logs-m365_defender.alert-default"
	massDownload  = "Mass download by a single user"
	cabinetMatch  = "MCAS_ALERT_CABINET_EVENT_MATCH_AUDIT" // the kind of alert that an activity policy raises
)

// sentinelAlert is a row of Sentinel's SecurityAlert table.
func (d *day) sentinelAlert(t time.Time, p person, title, status string) {
	id := guid("sentinel alert", p.upn(), title)
	own := object{
		"alert":        object{"name": title, "severity": "Medium", "type": cabinetMatch},
		"description":  title + ": " + p.name(),
		"display_name": title,
		"entities": []object{
			{"$id": "2", "AppId": 20892, "Name": "Microsoft SharePoint Online", "Type": "cloud-application"},
			{"$id": "3", "AadUserId": p.objectID(), "IsDomainJoined": true, "Name": p.login(), "Type": "account", "UPNSuffix": domain},
			{"$id": "4", "Address": p.office.address, "Type": "ip"},
		},
		"is_incident":     false,
		"product":         object{"name": "Microsoft Cloud App Security"},
		"provider_name":   "MCAS",
		"status":          status,
		"system_alert_id": id,
		"tenant_id":       tenant,
		"time_generated":  stamp(t),
		"type":            "SecurityAlert",
		"vendor":          object{"name": "Microsoft", "original_id": hexID(24, "vendor", id)},
	}
	d.add(sentinelIndex, t, object{
		"cloud":              object{"account": object{"id": tenant}},
		"data_stream":        object{"type": "logs", "dataset": "microsoft_sentinel.event", "namespace": "default"},
		"event":              object{"id": id, "kind": "alert", "provider": "MCAS", "start": stamp(t.Add(-14 * time.Minute)), "end": stamp(t.Add(-12 * time.Minute))},
		"message":            title + ": " + p.name(),
		"microsoft_sentinel": object{"event": own},
		"observer":           object{"product": "Microsoft Cloud App Security", "vendor": "Microsoft"},
		"tags":               []string{"forwarded"},
	})
}

// graphAlert is an alert of Defender XDR as Microsoft Graph hands it over.
func (d *day) graphAlert(t time.Time, p person, title, status string) {
	id := guid("graph alert", p.upn(), title)
	evidence := []object{
		{"odata_type": "#microsoft.graph.security.userEvidence", "user_account": object{"account_name": p.login(), "azure_ad_user_id": p.objectID(), "user_principal_name": p.upn()}},
		{"odata_type": "#microsoft.graph.security.ipEvidence", "verdict": "suspicious"},
	}
	d.add(graphIndex, t, object{
		"data_stream":   object{"type": "logs", "dataset": "m365_defender.alert", "namespace": "default"},
		"event":         object{"created": stamp(t), "id": id, "kind": "alert", "provider": "microsoftDefenderForCloudApps"},
		"host":          object{"ip": []string{p.office.address}},
		"m365_defender": object{"alert": object{"evidence": evidence, "severity": "medium", "status": status, "title": title}},
		"message":       title + ": " + p.name(),
	})
}

// auditAlert is what the unified audit log says of an alert, as record type 40.
func (d *day) auditAlert(t time.Time, p person, action, title, status string) {
	id := guid("audit alert", p.upn(), title)
	data := object{"ad": "Activity policy '" + title + "' was triggered by '" + p.name() + "'", "an": title, "f3u": p.upn(), "mat": cabinetMatch}
	audit := object{
		"AlertId": id, "AlertType": "Custom", "Comments": "New alert", "CreationTime": t.Format("2006-01-02T15:04:05"),
		"Data": data, "ObjectId": id, "RecordType": "40", "ResultStatus": "Succeeded", "Severity": "High",
		"Source": "Cloud App Security", "Status": status, "UserId": "SecurityComplianceAlerts",
		"UserKey": "SecurityComplianceAlerts", "UserType": "4", "Version": "1",
	}
	source := auditSource("SecurityComplianceAlerts", action, "SecurityComplianceCenter", len(d.documents))
	source["event"].(object)["kind"] = "alert"
	source["event"].(object)["category"] = []string{"web"}
	source["event"].(object)["type"] = []string{"info"}
	source["host"] = object{"id": tenant}
	source["message"] = title
	source["o365"] = object{"audit": audit}
	source["related"] = object{"user": []string{p.upn(), "SecurityComplianceAlerts"}}
	source["rule"] = object{"category": "ThreatManagement", "id": guid("policy", title), "name": title}
	source["user"] = object{"email": p.upn(), "id": "SecurityComplianceAlerts"}
	d.add(auditIndex, t, source)
}
