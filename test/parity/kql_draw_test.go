package parity

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// Alphabets: few values, so that rows meet, and those that fold, tie, split or
// parse in odd ways. The likeliest come first.
func users() []string {
	return []string{"a@x", "A@x", "b@x", "ä@x", "Ä@x", "a", "a@x@y", "@x", "", "[a", "a*", `a"\x`}
}
func objectIDs() []string { return []string{"o1", "o2", "O1", ""} }
func addresses() []string {
	return []string{"203.0.113.1", "203.0.113.2", "2001:db8::5", "2001:DB8::5", "2001:db8:0::5", "::ffff:203.0.113.1", ""}
}
func applications() []string { return []string{"SharePoint", "OneDrive", "sharepoint", ""} }
func cities() []string       { return []string{"G", "", "g"} }
func devices() []string      { return []string{"h1", "h2", "H1", ""} }
func deviceNames() []string {
	return []string{"pc.corp.example", "pc", "PC.corp.example", "pc.", ".corp", ""}
}
func processes() []string {
	return []string{`c:\windows\explorer.exe`, "cmd.exe", `\\srv\x\`, `C:\Windows\explorer.exe`, ""}
}
func parents() []string { return []string{"p.exe", "P.exe", ""} }
func letters() []string {
	return []string{"E:", "e:", `E:\`, "F:", "", "E", "é:", "É:", `\`, " E:", "E:*"}
}
func fileNames() []string {
	return []string{"a.txt", "A.TXT", "b.txt", "ä.txt", "Ä.txt", "K.txt", "\u212A.txt", "k.txt", "*.txt", "?.txt", "a\u0308.txt", ""}
}
func folders() []string {
	return []string{`E:\`, `e:\`, `F:\`, `C:\`, `E:\out\`, `É:\`, `é:\`, "E:", "", `\\srv\`, `E:\` + strings.Repeat("long", 300) + `\`}
}
func alertNames() []string {
	return []string{"Mass download by a single user", "mass download by a single user", "MASS DOWNLOAD BY A SINGLE USER",
		"Maſs download by a single user", "Mass download by a sıngle user", "Mass download by a single user ", "Mass download", ""}
}
func statuses() []string {
	return []string{"New", "Resolved", "resolved", "RESOLVED", "Dismissed", "dismissed", "Reſolved", "InProgress", ""}
}

// kustoCase is rows of the four tables and the documents that hold the same.
type kustoCase struct {
	tables tables
	writer writer
}

const (
	minute = 60_000
	hour   = 60 * minute
	day    = 24 * hour
)

// More names than a query takes clauses, and more drives than it takes prefixes.
const (
	manyFiles  = 1100
	manyDrives = 70
)

// story is what the rows of one incident have in common, each row but for the
// values that are drawn anew.
type story struct {
	user, oid, ip, application, city, device, deviceName, process, parent, letter, name, folder string
	start                                                                                       int64
}

func drawStory(t *rapid.T, start int64) story {
	return story{
		start:       start,
		user:        rapid.SampledFrom(users()).Draw(t, "user"),
		oid:         rapid.SampledFrom(objectIDs()).Draw(t, "object id"),
		ip:          rapid.SampledFrom(addresses()).Draw(t, "address"),
		application: rapid.SampledFrom(applications()).Draw(t, "application"),
		city:        rapid.SampledFrom(cities()).Draw(t, "city"),
		device:      rapid.SampledFrom(devices()).Draw(t, "device"),
		deviceName:  rapid.SampledFrom(deviceNames()).Draw(t, "device name"),
		process:     rapid.SampledFrom(processes()).Draw(t, "process"),
		parent:      rapid.SampledFrom(parents()).Draw(t, "parent"),
		letter:      rapid.SampledFrom(letters()[:4]).Draw(t, "letter"),
		name:        rapid.SampledFrom(fileNames()[:10]).Draw(t, "file"),
		folder:      rapid.SampledFrom(folders()[:2]).Draw(t, "folder"),
	}
}

// at is a moment of the story: mostly the given one, else one that lies on an
// edge of the day or of the alert.
func (s story) at(t *rapid.T, since int64) int64 {
	midnight := s.start - s.start%day
	alert := s.start + hour
	return mostly(t, s.start+since, []int64{alert, alert - 1, alert + 1, s.start, midnight, midnight - 1, midnight + day - 1, midnight + day, alert + 2*hour}, "time")
}

// drawKusto draws up to three stories with a few rows in each table, in the
// middle of the first or last day or, rarely, over midnight.
func drawKusto(t *rapid.T, from int64, days int) *kustoCase {
	c := &kustoCase{}
	c.writer.late = oneIn(t, 4, "late")
	last := from + int64(days-1)*day
	for range rapid.IntRange(1, 3).Draw(t, "stories") {
		s := drawStory(t, mostly(t, rapid.SampledFrom([]int64{from, last}).Draw(t, "day")+10*hour, []int64{from + 22*hour, from + 23*hour}, "start"))
		for range rapid.IntRange(1, 3).Draw(t, "downloads") {
			c.download(t, s)
		}
		for range rapid.IntRange(1, 2).Draw(t, "alerts") {
			c.alert(t, s)
		}
		for range rapid.IntRange(1, 3).Draw(t, "copies") {
			c.copy(t, s)
		}
		for range rapid.IntRange(1, 2).Draw(t, "mounts") {
			c.mount(t, s)
		}
		c.noise(t, s)
		if oneIn(t, 512, "many files") {
			for i := range manyFiles {
				s.name = fmt.Sprintf("%d.txt", i)
				c.download(t, s)
			}
			c.copy(t, s)
		}
		if oneIn(t, 512, "many drives") {
			for i := range manyDrives {
				s.letter = fmt.Sprintf(`E:\%d`, i)
				c.mount(t, s)
			}
		}
	}
	return c
}

// add writes a row as documents: one, now and then two equal ones, and now and
// then one more that must not count. It returns when the first arrives.
func (c *kustoCase) add(t *rapid.T, render func() document) (arrives int64) {
	d := render()
	c.writer.add(d)
	arrives = d.arrives
	if oneIn(t, 8, "twice") {
		d := render()
		c.writer.add(d)
		arrives = min(arrives, d.arrives)
	}
	if oneIn(t, 8, "spoil") {
		c.writer.add(spoil(t, render()))
	}
	return arrives
}

func (c *kustoCase) download(t *rapid.T, s story) {
	e := cloudAppEvent{
		TimeGenerated:   s.at(t, rapid.SampledFrom([]int64{0, minute}).Draw(t, "download time")),
		ActionType:      mostly(t, "FileDownloaded", []string{"FileSyncDownloadedFull", "FileAccessed", ""}, "action"),
		Application:     mostly(t, s.application, applications(), "application"),
		AccountObjectId: mostly(t, s.oid, objectIDs(), "object id"),
		IPAddress:       mostly(t, s.ip, addresses(), "address"),
		City:            mostly(t, s.city, cities(), "city"),
		CountryCode:     mostly(t, "SE", []string{"NO", ""}, "country"),
		UserId:          mostly(t, s.user, users(), "user"),
		SourceFileName:  rapid.SampledFrom([]string{s.name, s.name, rapid.SampledFrom(fileNames()).Draw(t, "other file")}).Draw(t, "file"),
	}
	e.Ingested = c.add(t, func() document { return c.writer.cloudAppEvent(t, e) })
	c.tables.CloudAppEvents = append(c.tables.CloudAppEvents, e)
}

func (c *kustoCase) alert(t *rapid.T, s story) {
	a := securityAlert{
		TimeGenerated: s.at(t, hour),
		AlertName:     mostly(t, rapid.SampledFrom(alertNames()[:3]).Draw(t, "alert spelt"), alertNames(), "alert"),
		Status:        mostly(t, "New", statuses(), "status"),
	}
	types := []string{"ip", "account", "host", "IP", "Account", ""}
	for range rapid.IntRange(1, 2).Draw(t, "addresses") {
		a.Entities = append(a.Entities, entity{
			Type:      mostly(t, "ip", types, "type"),
			Address:   mostly(t, s.ip, append(addresses(), "unknown"), "address"),
			AadUserId: mostly(t, "", objectIDs(), "object id of an address"),
		})
	}
	for range rapid.IntRange(1, 2).Draw(t, "accounts") {
		a.Entities = append(a.Entities, entity{
			Type:      mostly(t, "account", types, "type"),
			Address:   mostly(t, "", addresses(), "address of an account"),
			AadUserId: mostly(t, s.oid, objectIDs(), "object id"),
		})
	}
	if oneIn(t, 16, "no entities") {
		a.Entities = nil
	}
	a.Ingested = c.add(t, func() document { return c.writer.securityAlert(t, a, "i1") })
	c.tables.SecurityAlert = append(c.tables.SecurityAlert, a)
}

func (c *kustoCase) copy(t *rapid.T, s story) {
	e := deviceFileEvent{
		TimeGenerated:                   s.at(t, rapid.SampledFrom([]int64{2 * hour, 2*hour + minute, hour}).Draw(t, "copy time")),
		ActionType:                      mostly(t, rapid.SampledFrom([]string{"FileCreated", "FileRenamed"}).Draw(t, "made"), []string{"FileModified", "FileDeleted", ""}, "action"),
		FileName:                        rapid.SampledFrom([]string{s.name, s.name, rapid.SampledFrom(fileNames()).Draw(t, "other file")}).Draw(t, "file"),
		DeviceId:                        mostly(t, s.device, devices(), "device"),
		DeviceName:                      mostly(t, s.deviceName, deviceNames(), "device name"),
		InitiatingProcessAccountUpn:     mostly(t, s.user, users(), "user"),
		InitiatingProcessFolderPath:     mostly(t, s.process, processes(), "process"),
		InitiatingProcessParentFileName: mostly(t, s.parent, parents(), "parent"),
	}
	if folder := mostly(t, s.folder, folders(), "folder"); folder != "" {
		e.FolderPath = folder + e.FileName
	}
	e.Ingested = c.add(t, func() document { return c.writer.deviceFileEvent(t, e) })
	c.tables.DeviceFileEvents = append(c.tables.DeviceFileEvents, e)
}

func (c *kustoCase) mount(t *rapid.T, s story) {
	e := deviceEvent{
		TimeGenerated: s.at(t, rapid.SampledFrom([]int64{2 * hour, 3 * hour, hour}).Draw(t, "mount time")),
		ActionType:    mostly(t, "UsbDriveMounted", []string{"UsbDriveUnmounted", "PnpDeviceConnected"}, "action"),
		DeviceId:      mostly(t, s.device, devices(), "device"),
		DriveLetter:   mostly(t, s.letter, letters(), "letter"),
		ProductName:   mostly(t, "DataTraveler", []string{"datatraveler", ""}, "product"),
		Volume:        mostly(t, "Volume{1}", []string{"Volume{2}", ""}, "volume"),
	}
	e.Ingested = c.add(t, func() document { return c.writer.deviceEvent(t, e) })
	c.tables.DeviceEvents = append(c.tables.DeviceEvents, e)
}

// noise are documents of sources that have no part in Sentinel's tables, though
// the views know them.
func (c *kustoCase) noise(t *rapid.T, s story) {
	w := &c.writer
	when := s.at(t, 2*hour)
	if oneIn(t, 4, "audit log download") {
		w.add(w.auditDownload(t, download{time: when - 2*hour, action: "FileDownloaded", email: s.user, ip: s.ip, name: s.name, source: "o365"}))
	}
	if oneIn(t, 4, "audit log alert") {
		w.add(w.auditAlert(t, report{time: when - hour, name: alertNames()[0], status: "Active", emails: []string{s.user}, source: "o365"}))
	}
	if oneIn(t, 4, "cloud app alert") {
		w.add(w.cloudAppAlert(t, report{time: when - hour, name: alertNames()[0], status: "New", emails: []string{s.user}, ips: []string{s.ip}, source: "o365"}))
	}
	if oneIn(t, 4, "agent's copy") {
		w.add(w.endpointFile(t, deviceFileEvent{TimeGenerated: when, FileName: s.name, FolderPath: s.folder + s.name, DeviceId: "agent"}, "S-1-5-21-1"))
	}
	if oneIn(t, 4, "agent's mount") {
		w.add(w.endpointMount(t, mount{time: when, host: "agent", letter: s.letter}))
	}
}

// The rows as the integrations would have indexed them follow.

func (w *writer) securityAlert(t *rapid.T, a securityAlert, id string) document {
	d := w.start(t, "a", "microsoft_sentinel.event", a.TimeGenerated)
	d.fields["event.kind"] = "alert"
	d.fields["microsoft_sentinel.event.type"] = "SecurityAlert"
	d.put("microsoft_sentinel.event.alert.name", a.AlertName)
	d.put("microsoft_sentinel.event.display_name", "Mass download by a single user")
	d.put("microsoft_sentinel.event.status", a.Status)
	switch rapid.SampledFrom([]string{"both", "system", "event"}).Draw(t, "alert id") {
	case "both":
		d.put("microsoft_sentinel.event.system_alert_id", id)
		d.put("event.id", "e-"+id)
	case "system":
		d.put("microsoft_sentinel.event.system_alert_id", id)
	case "event":
		d.put("microsoft_sentinel.event.system_alert_id", "")
		d.put("event.id", id)
	}
	entities := []map[string]any{{"$id": "2", "Type": "cloud-application", "Name": "SharePoint"}, {"$ref": "2"}}
	for _, e := range a.Entities {
		in := document{fields: map[string]any{}, style: d.style}
		in.put("Type", e.Type)
		in.put("Address", e.Address)
		in.put("AadUserId", e.AadUserId)
		entities = append(entities, in.fields)
	}
	switch rapid.SampledFrom([]string{"all", "turned round", "accounts and addresses"}).Draw(t, "entities") {
	case "turned round":
		slices.Reverse(entities)
	case "accounts and addresses":
		entities = entities[2:]
	}
	if oneIn(t, 4, "an object where there is one") && len(entities) == 1 {
		d.fields["microsoft_sentinel.event.entities"] = entities[0]
	} else {
		d.fields["microsoft_sentinel.event.entities"] = entities
	}
	return d
}

func (w *writer) m365(t *rapid.T, kind, table string, ms int64) document {
	d := w.start(t, kind, "m365_defender.event", ms)
	d.fields["m365_defender.event.category"] = "AdvancedHunting-" + table
	return d
}

func (w *writer) cloudAppEvent(t *rapid.T, e cloudAppEvent) document {
	d := w.m365(t, "d", "CloudAppEvents", e.TimeGenerated)
	d.put("event.action", strings.ToLower(e.ActionType))
	d.put("m365_defender.event.application", e.Application)
	d.put("m365_defender.event.account.object_id", e.AccountObjectId)
	d.put("m365_defender.event.city", e.City)
	d.put("m365_defender.event.country_code", e.CountryCode)
	d.put("m365_defender.event.raw_event_data.UserId", e.UserId)
	d.put("m365_defender.event.raw_event_data.SourceFileName", e.SourceFileName)
	d.put("user.id", e.AccountObjectId)
	d.fields["m365_defender.event.raw_event_data.Operation"] = e.ActionType
	if oneIn(t, 2, "address in a list") && e.IPAddress != "" {
		d.fields["host.ip"] = []any{e.IPAddress}
	} else {
		d.put("host.ip", e.IPAddress)
	}
	return d
}

// deviceFileEvent writes the action and the path as a newer or an older package
// does: the older one has the whole path in file.directory.
func (w *writer) deviceFileEvent(t *rapid.T, e deviceFileEvent) document {
	d := w.m365(t, "c", "DeviceFileEvents", e.TimeGenerated)
	if oneIn(t, 4, "older package") {
		d.put("event.action", strings.ToLower(e.ActionType))
		d.put("file.directory", e.FolderPath)
	} else {
		newer := map[string]string{"FileCreated": "creation", "FileRenamed": "rename", "FileModified": "overwrite", "FileDeleted": "deletion"}
		d.put("event.action", newer[e.ActionType])
		d.put("file.path", e.FolderPath)
		if folder, _, ok := cutLast(e.FolderPath, `\`); ok {
			d.put("file.directory", folder)
		}
	}
	d.put("file.name", e.FileName)
	d.put("m365_defender.event.initiating_process.account_upn", e.InitiatingProcessAccountUpn)
	d.put("host.id", e.DeviceId)
	d.put("host.name", e.DeviceName)
	d.put("process.executable", e.InitiatingProcessFolderPath)
	d.put("process.parent.name", e.InitiatingProcessParentFileName)
	d.fields["user.id"] = "S-1-5-21-1"
	return d
}

func cutLast(s, by string) (before, after string, ok bool) {
	i := strings.LastIndex(s, by)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(by):], true
}

func (w *writer) deviceEvent(t *rapid.T, e deviceEvent) document {
	d := w.m365(t, "m", "DeviceEvents", e.TimeGenerated)
	d.put("event.action", strings.ToLower(e.ActionType))
	d.put("host.id", e.DeviceId)
	d.put("host.name", "pc.corp.example")
	d.put("m365_defender.event.additional_fields.DriveLetter", e.DriveLetter)
	d.put("m365_defender.event.additional_fields.ProductName", e.ProductName)
	d.put("m365_defender.event.additional_fields.Volume", e.Volume)
	d.fields["m365_defender.event.additional_fields.BusType"] = 3
	return d
}
