package documents

import (
	"fmt"
	"strconv"
	"time"
)

// share is how many of a thousand ordinary documents are of a kind.
type share struct{ kind, of int }

var shares = []share{
	{cloud, 300}, {file, 300}, {auditFile, 165}, {serverFile, 90}, {device, 80}, {auditLogin, 50},
	{mount, 4}, {evidenceUser, 3}, {info, 2}, {evidenceAddress, 2}, {graph, 2}, {auditAlert, 1}, {serverMount, 1},
}

// kindOf returns for each number below 1000 a kind, by the shares.
func kindOf() (table [1000]int) {
	at := 0
	for _, s := range shares {
		for range s.of {
			table[at] = s.kind
			at++
		}
	}
	return table
}

// ordinary is what a tenant does all day. None of it is part of an incident.
type ordinary struct {
	chance *dice
	people []person
	skew   float64
	table  [1000]int
	alerts int
	now    document
}

// next makes the document of a moment; it is overwritten by the one after it.
func (o *ordinary) next(t time.Time) *document {
	d := &o.now
	d.kind, d.time = o.table[o.chance.below(len(o.table))], t
	p := &o.people[0]
	if o.skew == 0 || !o.chance.one(o.skew) {
		p = &o.people[o.chance.below(len(o.people))]
	}
	d.by(p)
	switch d.kind {
	case cloud, auditFile:
		d.onFile(pick(o.chance, operations), pick(o.chance, teams), pick(o.chance, folders), o.name())
	case file:
		o.written(d, p)
	case device:
		d.set(slotAction, pick(o.chance, actions)).set(slotExecutable, explorer.executable).set(slotProcess, explorer.name)
	case mount, serverMount:
		d.plugged(pick(o.chance, []string{"D:", "E:", "F:", "G:"}), pick(o.chance, drives))
		o.onServer(d)
	case serverFile:
		d.wrote("creation", sqlservr, `D:\\Data\\`, "backup_"+strconv.Itoa(o.chance.below(10000))+".bak")
		o.onServer(d)
	case info, graph, auditAlert:
		o.alerts++
		fallthrough
	case evidenceUser, evidenceAddress:
		d.alert(fmt.Sprintf("ca%d_%08d", t.UnixMilli()/1_000_000, o.alerts), pick(o.chance, titles), pick(o.chance, []string{"new", "inProgress", "resolved"}))
	}
	return d
}

// name is a file name such as offices are full of; none is that of a scene.
func (o *ordinary) name() string {
	return pick(o.chance, subjects) + " " + strconv.Itoa(1+o.chance.below(600)) + "." + pick(o.chance, extensions)
}

func (o *ordinary) onServer(d *document) {
	n := strconv.Itoa(o.chance.below(8))
	d.set(slotAgent, "ccb7b1a1-303e-416f-b975-311737e8e12"+n).set(slotServer, "hm-srv-"+n)
}

// written is a file that a program writes on p's machine; one of sixteen goes to
// a USB drive.
func (o *ordinary) written(d *document, p *person) {
	switch o.chance.below(16) {
	case 0:
		d.wrote("creation", explorer, `E:\\`, o.name())
	case 1, 2, 3:
		d.wrote("creation", edge, p.home+`Downloads\\`, o.name()+".crdownload")
	case 4, 5:
		d.wrote("rename", edge, p.home+`Downloads\\`, o.name())
	case 6, 7, 8:
		d.wrote("creation", oneDrive, p.home+`OneDrive - Halden Marine\\`, o.name())
	case 9, 10:
		d.wrote("creation", excel, p.home+`AppData\\Local\\Temp\\`, strconv.Itoa(o.chance.below(1<<30))+".tmp")
	case 11, 12:
		d.wrote("modification", excel, p.home+`Documents\\`, o.name())
	case 13:
		d.wrote("deletion", winword, p.home+`Documents\\`, "~$"+o.name())
	default:
		d.wrote("creation", winword, p.home+`Documents\\`, o.name())
	}
}
