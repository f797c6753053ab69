package demo

import (
	"path"
	"strings"
	"time"
)

const defenderIndex = "logs-m365_defender.event-default"

// defender adds a document of Defender's advanced hunting. The integration
// keeps what is Microsoft's alone under m365_defender.event.
func (d *day) defender(table string, t time.Time, own, source object) {
	own["category"] = "AdvancedHunting-" + table
	own["operation_name"] = "Publish"
	own["timestamp"] = stamp(t)
	source["m365_defender"] = object{"event": own}
	source["data_stream"] = object{"type": "logs", "dataset": "m365_defender.event", "namespace": "default"}
	d.add(defenderIndex, t, source)
}

// cloudFile is a file operation in SharePoint or OneDrive.
type cloudFile struct {
	action string // FileDownloaded, FileAccessed, ...
	site   string // of SharePoint; "" for the person's OneDrive
	folder string
	name   string
}

func (f cloudFile) workload() string {
	if f.site == "" {
		return "OneDrive"
	}
	return "SharePoint"
}

func (f cloudFile) siteURL(p person) string {
	if f.site == "" {
		return "https://haldenmarine-my.sharepoint.example/personal/" + strings.ReplaceAll(p.login(), ".", "_") + "/"
	}
	return sites + f.site + "/"
}

func (f cloudFile) url(p person) string { return f.siteURL(p) + f.folder + "/" + f.name }

func extension(name string) string { return strings.TrimPrefix(path.Ext(name), ".") }

// cloudEvent is what Defender's CloudAppEvents say of an operation.
func (d *day) cloudEvent(t time.Time, p person, f cloudFile) {
	application, id := "Microsoft SharePoint Online", "20892"
	if f.site == "" {
		application, id = "Microsoft OneDrive for Business", "15600"
	}
	address := p.office.address
	own := object{
		"account":         object{"object_id": p.objectID(), "type": "Regular"},
		"activity":        object{"type": "Basic"},
		"app_instance_id": 0,
		"application":     application,
		"application_id":  id,
		"city":            p.office.city,
		"country_code":    p.office.country,
		"raw_event_data": object{
			"ClientIP": address, "ObjectId": f.url(p), "Operation": f.action,
			"SourceFileExtension": extension(f.name), "SourceFileName": f.name, "SourceRelativeUrl": f.folder,
			"UserId": p.upn(), "Workload": f.workload(),
		},
	}
	d.defender("CloudAppEvents", t, own, object{
		"event":   object{"action": strings.ToLower(f.action), "id": hexID(24, "cloud event", len(d.documents)), "kind": "event", "type": []string{"info"}},
		"host":    object{"ip": []string{address}},
		"related": object{"ip": []string{address}, "user": []string{p.objectID(), p.name()}},
		"user":    object{"id": p.objectID(), "name": p.name()},
	})
}

// process is a program that writes files.
type process struct{ executable, parent string }

func (p process) name() string { return p.executable[strings.LastIndexByte(p.executable, '\\')+1:] }

var (
	explorer = process{`c:\windows\explorer.exe`, "userinit.exe"}
	edge     = process{`c:\program files (x86)\microsoft\edge\application\msedge.exe`, "explorer.exe"}
	oneDrive = process{`c:\program files\microsoft onedrive\onedrive.exe`, "explorer.exe"}
	excel    = process{`c:\program files\microsoft office\root\office16\excel.exe`, "explorer.exe"}
	winword  = process{`c:\program files\microsoft office\root\office16\winword.exe`, "explorer.exe"}
	outlook  = process{`c:\program files\microsoft office\root\office16\outlook.exe`, "explorer.exe"}
	teams    = process{`c:\program files\windowsapps\msteams\ms-teams.exe`, "svchost.exe"}
	acad     = process{`c:\program files\autodesk\autocad 2026\acad.exe`, "explorer.exe"}
	robocopy = process{`c:\windows\system32\robocopy.exe`, "cmd.exe"}
)

// wrote is what Defender's DeviceFileEvents say of a file that p's program
// created or renamed on m: action is creation or rename.
func (d *day) wrote(t time.Time, p person, m machine, by process, action, file string) {
	cut := strings.LastIndexByte(file, '\\')
	name, kind := file[cut+1:], "creation"
	if action == "rename" {
		kind = "change"
	}
	own := object{
		"initiating_process": object{
			"account_domain": "haldenmarine", "account_name": p.login(), "account_object_id": p.objectID(),
			"account_sid": p.sid(), "account_upn": p.upn(),
		},
		"request": object{"account_sid": p.sid()},
	}
	d.defender("DeviceFileEvents", t, own, object{
		"event": object{"action": action, "category": []string{"file"}, "kind": "event", "type": []string{kind}},
		"file": object{
			"directory": file[:cut], "extension": extension(name), "name": name, "path": file,
			"size": 4096 + d.rand.IntN(4<<20),
		},
		"host": object{"id": m.id, "name": m.name, "os": object{"type": "windows"}},
		"process": object{
			"executable": by.executable, "name": by.name(), "pid": 1000 + d.rand.IntN(20000),
			"parent": object{"name": by.parent, "pid": 1000 + d.rand.IntN(20000)},
		},
		"user": object{"domain": "haldenmarine", "id": p.sid(), "name": p.login()},
	})
}

// drive is a USB drive.
type drive struct{ maker, product, serial string }

var (
	ultra     = drive{"SanDisk", "Ultra USB 3.0", "4C530001190516116480"}
	traveller = drive{"Kingston", "DataTraveler 3.0", "E0D55EA573F1F420"}
	elements  = drive{"WD", "Elements 25A2", "575834314138"}
	flair     = drive{"Samsung", "Flash Drive FIT", "0374919060004871"}
)

// mounted is what Defender's DeviceEvents say of a drive plugged in on m. Some
// records have no letter.
func (d *day) mounted(t time.Time, p person, m machine, letter string, u drive) {
	fields := object{
		"BusType": 3, "LoggedOnUsers": []string{p.upn()}, "Manufacturer": u.maker, "ProductName": u.product,
		"ProductRevision": "1.00", "SerialNumber": u.serial, "Volume": "Volume{" + guid("volume", u.serial) + "}",
	}
	if letter != "" {
		fields["DriveLetter"] = letter
	}
	d.deviceEvent(t, p, m, "usbdrivemounted", fields)
}

// deviceEvent is one of the many things that DeviceEvents tell of.
func (d *day) deviceEvent(t time.Time, p person, m machine, action string, fields object) {
	own := object{
		"additional_fields":  fields,
		"initiating_process": object{"account_domain": "haldenmarine", "account_name": p.login(), "account_upn": p.upn()},
		"report_id":          hexID(6, "report", len(d.documents)),
	}
	d.defender("DeviceEvents", t, own, object{
		"event":   object{"action": action, "category": []string{"host"}, "kind": "event", "type": []string{"info"}},
		"host":    object{"id": m.id, "name": m.name},
		"related": object{"hosts": []string{m.id, m.name}, "user": []string{p.login()}},
	})
}
