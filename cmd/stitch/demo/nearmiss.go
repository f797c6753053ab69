package demo

import "time"

// nearMisses are people who do what Marta does, each but for one thing.
func (d *day) nearMisses() {
	d.resolved()
	d.notReported()
	d.copiedBefore()
	d.fixedDrive()
	d.otherFiles()
	d.otherMachine()
	d.synchronised()
	d.noLetter()
}

// resolved: Tomasz takes a project to the yard across the bay, as every month;
// the alert is closed before it reaches the logs.
func (d *day) resolved() {
	hull := newProject(388, 52)
	d.downloads(d.clock(8, 3, 10), tomasz, hull)
	d.sentinelAlert(d.clock(8, 16, 41), tomasz, massDownload, "Resolved")
	d.auditAlert(d.clock(8, 17, 2), tomasz, "AlertUpdated", massDownload, "Resolved")
	d.mounted(d.clock(8, 30, 0), tomasz, tomasz.machine(), "E:", elements)
	d.copies(d.clock(8, 31, 20), tomasz, tomasz.machine(), explorer, `E:\388`, hull.names)
}

// notReported: Ingrid takes a handful of files, too few for an alert.
func (d *day) notReported() {
	hull := newProject(401, 9)
	d.downloads(d.clock(9, 12, 30), ingrid, hull)
	d.mounted(d.clock(9, 40, 11), ingrid, ingrid.machine(), "F:", traveller)
	d.copies(d.clock(9, 41, 50), ingrid, ingrid.machine(), explorer, `F:`, hull.names)
}

// copiedBefore: Rui is done with copying when the alert comes.
func (d *day) copiedBefore() {
	hull := newProject(395, 55)
	d.downloads(d.clock(10, 2, 0), rui, hull)
	d.mounted(d.clock(10, 5, 15), rui, rui.machine(), "E:", flair)
	d.copies(d.clock(10, 6, 0), rui, rui.machine(), explorer, `E:\395`, hull.names[:20])
	d.sentinelAlert(d.clock(10, 17, 48), rui, massDownload, "New")
}

// fixedDrive: Fiona copies to the second disk of her workstation, with an old
// stick plugged in besides.
func (d *day) fixedDrive() {
	hull := newProject(420, 60)
	d.downloads(d.clock(11, 20, 0), fiona, hull)
	d.sentinelAlert(d.clock(11, 33, 27), fiona, massDownload, "New")
	d.mounted(d.clock(11, 50, 2), fiona, fiona.machine(), "E:", traveller)
	d.copies(d.clock(11, 52, 0), fiona, fiona.machine(), robocopy, `D:\Projects\420`, hull.names)
}

// otherFiles: Agata is reported, and puts pictures of her own on a stick.
func (d *day) otherFiles() {
	d.downloads(d.clock(12, 5, 0), agata, newProject(377, 51))
	d.sentinelAlert(d.clock(12, 19, 9), agata, massDownload, "New")
	d.mounted(d.clock(12, 44, 30), agata, agata.machine(), "E:", flair)
	d.copies(d.clock(12, 45, 10), agata, agata.machine(), explorer, `E:\Hel`, []string{
		"IMG_20260807_101411.jpg", "IMG_20260807_101530.jpg", "IMG_20260807_144102.jpg", "IMG_20260808_090007.jpg",
	})
}

// otherMachine: Nils writes to an E: that is a partition, while a stick becomes
// E: on the machine of the meeting room.
func (d *day) otherMachine() {
	hull := newProject(431, 54)
	room := machine{id: hexID(40, "device", "meeting room"), name: "hm-got-room3.corp." + domain}
	d.downloads(d.clock(14, 2, 0), nils, hull)
	d.sentinelAlert(d.clock(14, 15, 33), nils, massDownload, "New")
	d.mounted(d.clock(14, 31, 0), nils, room, "E:", ultra)
	d.copies(d.clock(14, 33, 0), nils, nils.machine(), explorer, `E:\Work`, hull.names[:12])
}

// synchronised: Beatriz has the synchronisation client fetch a library, is
// reported, and copies from it. The client's downloads are of another kind.
func (d *day) synchronised() {
	hull := newProject(409, 70)
	t := d.clock(15, 10, 0)
	for _, name := range hull.names {
		d.cloudEvent(t, beatriz, cloudFile{action: "FileSyncDownloadedFull", site: hull.site, folder: hull.folder, name: name})
		d.wrote(t.Add(time.Second), beatriz, beatriz.machine(), oneDrive, "creation", beatriz.home("Halden Marine", hull.site, name))
		t = t.Add(900 * time.Millisecond)
	}
	d.sentinelAlert(d.clock(15, 26, 3), beatriz, massDownload, "New")
	d.mounted(d.clock(15, 48, 0), beatriz, beatriz.machine(), "E:", traveller)
	d.copies(d.clock(15, 50, 0), beatriz, beatriz.machine(), explorer, `E:\409`, hull.names[:6])
}

// noLetter: Callum does all of it, but the record of his drive has no letter,
// and a share, where he wrote to, cannot be the drive.
func (d *day) noLetter() {
	hull := newProject(415, 53)
	d.downloads(d.clock(16, 32, 0), callum, hull)
	d.sentinelAlert(d.clock(16, 44, 56), callum, massDownload, "New")
	d.mounted(d.clock(17, 1, 0), callum, callum.machine(), "", elements)
	d.copies(d.clock(17, 2, 30), callum, callum.machine(), explorer, `\\nas02.halden.example\projects\415`, hull.names[:30])
}
