package documents

import (
	"fmt"
	"strings"
)

const (
	domain = "haldenmarine.example"
	sites  = "https://haldenmarine.sharepoint.example/sites/"
)

type office struct{ city, country, code string }

var offices = []office{{"Gothenburg", "SE", "got"}, {"Gdynia", "PL", "gdy"}, {"Porto", "PT", "opo"}, {"Edinburgh", "GB", "edi"}}

var (
	firstNames = []string{"Astrid", "Beatriz", "Callum", "Duncan", "Eilidh", "Fiona", "Gustav", "Hugo", "Ines", "Jan", "Kasia", "Linnea", "Magda", "Nuno", "Oskar", "Piotr", "Rui", "Signe", "Tiago", "Viktor"}
	lastNames  = []string{"Antunes", "Barros", "Carvalho", "Drummond", "Ekholm", "Fonseca", "Geddes", "Hallgren", "Kubiak", "Lidman", "Mazur", "Norell", "Oliveira", "Pawlak", "Rydell", "Sikora", "Tulloch", "Wallin", "Wrona", "Zielinski"}
)

// person is someone with a machine of their own, in all spellings; paths are
// spelled as within a JSON string.
type person struct {
	name, login, upn, objectID, sid, address string
	machineID, machine, home                 string
	office                                   office
}

// newPerson is the n-th person of the tenant.
func newPerson(n int, seed uint64) person {
	d := newDice(seed, 1<<32+uint64(n))
	first, last := pick(d, firstNames), pick(d, lastNames)
	p := person{office: pick(d, offices)}
	p.login = fmt.Sprintf("%s.%s%d", strings.ToLower(first), strings.ToLower(last), n)
	p.name = first + " " + last
	p.upn = p.login + "@" + domain
	p.objectID = string(d.guid(nil))
	p.sid = fmt.Sprintf("S-1-5-21-2904581177-1130952207-3318476021-%d", 1100+n)
	p.address = fmt.Sprintf("198.%d.%d.%d", 18+d.below(2), d.below(256), 1+d.below(254))
	p.machineID = string(d.hex(nil, 40))
	p.machine = fmt.Sprintf("hm-%s-%06d.corp.%s", p.office.code, n, domain)
	p.home = `C:\\Users\\` + p.login + `\\`
	return p
}

// program is one that writes files.
type program struct{ executable, name, parent string }

var (
	explorer = program{`c:\\windows\\explorer.exe`, "explorer.exe", "userinit.exe"}
	edge     = program{`c:\\program files (x86)\\microsoft\\edge\\application\\msedge.exe`, "msedge.exe", "explorer.exe"}
	oneDrive = program{`c:\\program files\\microsoft onedrive\\onedrive.exe`, "onedrive.exe", "explorer.exe"}
	excel    = program{`c:\\program files\\microsoft office\\root\\office16\\excel.exe`, "excel.exe", "explorer.exe"}
	winword  = program{`c:\\program files\\microsoft office\\root\\office16\\winword.exe`, "winword.exe", "explorer.exe"}
	sqlservr = program{`C:\\Program Files\\Services\\sqlservr.exe`, "sqlservr.exe", "services.exe"}
)

// drive is a USB drive.
type drive struct{ maker, product, serial string }

var drives = []drive{
	{"SanDisk", "Ultra USB 3.0", "4C530001190516116480"}, {"Kingston", "DataTraveler 3.0", "E0D55EA573F1F420"},
	{"WD", "Elements 25A2", "575834314138"}, {"Samsung", "Flash Drive FIT", "0374919060004871"},
}

var (
	subjects   = []string{"Minutes", "Budget", "Offer", "Crane schedule", "Menu", "Paint specification", "Safety walk", "Time sheet", "Order confirmation", "Welding plan", "Newsletter", "Training", "Cable list", "Engine room", "Sea trial"}
	extensions = []string{"xlsx", "docx", "pdf", "pptx", "msg"}
	folders    = []string{"Shared Documents/General", "Shared Documents/Purchasing", "Shared Documents/HSE", "Documents", "Documents/Private"}
	teams      = []string{"purchasing", "hse", "planning", "people", "sales"}
	operations = []string{"FileAccessed", "FileAccessed", "FileAccessed", "FileModified", "FileModified", "FilePreviewed", "FileDownloaded", "FileUploaded", "FileSyncDownloadedFull"}
	actions    = []string{"powershellcommand", "screenshottaken", "pnpdeviceconnected", "asrofficechildprocessaudited", "usbdriveunmounted"}
	titles     = []string{"Impossible travel activity", "Unusual file share activity", "Activity from infrequent country", "Multiple failed user log on attempts to an app"}
)

const massDownload = "Mass download by a single user"
