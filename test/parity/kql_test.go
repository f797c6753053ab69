package parity

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// tables are the four that Sentinel's rule reads, with the columns it reads. A
// missing value is "", as in Kusto. Times are Unix ms.
type tables struct {
	SecurityAlert    []securityAlert
	CloudAppEvents   []cloudAppEvent
	DeviceFileEvents []deviceFileEvent
	DeviceEvents     []deviceEvent
}

type securityAlert struct {
	TimeGenerated, Ingested int64
	AlertName, Status       string
	Entities                []entity
}

type entity struct{ Type, Address, AadUserId string }

type cloudAppEvent struct {
	TimeGenerated, Ingested    int64
	ActionType, Application    string
	AccountObjectId, IPAddress string
	City, CountryCode          string
	UserId, SourceFileName     string // of RawEventData
}

type deviceFileEvent struct {
	TimeGenerated, Ingested                                      int64
	ActionType, FileName, FolderPath, DeviceId, DeviceName       string
	InitiatingProcessAccountUpn                                  string
	InitiatingProcessFolderPath, InitiatingProcessParentFileName string
}

type deviceEvent struct {
	TimeGenerated, Ingested          int64
	ActionType, DeviceId             string
	DriveLetter, ProductName, Volume string // of AdditionalFields
}

// queryPeriod is the tables as one run of the rule sees them: the rows of
// [from, to) that have arrived by now.
type queryPeriod struct {
	tables
	from, to, now int64
}

func (q queryPeriod) has(t, ingested int64) bool { return q.from <= t && t < q.to && ingested <= q.now }

type alertRow struct {
	time    int64
	ip, aad string
}

// alerts is "let Alerts": a row for each address and account of an alert.
func (q queryPeriod) alerts() []alertRow {
	var rows []alertRow
	for _, a := range q.SecurityAlert {
		if !q.has(a.TimeGenerated, a.Ingested) || folded(a.AlertName) != "mass download by a single user" || a.Status == "Resolved" {
			continue
		}
		for _, ip := range a.Entities {
			for _, account := range a.Entities {
				if ip.Type == "ip" && account.Type == "account" {
					rows = append(rows, alertRow{a.TimeGenerated, ip.Address, account.AadUserId})
				}
			}
		}
	}
	return rows
}

type downloadKey struct{ application, oid, user, ip, city, country string }

// downloads is "let CA_Events".
func (q queryPeriod) downloads() map[downloadKey]*group {
	groups := map[downloadKey]*group{}
	for _, e := range q.CloudAppEvents {
		if q.has(e.TimeGenerated, e.Ingested) && e.ActionType == "FileDownloaded" {
			k := downloadKey{e.Application, e.AccountObjectId, e.UserId, e.IPAddress, e.City, e.CountryCode}
			summarize(groups, k, e.TimeGenerated, e.SourceFileName)
		}
	}
	return groups
}

type alertAndDownload struct {
	alert alertRow
	key   downloadKey
	group *group
}

// alertsAndDownloads is "let CA_Alerts_Events".
func (q queryPeriod) alertsAndDownloads() []alertAndDownload {
	var rows []alertAndDownload
	downloads := q.downloads()
	for _, a := range q.alerts() {
		for k, g := range downloads {
			if joins(a.aad, k.oid) && joins(a.ip, k.ip) && g.end <= a.time {
				rows = append(rows, alertAndDownload{a, k, g})
			}
		}
	}
	return rows
}

type copyKey struct{ upn, device, deviceName, process, parent string }

// copies is DeviceFileEvents, whose FileName must be in "let CA_FileList".
func (q queryPeriod) copies(downloaded []alertAndDownload) map[copyKey]*group {
	list := map[string]bool{}
	for _, d := range downloaded {
		for _, name := range d.group.values {
			list[folded(name)] = true
		}
	}
	groups := map[copyKey]*group{}
	for _, e := range q.DeviceFileEvents {
		if q.has(e.TimeGenerated, e.Ingested) && (e.ActionType == "FileCreated" || e.ActionType == "FileRenamed") && e.FileName != "" && list[folded(e.FileName)] {
			k := copyKey{e.InitiatingProcessAccountUpn, e.DeviceId, e.DeviceName, e.InitiatingProcessFolderPath, e.InitiatingProcessParentFileName}
			summarize(groups, k, e.TimeGenerated, e.FolderPath)
		}
	}
	return groups
}

// kusto evaluates the rule at a time now over [from, to), one pipe of its text
// after the other, and returns the rows that come out as JSON, by what they are
// made of: their groups, not what these hold.
//
// Three things are not the original's: two empty strings never join, nor is an
// empty file name found in a list, nor is it one of a group's files.
func (db tables) kusto(from, to, now int64) map[string]string {
	q := queryPeriod{db, from, to, now}
	rows := map[string]string{}
	downloaded := q.alertsAndDownloads()
	copies := q.copies(downloaded)
	for _, d := range downloaded {
		for k, c := range copies {
			if !joins(d.key.user, k.upn) || c.start < d.alert.time {
				continue
			}
			for _, m := range q.DeviceEvents {
				if !q.has(m.TimeGenerated, m.Ingested) || m.ActionType != "UsbDriveMounted" || m.DriveLetter == "" ||
					!joins(k.device, m.DeviceId) || m.TimeGenerated < d.alert.time {
					continue
				}
				if matched := c.startingWith(m.DriveLetter); len(matched) > 0 {
					m.Ingested = 0
					rows[fmt.Sprintf("%#v", []any{d.alert, d.key, k, m})] = text(result(d, k, c, m, matched))
				}
			}
		}
	}
	return rows
}

// startingWith returns the group's values that start with a text, folded.
func (g *group) startingWith(start string) []string {
	var matched []string
	for _, v := range g.values {
		if strings.HasPrefix(folded(v), folded(start)) {
			matched = append(matched, v)
		}
	}
	return matched
}

// result is a row of the rule's output. The last columns are cut out of others.
func result(d alertAndDownload, k copyKey, c *group, m deviceEvent, matched []string) map[string]any {
	return map[string]any{
		"Alert_TimeGenerated":    iso(d.alert.time),
		"USB_TimeGenerated":      iso(m.TimeGenerated),
		"UserId":                 d.key.user,
		"AADUserId":              d.alert.aad,
		"DeviceId":               k.device,
		"DeviceName":             k.deviceName,
		"IPAddress":              d.alert.ip,
		"USB_Drive_MatchedFiles": sorted(matched),
		"CloudAppEvents_Details": map[string]any{
			"Application": d.key.application, "AccountObjectId": d.key.oid, "UserId": d.key.user,
			"IPAddress": d.key.ip, "City": d.key.city, "CountryCode": d.key.country,
			"CloudAppEvent_StartTime": iso(d.group.start), "CloudAppEvent_EndTime": iso(d.group.end),
			"CloudAppEvent_Files": sorted(d.group.values), "FileCount": len(d.group.values),
		},
		"DeviceFileEvents_Details": map[string]any{
			"InitiatingProcessAccountUpn": k.upn, "DeviceId": k.device, "DeviceName": k.deviceName,
			"InitiatingProcessFolderPath": k.process, "InitiatingProcessParentFileName": k.parent,
			"DeviceFileEvent_StartTime": iso(c.start), "DeviceFileEvent_EndTime": iso(c.end),
			"DeviceFileEvent_Files": sorted(c.values), "DeviceFileEvent_FileCount": len(c.values),
		},
		"USB_Details": map[string]any{
			"USB_TimeGenerated": iso(m.TimeGenerated), "DeviceId": m.DeviceId,
			"USB_DriveLetter": m.DriveLetter, "USB_ProductName": m.ProductName, "USB_Volume": m.Volume,
		},
		"InitiatingProcessFileName":   part(k.process, `\`, -1),
		"InitiatingProcessFolderPath": k.process,
		"HostName":                    part(k.deviceName, ".", 0),
		"HostNameDomain":              k.deviceName[strings.Index(k.deviceName, ".")+1:],
		"AccountName":                 part(d.key.user, "@", 0),
		"AccountUPNSuffix":            part(d.key.user, "@", 1),
		"Entities": withIdentifiers(
			filled("Account", "FullName", d.key.user, "Name", part(d.key.user, "@", 0), "UPNSuffix", part(d.key.user, "@", 1)),
			filled("Account", "AadUserId", d.alert.aad),
			filled("IP", "Address", d.alert.ip),
			filled("Host", "FullName", k.deviceName, "HostName", part(k.deviceName, ".", 0),
				"DnsDomain", k.deviceName[strings.Index(k.deviceName, ".")+1:]),
			filled("File", "Name", part(k.process, `\`, -1), "Directory", k.process),
		),
	}
}

// filled is an entity with the identifiers that have a value.
func filled(kind string, identifiers ...string) map[string]string {
	entity := map[string]string{"type": kind}
	for pair := range slices.Chunk(identifiers, 2) {
		if pair[1] != "" {
			entity[pair[0]] = pair[1]
		}
	}
	return entity
}

// withIdentifiers leaves out the entities of which nothing is known.
func withIdentifiers(entities ...map[string]string) []map[string]string {
	return slices.DeleteFunc(entities, func(e map[string]string) bool { return len(e) == 1 })
}

// part is tostring(split(s, by)[i]).
func part(s, by string, i int) string {
	parts := strings.Split(s, by)
	if i < 0 {
		i += len(parts)
	}
	if i >= len(parts) {
		return ""
	}
	return parts[i]
}

// joins is the join of two strings, with the one deviation.
func joins(a, b string) bool { return a != "" && a == b }

// group is what summarize keeps: min, max, make_set.
type group struct {
	start, end int64
	values     []string
}

func summarize[K comparable](groups map[K]*group, k K, t int64, value string) {
	g := groups[k]
	if g == nil {
		g = &group{start: t, end: t}
		groups[k] = g
	}
	g.start, g.end = min(g.start, t), max(g.end, t)
	if !slices.Contains(g.values, value) {
		g.values = append(g.values, value)
	}
}

func sorted(values []string) []string {
	out := slices.Clone(values)
	slices.Sort(out)
	if out == nil {
		out = []string{}
	}
	return out
}

// text is a row as JSON, equal for equal rows.
func text(row any) string {
	b, err := json.Marshal(row)
	if err != nil {
		panic(err) // texts, numbers, lists and maps always encode
	}
	return string(b)
}
