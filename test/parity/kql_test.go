package parity

import (
	"encoding/json"
	"slices"
	"strings"
)

// tables are the four that Sentinel's rule reads, with the columns it reads. A
// missing value is "", as in Kusto.
type tables struct {
	SecurityAlert    []securityAlert
	CloudAppEvents   []cloudAppEvent
	DeviceFileEvents []deviceFileEvent
	DeviceEvents     []deviceEvent
}

type securityAlert struct {
	TimeGenerated     int64 // Unix ms, as all times here
	AlertName, Status string
	Entities          []entity
}

type entity struct{ Type, Address, AadUserId string }

type cloudAppEvent struct {
	TimeGenerated              int64
	ActionType, Application    string
	AccountObjectId, IPAddress string
	City, CountryCode          string
	UserId, SourceFileName     string // of RawEventData
}

type deviceFileEvent struct {
	TimeGenerated                                                int64
	ActionType, FileName, FolderPath, DeviceId, DeviceName       string
	InitiatingProcessAccountUpn                                  string
	InitiatingProcessFolderPath, InitiatingProcessParentFileName string
}

type deviceEvent struct {
	TimeGenerated                    int64
	ActionType, DeviceId             string
	DriveLetter, ProductName, Volume string // of AdditionalFields
}

// kusto evaluates the rule over the rows of [from, to), one pipe of its text
// after the other, and returns the rows that come out, distinct.
//
// Three things are not the original's: two empty strings never join, nor is an
// empty file name found in a list, nor is it one of a group's files.
func (db tables) kusto(from, to int64) []map[string]any {
	in := func(t int64) bool { return from <= t && t < to }

	// let Alerts
	type alertRow struct {
		time    int64
		ip, aad string
	}
	var alerts []alertRow
	for _, a := range db.SecurityAlert {
		if !in(a.TimeGenerated) || folded(a.AlertName) != "mass download by a single user" || a.Status == "Resolved" {
			continue
		}
		for _, ip := range a.Entities {
			for _, account := range a.Entities {
				if ip.Type == "ip" && account.Type == "account" {
					alerts = append(alerts, alertRow{a.TimeGenerated, ip.Address, account.AadUserId})
				}
			}
		}
	}

	// let CA_Events
	type downloadKey struct{ application, oid, user, ip, city, country string }
	downloads := map[downloadKey]*group{}
	for _, e := range db.CloudAppEvents {
		if in(e.TimeGenerated) && e.ActionType == "FileDownloaded" {
			k := downloadKey{e.Application, e.AccountObjectId, e.UserId, e.IPAddress, e.City, e.CountryCode}
			summarize(downloads, k, e.TimeGenerated, e.SourceFileName)
		}
	}

	// let CA_Alerts_Events
	type pair struct {
		alert    alertRow
		key      downloadKey
		download *group
	}
	var pairs []pair
	for _, a := range alerts {
		for k, g := range downloads {
			if joins(a.aad, k.oid) && joins(a.ip, k.ip) && g.end <= a.time {
				pairs = append(pairs, pair{a, k, g})
			}
		}
	}

	// let CA_FileList
	list := map[string]bool{}
	for _, p := range pairs {
		for _, name := range p.download.values {
			list[folded(name)] = true
		}
	}

	// DeviceFileEvents
	type copyKey struct{ upn, device, deviceName, process, parent string }
	copies := map[copyKey]*group{}
	for _, e := range db.DeviceFileEvents {
		if in(e.TimeGenerated) && (e.ActionType == "FileCreated" || e.ActionType == "FileRenamed") && list[folded(e.FileName)] {
			k := copyKey{e.InitiatingProcessAccountUpn, e.DeviceId, e.DeviceName, e.InitiatingProcessFolderPath, e.InitiatingProcessParentFileName}
			summarize(copies, k, e.TimeGenerated, e.FolderPath)
		}
	}

	// the two joins and what follows them
	rows := map[string]map[string]any{}
	for _, p := range pairs {
		for k, c := range copies {
			if !joins(p.key.user, k.upn) || c.start < p.alert.time {
				continue
			}
			for _, m := range db.DeviceEvents {
				if !in(m.TimeGenerated) || m.ActionType != "UsbDriveMounted" || m.DriveLetter == "" ||
					!joins(k.device, m.DeviceId) || m.TimeGenerated < p.alert.time {
					continue
				}
				var matched []string
				for _, file := range c.values {
					if strings.HasPrefix(folded(file), folded(m.DriveLetter)) {
						matched = append(matched, file)
					}
				}
				if len(matched) == 0 {
					continue
				}
				row := map[string]any{
					"Alert_TimeGenerated":    iso(p.alert.time),
					"USB_TimeGenerated":      iso(m.TimeGenerated),
					"UserId":                 p.key.user,
					"AADUserId":              p.alert.aad,
					"DeviceId":               k.device,
					"DeviceName":             k.deviceName,
					"IPAddress":              p.alert.ip,
					"USB_Drive_MatchedFiles": sorted(matched),
					"CloudAppEvents_Details": map[string]any{
						"Application": p.key.application, "AccountObjectId": p.key.oid, "UserId": p.key.user,
						"IPAddress": p.key.ip, "City": p.key.city, "CountryCode": p.key.country,
						"CloudAppEvent_StartTime": iso(p.download.start), "CloudAppEvent_EndTime": iso(p.download.end),
						"CloudAppEvent_Files": sorted(p.download.values), "FileCount": len(p.download.values),
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
				}
				extend(row, k.process, k.deviceName, p.key.user)
				rows[text(row)] = row
			}
		}
	}
	var out []map[string]any
	for _, row := range rows {
		out = append(out, row)
	}
	return out
}

// extend adds the columns that the last lines of the rule cut out of others.
func extend(row map[string]any, process, deviceName, user string) {
	part := func(s, by string, i int) string { // tostring(split(s, by)[i])
		parts := strings.Split(s, by)
		if i < 0 {
			i += len(parts)
		}
		if i >= len(parts) {
			return ""
		}
		return parts[i]
	}
	row["InitiatingProcessFileName"] = part(process, `\`, -1)
	row["InitiatingProcessFolderPath"] = process
	row["HostName"] = part(deviceName, ".", 0)
	row["HostNameDomain"] = deviceName[strings.Index(deviceName, ".")+1:]
	row["AccountName"] = part(user, "@", 0)
	row["AccountUPNSuffix"] = part(user, "@", 1)
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
	if value != "" && !slices.Contains(g.values, value) {
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
