package demo

import (
	"fmt"
	"time"
)

// project is what somebody downloads: so many drawings of one hull, in a folder
// of the hull's site.
type project struct {
	site, folder string
	names        []string
}

func newProject(hull, count int) project {
	p := project{site: fmt.Sprintf("hull-%d", hull), folder: "Shared Documents/Construction"}
	p.names = []string{
		fmt.Sprintf("H%d Cost calculation.xlsx", hull), fmt.Sprintf("H%d Weight estimate.xlsx", hull),
		fmt.Sprintf("H%d Building contract signed.pdf", hull), fmt.Sprintf("H%d Lines plan.dwg", hull),
	}
	for i := len(p.names); i < count; i++ {
		p.names = append(p.names, fmt.Sprintf("H%d-%03d Section %02d.dwg", hull, 200+7*i, i))
	}
	return p
}

// downloads lets p download the project from t on, a second or two a file, with
// the browser, which leaves each in the Downloads folder.
func (d *day) downloads(t time.Time, p person, what project) {
	for _, name := range what.names {
		f := cloudFile{action: "FileDownloaded", site: what.site, folder: what.folder, name: name}
		d.cloudEvent(t, p, f)
		d.wrote(t.Add(700*time.Millisecond), p, p.machine(), edge, "rename", p.home("Downloads", name))
		t = t.Add(time.Second + time.Duration(d.rand.IntN(1100))*time.Millisecond)
	}
}

// copies lets p copy files into folder on m from t on.
func (d *day) copies(t time.Time, p person, m machine, by process, folder string, names []string) {
	for _, name := range names {
		d.wrote(t, p, m, by, "creation", folder+`\`+name)
		t = t.Add(300*time.Millisecond + time.Duration(d.rand.IntN(2500))*time.Millisecond)
	}
}

// incident is the one that must be found.
func (d *day) incident() {
	hull := newProject(412, 58)
	d.downloads(d.clock(13, 41, 5), marta, hull)
	d.sentinelAlert(d.clock(13, 55, 12), marta, massDownload, "New")
	d.mounted(d.clock(14, 20, 31), marta, marta.machine(), "E:", ultra)
	d.copies(d.clock(14, 22, 4), marta, marta.machine(), explorer, `E:\412`, hull.names[:41])
	d.auditAlert(d.clock(16, 5, 9), marta, "AlertUpdated", massDownload, "Investigating")
}
