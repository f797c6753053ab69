package demo

import (
	"fmt"
	"time"
)

// How much of each kind goes on during the day.
const (
	cloudEvents  = 1500 // as Defender sees them
	auditEvents  = 900  // as the audit log sees them
	filesWritten = 1800
	deviceEvents = 350
	serverWrites = 300 // as Elastic Defend sees them
	drivesUsed   = 14
	serverDrives = 3
	yardEvents   = 40 // of a yard bought lately, where Filebeat still runs
)

// noise is the rest of the day: nothing of it is part of a chain.
func (d *day) noise() {
	for range cloudEvents {
		p := pick(d, staff)
		d.cloudEvent(d.working(p), p, d.someFile())
	}
	for range auditEvents {
		p := pick(d, staff)
		d.auditFile(d.working(p), p, d.someFile())
	}
	for range filesWritten {
		p := pick(d, staff)
		d.someWrite(d.working(p), p)
	}
	for range deviceEvents {
		p := pick(d, staff)
		action := pick(d, []string{"powershellcommand", "screenshottaken", "pnpdeviceconnected", "asrofficechildprocessaudited", "usbdriveunmounted"})
		d.deviceEvent(d.working(p), p, p.machine(), action, object{"SessionId": 1 + d.rand.IntN(4)})
	}
	for range serverWrites {
		d.serverWrite(d.between(d.clock(0, 0, 0), d.clock(23, 30, 0)))
	}
	for n := range serverDrives {
		d.serverDrive(d.clock(1+n, 30, 12), n)
	}
	for range yardEvents {
		d.yardFile(d.between(d.clock(7, 0, 0), d.clock(17, 0, 0)))
	}
	for range drivesUsed {
		d.someDrive(pick(d, staff))
	}
	d.otherAlerts()
}

// working is a moment of p's working day, most of them about noon; Gothenburg
// starts early and Leith late.
func (d *day) working(p person) time.Time {
	begin := 7
	if p.office == leith {
		begin = 8
	}
	half := 5 * time.Hour
	a := d.rand.Int64N(int64(half))
	b := d.rand.Int64N(int64(half))
	return d.clock(begin, 0, 0).Add(time.Duration(a + b)).Truncate(time.Millisecond)
}

var (
	subjects = []string{
		"Minutes", "Budget", "Offer", "Crane schedule", "Menu", "Paint specification", "Safety walk", "Time sheet",
		"Order confirmation", "Welding plan", "Newsletter", "Training", "Cable list", "Engine room", "Sea trial",
	}
	places     = []string{"Shared Documents/General", "Shared Documents/Purchasing", "Shared Documents/HSE", "Documents", "Documents/Private"}
	teamSites  = []string{"purchasing", "hse", "planning", "people", "sales"}
	extensions = []string{"xlsx", "docx", "pdf", "pptx", "msg"}
	operations = []string{
		"FileAccessed", "FileAccessed", "FileAccessed", "FileModified", "FileModified", "FilePreviewed",
		"FileDownloaded", "FileUploaded", "FileSyncDownloadedFull",
	}
)

// someName is a file name such as offices are full of. None is the name of a
// file of a project.
func (d *day) someName() string {
	return fmt.Sprintf("%s %d.%s", pick(d, subjects), 1+d.rand.IntN(60), pick(d, extensions))
}

func (d *day) someFile() cloudFile {
	f := cloudFile{action: pick(d, operations), folder: pick(d, places), name: d.someName()}
	if f.folder[0] == 'S' {
		f.site = pick(d, teamSites)
	}
	return f
}

// someWrite is a file that a program writes on p's machine.
func (d *day) someWrite(t time.Time, p person) {
	type habit struct {
		by     process
		action string
		file   string
	}
	h := pick(d, []habit{
		{edge, "creation", p.home("Downloads", d.someName()+".crdownload")},
		{edge, "rename", p.home("Downloads", d.someName())},
		{oneDrive, "creation", p.home("OneDrive - Halden Marine", d.someName())},
		{excel, "creation", p.home("AppData", "Local", "Temp", hexID(8, "temp", len(d.documents))+".tmp")},
		{excel, "rename", p.home("Documents", d.someName())},
		{winword, "creation", p.home("Documents", "~$"+d.someName())},
		{outlook, "creation", p.home("AppData", "Local", "Microsoft", "Windows", "INetCache", "Content.Outlook", "9KX2LQ4T", d.someName())},
		{teams, "creation", p.home("AppData", "Local", "Packages", "MSTeams", "logs", fmt.Sprintf("teams_%d.log", d.rand.IntN(500)))},
		{acad, "rename", p.home("Drawings", fmt.Sprintf("detail %d.dwg", d.rand.IntN(300)))},
		{explorer, "creation", p.home("Desktop", d.someName())},
	})
	d.wrote(t, p, p.machine(), h.by, h.action, h.file)
}

// someDrive is a drive that somebody uses as people do: for the slides of a
// talk, or the pictures of an outing.
func (d *day) someDrive(p person) {
	t := d.working(p)
	letter := pick(d, []string{"D:", "E:", "F:"})
	d.mounted(t, p, p.machine(), letter, pick(d, []drive{ultra, traveller, elements, flair}))
	for i := range 1 + d.rand.IntN(5) {
		name := fmt.Sprintf("IMG_%04d.jpg", d.rand.IntN(10000))
		if d.rand.IntN(2) == 0 {
			name = d.someName()
		}
		d.wrote(t.Add(time.Duration(40+30*i)*time.Second), p, p.machine(), explorer, "creation", letter+`\`+name)
	}
}

// otherAlerts are alerts of other policies.
func (d *day) otherAlerts() {
	titles := []string{"Impossible travel activity", "Unusual file share activity", "Activity from infrequent country", "Multiple failed user log on attempts to an app"}
	for i, title := range titles {
		p := staff[i*5]
		d.sentinelAlert(d.working(p), p, title, pick(d, []string{"New", "InProgress", "Resolved"}))
		q := staff[i*5+2]
		d.auditAlert(d.working(q).Truncate(time.Second), q, "AlertTriggered", title, "Active")
	}
}
