package parity

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// The rows of the event-level rule, with what each source can know. A missing
// value is "".

// Object ids and the SIDs that Windows makes of them.
const (
	firstID  = "588d7c15-8565-448e-bc2d-57f2b7c4c58a"
	firstSID = "S-1-12-1-1485667349-1150190949-4065799612-2328216759"
	otherID  = "00000001-0002-0000-0300-000004000000"
	otherSID = "S-1-12-1-1-2-3-4"
	noID     = "00000000-0000-0000-0000-000000000000"
)

func entraIDs() []string {
	return []string{firstID, otherID, "588D7C15-8565-448E-BC2D-57F2B7C4C58A", "{588d7c15-8565-448e-bc2d-57f2b7c4c58a}", noID, "o1", ""}
}
func sids() []string {
	return []string{"S-1-5-21-1", "S-1-5-18", firstSID, otherSID, "S-1-12-1-0-0-0-0", firstSID + "-1", ""}
}

type download struct {
	document                     string
	time                         int64
	action, oid, email, ip, name string
	source                       string // m365_defender, o365 or filebeat
}

// report is an alert of the product that watches downloads.
type report struct {
	document         string
	time             int64
	id, name, status string
	oids             []string
	emails           []string
	ips              []string
	source           string // microsoft_sentinel, o365, "o365 broken", o365_mcas or filebeat
}

type mount struct {
	document     string
	time         int64
	host, letter string
}

type fileCopy struct {
	document                                  string
	time                                      int64
	action, email, oid, sid, host, name, path string
}

// auditRecord begins a document of the unified audit log, as the integration or
// Filebeat's module writes it.
func (w *writer) auditRecord(t *rapid.T, kind, code, source string, ms int64) document {
	d := w.start(t, kind, "o365.audit", ms)
	d.fields["event.dataset"] = "o365.audit"
	d.fields["event.code"] = code
	if source == "filebeat" {
		d.index = "filebeat-7.17.28-2026.03.10"
		for _, part := range []string{"type", "dataset", "namespace"} {
			delete(d.fields, "data_stream."+part)
		}
	}
	return d
}

func (w *writer) auditDownload(t *rapid.T, e download) document {
	d := w.auditRecord(t, "d", "SharePointFileOperation", e.source, e.time)
	d.put("event.action", e.action)
	d.fields["event.provider"] = "SharePoint"
	d.put("user.id", e.email)
	d.put("source.ip", e.ip)
	d.put("client.address", e.ip)
	d.put("file.name", e.name)
	d.fields["o365.audit.UserKey"] = "i:0h.f|membership|1003"
	return d
}

// auditAlert is record type 40, whole or as an older package left it.
func (w *writer) auditAlert(t *rapid.T, a report) document {
	d := w.auditRecord(t, "a", "SecurityComplianceAlerts", "o365", a.time)
	root := "o365.audit."
	if a.source == "o365 broken" {
		root = "o365audit."
		d.fields["event.kind"] = "pipeline_error"
	}
	d.fields["event.action"] = "AlertUpdated"
	d.fields["user.id"] = "SecurityComplianceAlerts"
	if oneIn(t, 4, "name in the data only") {
		d.put(root+"Data.an", a.name)
	} else {
		d.put("rule.name", a.name)
	}
	d.put(root+"AlertId", a.id)
	d.put(root+"Status", a.status)
	d.fields[root+"ResultStatus"] = "Succeeded"
	d.putAll(root+"Data.f3u", a.emails)
	return d
}

// cloudAppAlert is record type 98.
func (w *writer) cloudAppAlert(t *rapid.T, a report) document {
	d := w.auditRecord(t, "a", "MCASAlerts", a.source, a.time)
	d.fields["event.action"] = "MCAS_ALERT_CABINET_EVENT_MATCH_AUDIT"
	if oneIn(t, 4, "name as the rule's") {
		d.put("rule.name", a.name)
	} else {
		d.put("o365.audit.AlertDisplayName", a.name)
	}
	d.put("o365.audit.ObjectId", a.id)
	d.put("o365.audit.ResultStatus", a.status)
	d.putAll("user.id", a.emails)
	d.putAll("o365.audit.ClientIPs", a.ips)
	return d
}

// endpointFile is a write as Elastic Defend tells it: of the account it knows the
// SID alone.
func (w *writer) endpointFile(t *rapid.T, e deviceFileEvent, sid string) document {
	d := w.start(t, "c", "endpoint.events.file", e.TimeGenerated)
	d.fields["event.category"] = "file"
	d.fields["event.action"] = "creation"
	d.put("file.name", e.FileName)
	d.put("file.path", e.FolderPath)
	d.put("host.id", e.DeviceId)
	d.put("user.id", sid)
	d.fields["user.name"] = "a"
	return d
}

func (w *writer) endpointMount(t *rapid.T, m mount) document {
	d := w.start(t, "m", "endpoint.events.device", m.time)
	d.fields["event.action"] = []any{"mount"}
	d.fields["user.name"] = "SYSTEM"
	d.put("host.id", m.host)
	if oneIn(t, 2, "removable") {
		d.fields["volume.removable"] = true
	} else {
		d.fields["volume.bus_type"] = rapid.SampledFrom([]string{"Usb", "USB"}).Draw(t, "bus")
	}
	if oneIn(t, 2, "by its other name") {
		d.put("volume.mount_name", "")
		d.put("volume.dos_name", m.letter)
	} else {
		d.put("volume.mount_name", m.letter)
		d.put("volume.dos_name", `Q:`)
	}
	if m.root() == "" {
		delete(d.fields, "volume.dos_name")
	}
	return d
}

// chainCase is the rows of a case and the documents that hold the same.
type chainCase struct {
	events events
	writer writer
}

// drawChains draws up to three stories within a span of two days, and what may
// lie up to nine days before it.
func drawChains(t *rapid.T, from int64) *chainCase {
	c := &chainCase{}
	c.writer.late = oneIn(t, 2, "late")
	for range rapid.IntRange(1, 3).Draw(t, "stories") {
		start := from + rapid.SampledFrom([]int64{12 * hour, 24 * hour, 1, 0, -1, -12 * hour, -24 * hour, 36 * hour, 48 * hour}).Draw(t, "start")
		s := drawStory(t, start)
		s.oid = rapid.SampledFrom(entraIDs()).Draw(t, "Entra id")
		for range rapid.IntRange(1, 3).Draw(t, "downloads") {
			c.download(t, s)
		}
		for range rapid.IntRange(1, 2).Draw(t, "alerts") {
			c.alert(t, s)
		}
		for range rapid.IntRange(1, 3).Draw(t, "copies") {
			c.copy(t, s, from)
		}
		for range rapid.IntRange(1, 3).Draw(t, "mounts") {
			c.mount(t, s)
		}
		if oneIn(t, 512, "many files") {
			for i := range manyFiles {
				s.name = fmt.Sprintf("%d.txt", i)
				c.download(t, s)
			}
			c.copy(t, s, from)
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

// gap is how far two events of a story lie apart: something small, or an edge
// of what the rule allows.
func gap(t *rapid.T, edge int64, label string) int64 {
	return rapid.SampledFrom([]int64{minute, 0, 1, hour, edge, edge - 1, edge + 1, -1}).Draw(t, label)
}

func (c *chainCase) spoil(t *rapid.T, render func() document) {
	if oneIn(t, 8, "spoil") {
		c.writer.add(spoil(t, render()))
	}
}

func (c *chainCase) download(t *rapid.T, s story) {
	e := download{
		time:   s.start - gap(t, day, "before the alert"),
		action: mostly(t, "FileDownloaded", []string{"FileSyncDownloadedFull", "filedownloaded ", ""}, "action"),
		email:  mostly(t, s.user, users(), "user"),
		ip:     mostly(t, s.ip, addresses(), "address"),
		name:   mostly(t, s.name, fileNames(), "file"),
		source: rapid.SampledFrom([]string{"m365_defender", "o365", "filebeat"}).Draw(t, "source"),
	}
	render := func() document { return c.writer.auditDownload(t, e) }
	if e.source == "m365_defender" {
		e.oid = mostly(t, s.oid, entraIDs(), "object id")
		row := cloudAppEvent{TimeGenerated: e.time, ActionType: e.action, Application: "SharePoint",
			AccountObjectId: e.oid, IPAddress: e.ip, UserId: e.email, SourceFileName: e.name}
		render = func() document { return c.writer.cloudAppEvent(t, row) }
	}
	e.document = c.writer.add(render())
	c.events.downloads = append(c.events.downloads, e)
	c.spoil(t, render)
}

func (c *chainCase) alert(t *rapid.T, s story) {
	a := report{
		time:   s.start + mostly(t, 0, []int64{1, -1, hour, -hour}, "time"),
		id:     rapid.SampledFrom([]string{"i1", "i2", "I1", ""}).Draw(t, "alert id"),
		name:   mostly(t, rapid.SampledFrom(alertNames()[:3]).Draw(t, "alert spelt"), alertNames(), "alert"),
		status: mostly(t, "New", statuses(), "status"),
		source: rapid.SampledFrom([]string{"microsoft_sentinel", "o365", "o365_mcas", "o365 broken", "filebeat"}).Draw(t, "source"),
	}
	several := func(want string, others []string, label string) []string {
		var list []string
		for range rapid.SampledFrom([]int{1, 2, 0}).Draw(t, label+"s") {
			if v := mostly(t, want, others, label); v != "" && !slices.Contains(list, v) {
				list = append(list, v)
			}
		}
		return list
	}
	var render func() document
	switch a.source {
	case "microsoft_sentinel":
		a.oids = several(s.oid, entraIDs(), "object id")
		a.ips = several(s.ip, append(addresses(), "unknown"), "address")
		row := securityAlert{TimeGenerated: a.time, AlertName: a.name, Status: a.status}
		for _, ip := range a.ips {
			row.Entities = append(row.Entities, entity{Type: "ip", Address: ip})
		}
		for _, oid := range a.oids {
			row.Entities = append(row.Entities, entity{Type: "account", AadUserId: oid})
		}
		render = func() document { return c.writer.securityAlert(t, row, a.id) }
	case "o365", "o365 broken":
		a.emails = several(s.user, users(), "user")
		render = func() document { return c.writer.auditAlert(t, a) }
	default:
		a.emails = several(s.user, users(), "user")
		a.ips = several(s.ip, append(addresses(), "unknown"), "address")
		render = func() document { return c.writer.cloudAppAlert(t, a) }
	}
	d := render()
	if id, ok := d.fields["event.id"].(string); ok && a.id == "" {
		a.id = id // an alert without an id of its own has its event's
	}
	a.document = c.writer.add(d)
	c.events.alerts = append(c.events.alerts, a)
	c.spoil(t, render)
}

func (c *chainCase) copy(t *rapid.T, s story, from int64) {
	edges := []int64{from - 1, from, from + 2*day, from + 2*day + 1}
	e := deviceFileEvent{
		TimeGenerated:               mostly(t, s.start+gap(t, day, "after the alert"), edges, "time"),
		ActionType:                  mostly(t, rapid.SampledFrom([]string{"FileCreated", "FileRenamed"}).Draw(t, "made"), []string{"FileModified", "FileDeleted", ""}, "action"),
		FileName:                    mostly(t, s.name, fileNames(), "file"),
		DeviceId:                    mostly(t, s.device, devices(), "device"),
		DeviceName:                  "pc.corp.example",
		InitiatingProcessAccountUpn: mostly(t, s.user, users(), "user"),
	}
	if folder := mostly(t, s.folder, append(folders(), "/Volumes/DATA/", "/volumes/data/", "/Volumes/DATA2/"), "folder"); folder != "" {
		e.FolderPath = folder + e.FileName
	}
	row := fileCopy{
		time: e.TimeGenerated, action: e.ActionType, email: e.InitiatingProcessAccountUpn, host: e.DeviceId, name: e.FileName, path: e.FolderPath,
		oid: mostly(t, "", entraIDs(), "object id"), sid: mostly(t, firstSID, sids(), "SID"),
	}
	render := func() document {
		d := c.writer.deviceFileEvent(t, e)
		d.put("m365_defender.event.initiating_process.account_object_id", row.oid)
		d.put("user.id", row.sid)
		return d
	}
	if oneIn(t, 4, "agent's copy") {
		row.action, row.email, row.oid = "FileCreated", "", ""
		render = func() document { return c.writer.endpointFile(t, e, row.sid) }
	}
	row.document = c.writer.add(render())
	c.events.copies = append(c.events.copies, row)
	c.spoil(t, render)
}

func (c *chainCase) mount(t *rapid.T, s story) {
	m := mount{
		time:   s.start + minute - gap(t, 7*day, "before the copy"),
		host:   mostly(t, s.device, devices(), "device"),
		letter: mostly(t, s.letter, append(letters(), "/Volumes/DATA", "/Volumes/DATA/", "/", `E:\out`, "  "), "letter"),
	}
	render := func() document { return c.writer.endpointMount(t, m) }
	if oneIn(t, 2, "Defender's mount") {
		e := deviceEvent{TimeGenerated: m.time, ActionType: mostly(t, "UsbDriveMounted", []string{"UsbDriveUnmounted"}, "action"), DeviceId: m.host, DriveLetter: m.letter}
		render = func() document { return c.writer.deviceEvent(t, e) }
		if e.ActionType != "UsbDriveMounted" {
			m.host = "" // no mount at all
		}
	}
	m.document = c.writer.add(render())
	c.events.mounts = append(c.events.mounts, m)
	c.spoil(t, render)
}
