package parity

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// counted is the rows that the counted rule may see. A download's address is "",
// if it has none.
type counted struct {
	events
	addresses map[string]string // by the download's document
}

// burst is downloads of one person, in the order of time.
type burst struct {
	user      string
	downloads []download
}

// incidents goes through every burst, download of it and copy. Few files make a
// burst: least of them within a minute.
func (c counted) incidents(least int) map[incident]evidence {
	found := map[incident]evidence{}
	for _, b := range c.bursts(least) {
		first, last := b.downloads[0].time, b.downloads[len(b.downloads)-1].time
		for _, d := range c.downloads {
			if !d.counts(b.user) || d.time < first || d.time > last {
				continue
			}
			for _, f := range c.copies {
				m, ok := c.lastMount(f)
				if !ok || !f.carriesOff(d) || f.time < d.time || f.time > d.time+day {
					continue
				}
				id := incident{b.identity(), b.user, f.host}
				if found[id] == nil {
					found[id] = evidence{}
				}
				for _, d := range b.downloads {
					found[id].add("burst", d.document)
				}
				found[id].add("download", d.document)
				found[id].add("mount", m.document)
				found[id].add("copy", f.document)
			}
		}
	}
	return found
}

// identity is the person and the day on which the burst begins.
func (b burst) identity() string {
	text, err := json.Marshal([]string{b.user, time.UnixMilli(b.downloads[0].time).UTC().Format(time.DateOnly)})
	if err != nil {
		panic(err) // texts always encode
	}
	return string(text)
}

func (d download) counts(user string) bool {
	return d.action == "FileDownloaded" && d.email != "" && folded(d.email) == user
}

// bursts joins the minutes that have enough files and a download in common. None
// of the cases has one that is longer than a day.
func (c counted) bursts(least int) []burst {
	users := map[string]bool{}
	for _, d := range c.downloads {
		users[folded(d.email)] = true
	}
	var all []burst
	for user := range users {
		var minutes []map[string]download
		for _, begin := range c.downloads {
			in := c.minute(user, begin.time)
			files := map[string]bool{}
			for _, d := range in {
				files[cmp.Or(c.addresses[d.document], d.name)] = true
			}
			delete(files, "")
			if len(files) >= least {
				minutes = join(minutes, in)
			}
		}
		for _, m := range minutes {
			all = append(all, burst{user, slices.SortedFunc(maps.Values(m), func(a, b download) int { return cmp.Compare(a.time, b.time) })})
		}
	}
	return all
}

// minute is the user's downloads from a moment on, by document.
func (c counted) minute(user string, from int64) map[string]download {
	in := map[string]download{}
	for _, d := range c.downloads {
		if d.counts(user) && d.time >= from && d.time < from+minute {
			in[d.document] = d
		}
	}
	return in
}

// join adds a set to sets that have nothing in common, and unites those that have.
func join(sets []map[string]download, set map[string]download) []map[string]download {
	out := []map[string]download{}
	whole := maps.Clone(set)
	for _, s := range sets {
		shares := false
		for document := range s {
			_, both := set[document]
			shares = shares || both
		}
		if shares {
			maps.Copy(whole, s)
		} else {
			out = append(out, s)
		}
	}
	return append(out, whole)
}
