package documents

import (
	"fmt"
	"strings"
	"time"
)

// kinds of documents, each a template.
const (
	cloud = iota
	file
	device
	mount
	info
	evidenceUser
	evidenceAddress
	graph
	auditFile
	auditLogin
	auditAlert
	serverFile
	serverMount
	kinds
)

var templateOf = [kinds]struct{ name, index string }{
	{"cloud", "logs-m365_defender.event-default"}, {"file", "logs-m365_defender.event-default"},
	{"device", "logs-m365_defender.event-default"}, {"mount", "logs-m365_defender.event-default"},
	{"info", "logs-m365_defender.event-default"}, {"evidence_user", "logs-m365_defender.event-default"},
	{"evidence_address", "logs-m365_defender.event-default"}, {"graph", "logs-m365_defender.alert-default"},
	{"audit_file", "logs-o365.audit-default"}, {"audit_login", "logs-o365.audit-default"}, {"audit_alert", "logs-o365.audit-default"},
	{"server_file", "logs-endpoint.events.file-default"}, {"server_mount", "logs-endpoint.events.device-default"},
}

// document is one in the making.
type document struct {
	kind   int
	time   time.Time
	values [slots]string
}

func (d *document) set(s slot, v string) *document {
	d.values[s] = v
	return d
}

// by sets who it was and on which machine.
func (d *document) by(p *person) *document {
	v := &d.values
	v[slotName], v[slotLogin], v[slotUPN], v[slotObjectID], v[slotSID] = p.name, p.login, p.upn, p.objectID, p.sid
	v[slotAddress], v[slotCity], v[slotCountry] = p.address, p.office.city, p.office.country
	v[slotMachineID], v[slotMachine] = p.machineID, p.machine
	return d
}

// onFile sets an operation on a file in SharePoint.
func (d *document) onFile(action, team, folder, name string) *document {
	v := &d.values
	v[slotAction], v[slotActionFolded] = action, strings.ToLower(action)
	v[slotApplication], v[slotSite] = "Microsoft SharePoint Online", sites+team+"/"
	v[slotFolder], v[slotFile], v[slotURL] = folder, name, v[slotSite]+folder+"/"+name
	v[slotExtension] = name[strings.LastIndexByte(name, '.')+1:]
	return d
}

// wrote sets a file written by a program; folder ends in a backslash.
func (d *document) wrote(action string, with program, folder, name string) *document {
	v := &d.values
	v[slotAction], v[slotExecutable], v[slotProcess], v[slotParent] = action, with.executable, with.name, with.parent
	v[slotDirectory], v[slotFile], v[slotPath] = strings.TrimSuffix(folder, `\\`), name, folder+name
	v[slotExtension] = name[strings.LastIndexByte(name, '.')+1:]
	return d
}

func (d *document) plugged(letter string, what drive) *document {
	v := &d.values
	v[slotDrive], v[slotMaker], v[slotProduct], v[slotSerial] = letter, what.maker, what.product, what.serial
	return d
}

func (d *document) alert(id, title, status string) *document {
	v := &d.values
	v[slotAlertID], v[slotTitle], v[slotStatus] = id, title, status
	return d
}

// Incident is one that was planted: the shipped rules raise one alert each for it.
type Incident struct {
	AlertID   string    `json:"alert_id"` // of the alert on the download
	User      string    `json:"user"`     // UPN
	Host      string    `json:"host"`     // host.id of the machine
	Time      time.Time `json:"time"`     // of the alert
	Downloads int       `json:"downloads"`
	Copies    int       `json:"copies"`
}

// How many files of an incident are downloaded and how many of them copied.
const (
	downloaded = 40
	copied     = 25
)

// sceneSize is the most documents that a scene has.
const sceneSize = 2*downloaded + 3 + 1 + copied

// miss says what a scene lacks to be an incident.
type miss int

const (
	none miss = iota
	resolved
	notReported
	copiedBefore
	fixedDrive
	otherFiles
	otherMachine
	otherPolicy
	otherPerson
	misses
)

// missesPerIncident is how many scenes lack something, for one that lacks nothing.
const missesPerIncident = 3

// scene is somebody downloading a project's files, being reported, and copying
// some of the files to a USB drive, all within an hour; or all but one of it.
// The n-th one has files and a person of its own.
type scene struct {
	n      int
	start  time.Time
	lacks  miss
	person person // whose doing it is
	other  person // someone else
	chance *dice
}

// alertAfter is how long after the first download the alert comes.
const alertAfter = 14 * time.Minute

func (s *scene) id() string { return fmt.Sprintf("da%d_%08d", s.start.UnixMilli(), s.n) }

func (s *scene) names() []string {
	names := make([]string, downloaded)
	for i := range names {
		names[i] = fmt.Sprintf("H%06d-%03d Section %02d.dwg", s.n, 200+7*i, i)
	}
	return names
}

func (s *scene) incident() Incident {
	return Incident{AlertID: s.id(), User: s.person.upn, Host: s.person.machineID, Time: s.start.Add(alertAfter), Downloads: downloaded, Copies: copied}
}

// documents are those of the scene.
func (s *scene) documents() []document {
	var all []document
	add := func(kind int, t time.Time) *document {
		all = append(all, document{kind: kind, time: t})
		return &all[len(all)-1]
	}
	names, t := s.names(), s.start
	for _, name := range names {
		add(cloud, t).by(&s.person).onFile("FileDownloaded", "hull", "Shared Documents/Construction", name)
		add(file, t.Add(700*time.Millisecond)).by(&s.person).wrote("rename", edge, s.person.home+`Downloads\\`, name)
		t = t.Add(time.Second + time.Duration(s.chance.below(1100))*time.Millisecond)
	}
	s.alert(add)
	owner := s.person
	if s.lacks == otherMachine {
		owner = s.other
	}
	mounted, copying := s.start.Add(40*time.Minute), s.start.Add(42*time.Minute)
	if s.lacks == copiedBefore {
		mounted, copying = s.start.Add(4*time.Minute), s.start.Add(5*time.Minute)
	}
	add(mount, mounted).by(&owner).plugged("E:", pick(s.chance, drives))
	s.copies(add, copying, names)
	return all
}

// alert adds the alert, by turns out of advanced hunting and from Graph.
func (s *scene) alert(add func(kind int, t time.Time) *document) {
	at, id, title, status := s.start.Add(alertAfter), s.id(), massDownload, "new"
	switch s.lacks {
	case notReported:
		return
	case resolved:
		status = "resolved"
	case otherPolicy:
		title = titles[1]
	}
	if s.n%2 == 0 || s.lacks == resolved {
		add(graph, at).by(&s.person).alert(id, title, status)
		return
	}
	add(info, at).alert(id, title, status)
	add(evidenceUser, at.Add(time.Millisecond)).by(&s.person).alert(id, title, status)
	add(evidenceAddress, at.Add(2*time.Millisecond)).by(&s.person).alert(id, title, status)
}

func (s *scene) copies(add func(kind int, t time.Time) *document, t time.Time, names []string) {
	writer, folder := s.person, `E:\\work\\`
	switch s.lacks {
	case fixedDrive:
		folder = `D:\\work\\`
	case otherPerson:
		writer = s.other
		writer.machineID, writer.machine = s.person.machineID, s.person.machine
	}
	for i, name := range names[:copied] {
		if s.lacks == otherFiles {
			name = fmt.Sprintf("IMG_%06d_%03d.jpg", s.n, i)
		}
		add(file, t).by(&writer).wrote("creation", explorer, folder, name)
		t = t.Add(300*time.Millisecond + time.Duration(s.chance.below(2500))*time.Millisecond)
	}
}
