package demo

import (
	"fmt"
	"time"
)

// server is a machine that Elastic Defend looks after instead of Defender.
type server struct{ agent, name string }

func newServer(n int) server {
	return server{agent: guid("agent", n), name: fmt.Sprintf("hm-srv-%02d", n)}
}

// endpoint adds a document of Elastic Defend.
func (d *day) endpoint(t time.Time, dataset string, s server, source object) {
	source["agent"] = object{"id": s.agent, "type": "endpoint", "version": "9.2.1"}
	source["data_stream"] = object{"type": "logs", "dataset": dataset, "namespace": "default"}
	source["host"] = object{"hostname": s.name, "id": s.agent, "name": s.name, "os": object{"type": "windows"}}
	source["user"] = object{"domain": "NT AUTHORITY", "id": "S-1-5-18", "name": "SYSTEM"}
	event := source["event"].(object)
	event["dataset"], event["module"], event["kind"] = dataset, "endpoint", "event"
	event["id"] = shortID("endpoint", len(d.documents))
	d.add("logs-"+dataset+"-default", t, source)
}

// serverWrite is a file that a service writes on a server.
func (d *day) serverWrite(t time.Time) {
	n := 1 + d.rand.IntN(6)
	name, program := fmt.Sprintf("backup_%04d.bak", d.rand.IntN(10000)), "sqlservr.exe"
	if d.rand.IntN(3) == 0 {
		name, program = fmt.Sprintf("u_ex%06d.log", d.rand.IntN(1000000)), "w3wp.exe"
	}
	d.endpoint(t, "endpoint.events.file", newServer(n), object{
		"event":   object{"action": "creation", "category": []string{"file"}, "type": []string{"creation"}},
		"file":    object{"extension": extension(name), "name": name, "path": `D:\Data\` + name, "size": d.rand.IntN(1 << 30)},
		"message": "Endpoint file event",
		"process": object{"executable": `C:\Program Files\Services\` + program, "name": program, "pid": 2000 + n},
	})
}

// serverDrive is the disk for the nightly backup, plugged into a server.
func (d *day) serverDrive(t time.Time, n int) {
	d.endpoint(t, "endpoint.events.device", newServer(n+1), object{
		"event": object{"action": []string{"mount"}, "category": []string{"volume_device"}, "outcome": "success", "type": []string{"start"}},
		"device": object{
			"product": object{"id": "25a2", "name": elements.product}, "serial_number": fmt.Sprintf("%s%02d", elements.serial, n),
			"type": "Disk File System", "vendor": object{"id": "1058", "name": elements.maker},
		},
		"message": "Endpoint volume device event",
		"process": object{"executable": `C:\Windows\System32\svchost.exe`, "name": "svchost.exe", "pid": 1440},
		"volume": object{
			"bus_type": "Usb", "device_name": `\Device\HarddiskVolume6`, "file_system_type": "NTFS",
			"mount_name": "G:", "removable": false, "size": 4000752599040, "writable": true,
		},
	})
}
