package parity

import (
	"maps"
	"slices"
	"strings"
)

// events are all rows that the event-level rule may see.
type events struct {
	downloads []download
	alerts    []report
	mounts    []mount
	copies    []fileCopy
}

// incident is what an alert is one of.
type incident struct{ alert, user, host string }

// evidence is the documents of an incident by stage.
type evidence map[string]map[string]bool

// chains goes through every download, alert, mount and copy and returns the
// incidents of which some copy lies in [from, to].
func (e events) chains(from, to int64) map[incident]evidence {
	found := map[incident]evidence{}
	recent := map[incident]bool{}
	for _, a := range e.alerts {
		if !a.counts() {
			continue
		}
		for _, d := range e.downloads {
			for _, c := range e.copies {
				if c.time > to || !a.names(d) || !c.carriesOff(d) || c.time < a.time || c.time > a.time+day {
					continue
				}
				m, ok := e.lastMount(c)
				if !ok {
					continue
				}
				id := incident{a.identity(), folded(d.email), c.host}
				if found[id] == nil {
					found[id] = evidence{}
				}
				found[id].add("download", d.document)
				found[id].add("alert", a.document)
				found[id].add("mount", m.document)
				found[id].add("copy", c.document)
				recent[id] = recent[id] || c.time >= from
			}
		}
	}
	maps.DeleteFunc(found, func(id incident, _ evidence) bool { return !recent[id] })
	return found
}

func (v evidence) add(stage, document string) {
	if v[stage] == nil {
		v[stage] = map[string]bool{}
	}
	v[stage][document] = true
}

// counts says that it is an alert of a mass download that is not closed.
func (a report) counts() bool {
	status := folded(a.status)
	return folded(a.name) == "mass download by a single user" && status != "resolved" && status != "dismissed"
}

// identity is the product's id of the alert, or else where the document is.
func (a report) identity() string {
	if a.id != "" {
		return a.id
	}
	if a.source == "filebeat" {
		_, id, _ := cutLast(a.document, "/")
		return "filebeat-7.17.28/" + id // an index of a day: the day does not count
	}
	return a.document
}

// names says that the download is one that the alert speaks of: of the same
// person and, if the alert names addresses, from one of them, at most a day
// before.
func (a report) names(d download) bool {
	if d.action != "FileDownloaded" || d.time > a.time || d.time < a.time-day {
		return false
	}
	person := slices.ContainsFunc(a.oids, func(oid string) bool { return sameID(oid, d.oid) })
	for _, email := range a.emails {
		person = person || d.email != "" && folded(email) == folded(d.email)
	}
	place := len(a.ips) == 0
	for _, ip := range a.ips {
		place = place || d.ip != "" && oneSpelling(ip) == oneSpelling(d.ip)
	}
	return person && place
}

// sameID says that two texts are spellings of one Entra object id.
func sameID(a, b string) bool { return oneID(a) != "" && oneID(a) == oneID(b) }

// oneID knows the spellings of the alphabet; "" is what is no object id.
func oneID(text string) string {
	switch text {
	case firstID, "588D7C15-8565-448E-BC2D-57F2B7C4C58A", "{588d7c15-8565-448e-bc2d-57f2b7c4c58a}", firstSID:
		return firstID
	case otherID, otherSID:
		return otherID
	}
	return ""
}

// oneSpelling knows the spellings of the alphabet.
func oneSpelling(ip string) string {
	switch ip {
	case "2001:DB8::5", "2001:db8:0::5":
		return "2001:db8::5"
	case "::ffff:203.0.113.1":
		return "203.0.113.1"
	}
	return ip
}

// carriesOff says that the copy is of the download's file and by the same person.
// A copy's SID counts where it has no object id of its own.
func (c fileCopy) carriesOff(d download) bool {
	person := c.email != "" && folded(c.email) == folded(d.email)
	if oneID(c.oid) != "" {
		person = person || sameID(c.oid, d.oid)
	} else {
		person = person || sameID(c.sid, d.oid)
	}
	return (c.action == "FileCreated" || c.action == "FileRenamed") && person &&
		c.name != "" && folded(c.name) == folded(d.name)
}

// lastMount is the last mount of the drive that the copy went to; of several at
// one moment the one whose document is named last.
func (e events) lastMount(c fileCopy) (last mount, ok bool) {
	for _, m := range e.mounts {
		if c.host == "" || m.host != c.host || !m.holds(c.path) || m.time > c.time || m.time < c.time-7*day {
			continue
		}
		if !ok || m.time > last.time || m.time == last.time && m.document > last.document {
			last, ok = m, true
		}
	}
	return last, ok
}

// holds says that the path is on the drive or, of a mount that does not say its
// drive, that it can be. Rules count characters and not bytes: É: is one drive
// letter.
func (m mount) holds(path string) bool {
	if root := m.root(); root != "" {
		return strings.HasPrefix(folded(path), folded(root))
	}
	characters := []rune(path)
	lettered := len(characters) > 2 && string(characters[1:3]) == `:\`
	return lettered && path[0] != 'C' && path[0] != 'c' || strings.HasPrefix(path, "/Volumes/")
}

// root is the drive as the beginning of a path: "E:\", "/Volumes/DATA/".
func (m mount) root() string {
	letter := strings.Trim(m.letter, " ")
	separator := `\`
	if strings.HasPrefix(letter, "/") {
		separator = "/"
	}
	for strings.HasSuffix(letter, separator) {
		letter = strings.TrimSuffix(letter, separator)
	}
	if letter == "" && separator == `\` {
		return ""
	}
	return letter + separator
}
