package demo

import (
	"fmt"
	"strings"
)

const (
	domain = "haldenmarine.example"
	sites  = "https://haldenmarine.sharepoint.example/sites/"
)

var tenant = guid("tenant")

// office is where people sit: its addresses go out as one.
type office struct {
	city, country string // as Defender and the audit log name them
	address       string
	code          string // of its machines
}

var (
	gothenburg = office{city: "Gothenburg", country: "SE", address: "203.0.113.18", code: "got"}
	gdynia     = office{city: "Gdynia", country: "PL", address: "198.51.100.71", code: "gdy"}
	porto      = office{city: "Porto", country: "PT", address: "192.0.2.140", code: "opo"}
	leith      = office{city: "Edinburgh", country: "GB", address: "2001:db8:51:9::20", code: "edi"}
)

// person is someone who works there, with the machine that is theirs.
type person struct {
	first, last string
	office      office
}

func (p person) name() string  { return p.first + " " + p.last }
func (p person) login() string { return strings.ToLower(p.first + "." + p.last) }

// upn is the person's name in Entra.
func (p person) upn() string      { return p.login() + "@" + domain }
func (p person) objectID() string { return guid("object id", p.upn()) }
func (p person) sid() string {
	return fmt.Sprintf("S-1-5-21-2904581177-1130952207-3318476021-%d", 1100+whole(7000, "sid", p.upn()))
}

func (p person) machine() machine {
	name := fmt.Sprintf("hm-%s-%04d", p.office.code, whole(10000, "machine", p.upn()))
	return machine{id: hexID(40, "device", p.upn()), name: name + ".corp." + domain}
}

// home is a folder of the person's on their machine, or a file in it.
func (p person) home(path ...string) string {
	return `C:\Users\` + p.login() + `\` + strings.Join(path, `\`)
}

// machine is a computer as Defender knows it.
type machine struct{ id, name string }

// The people whose day is told in incident.go and nearmiss.go. No noise is made
// of what they download.
var (
	marta   = person{"Marta", "Oliveira", porto}
	tomasz  = person{"Tomasz", "Zielinski", gdynia}
	ingrid  = person{"Ingrid", "Sandberg", gothenburg}
	rui     = person{"Rui", "Carvalho", porto}
	fiona   = person{"Fiona", "Drummond", leith}
	agata   = person{"Agata", "Wrona", gdynia}
	nils    = person{"Nils", "Ekholm", gothenburg}
	beatriz = person{"Beatriz", "Fonseca", porto}
	callum  = person{"Callum", "Geddes", leith}
)

// staff are the others.
var staff = []person{
	{"Elsa", "Hallgren", gothenburg}, {"Oskar", "Lidman", gothenburg}, {"Maja", "Forsell", gothenburg},
	{"Gustav", "Rydell", gothenburg}, {"Signe", "Wallin", gothenburg}, {"Viktor", "Sjostrom", gothenburg},
	{"Linnea", "Bergstrand", gothenburg}, {"Hugo", "Palmqvist", gothenburg}, {"Astrid", "Norell", gothenburg},
	{"Kasia", "Mazur", gdynia}, {"Piotr", "Sikora", gdynia}, {"Magda", "Pawlak", gdynia},
	{"Jan", "Kubiak", gdynia}, {"Ola", "Wilk", gdynia}, {"Marek", "Czarnecki", gdynia},
	{"Ewa", "Lis", gdynia}, {"Stefan", "Gorski", gdynia},
	{"Ines", "Pinto", porto}, {"Tiago", "Moreira", porto}, {"Sofia", "Antunes", porto},
	{"Miguel", "Rocha", porto}, {"Carla", "Teixeira", porto}, {"Nuno", "Barros", porto},
	{"Eilidh", "Muir", leith}, {"Ross", "Kinnear", leith}, {"Isla", "Baird", leith},
	{"Hamish", "Tulloch", leith}, {"Kirsty", "Laing", leith}, {"Duncan", "Reid", leith},
}
