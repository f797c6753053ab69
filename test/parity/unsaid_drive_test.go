package parity

import (
	"strconv"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// TestUnsaidDrive holds the counted rule to the walk for one copy and a mount
// that does not say its drive: which paths such a mount stands for. One
// character stands before the colon, whichever it is and however many bytes
// write it.
func TestUnsaidDrive(t *testing.T) {
	t.Parallel()
	rule := *countedRule(t)
	rule.Schedule = rules.Every(1000 * time.Hour)
	from := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		path  string
		found bool
	}{
		{`E:\a.txt`, true},
		{`e:\a.txt`, true},
		{`É:\a.txt`, true},
		{`é:\a.txt`, true},
		{`日:\a.txt`, true},
		{"\U0001F600:\\a.txt", true},
		{"E\u0301:\\a.txt", false}, // two characters
		{`EE:\a.txt`, false},
		{`É:a.txt`, false},
		{`É:`, false},
		{`É:\`, true},
		{`C:\a.txt`, false},
		{`c:\a.txt`, false},
		{`\\srv\a.txt`, false},
		{`/Volumes/DATA/a.txt`, true},
		{`/volumes/DATA/a.txt`, false},
		{`/tmp/a.txt`, false},
	} {
		t.Run(test.path, func(t *testing.T) {
			c := unsaidDrive(from.Add(48*time.Hour).UnixMilli(), test.path)
			if found := c.check(t, &rule, from); found != test.found {
				t.Errorf("found %v, want %v", found, test.found)
			}
		})
	}
}

// unsaidDrive is a burst from start on, a mount after it that does not say its
// drive, and a copy after that of a downloaded file to the path.
func unsaidDrive(start int64, path string) *countedCase {
	c := &countedCase{counted: counted{addresses: map[string]string{}}}
	at := start
	add := func(id, dataset string, fields map[string]any) string {
		fields["@timestamp"] = iso(at)
		return c.writer.add(document{index: "logs-" + dataset + "-default", id: id, fields: fields})
	}
	for i := range fewFiles {
		at++
		d := download{time: at, action: "FileDownloaded", email: "a@x", name: strconv.Itoa(i) + ".txt"}
		d.document = add("d"+d.name, "o365.audit", map[string]any{
			"event.dataset": "o365.audit", "event.code": "SharePointFileOperation", "event.provider": "SharePoint",
			"event.action": d.action, "user.id": d.email, "file.name": d.name,
		})
		c.downloads = append(c.downloads, d)
	}
	at += minute
	c.mounts = []mount{{time: at, host: "h1"}}
	c.mounts[0].document = add("m", "endpoint.events.device", map[string]any{
		"event.action": "mount", "volume.removable": true, "host.id": "h1",
	})
	at += minute
	f := fileCopy{time: at, action: "FileCreated", email: "a@x", host: "h1", name: "0.txt", path: path}
	f.document = add("c", "m365_defender.event", map[string]any{
		"m365_defender.event.category": "AdvancedHunting-DeviceFileEvents", "event.action": "creation",
		"m365_defender.event.initiating_process.account_upn": f.email,
		"host.id": f.host, "file.name": f.name, "file.path": f.path,
	})
	c.copies = []fileCopy{f}
	return c
}
