package main

import (
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/rules/sequence"
)

// What follows is what one would write by hand for exactly one chain: hash
// tables by key, and only the rows that stand in a chain are kept. It is the
// yardstick of the stitcher, which runs any chain.

// found is the rows of each stage that stand in a chain, in time order.
type found [][]int

// joinSequence joins a chain of one user in time order, by user. Forward it
// keeps the rows that have an earlier one of the user before them, and backward
// those that have one behind them: of the others' times the earliest, or the
// latest, is enough.
func joinSequence(stages [][]sequence.Row) map[string]found {
	alive := make([][]bool, len(stages))
	var before map[string]int64 // when the earliest row of the stage before ended
	for s, rows := range stages {
		alive[s] = make([]bool, len(rows))
		earliest := map[string]int64{}
		for i := range rows {
			r := &rows[i]
			user := text(r, 0)
			if at, ok := before[user]; s > 0 && (!ok || at > r.First) {
				continue
			}
			alive[s][i] = true
			if at, ok := earliest[user]; !ok || r.Last < at {
				earliest[user] = r.Last
			}
		}
		before = earliest
	}
	return backward(stages, alive)
}

func backward(stages [][]sequence.Row, alive [][]bool) map[string]found {
	byUser := map[string]found{}
	var behind map[string]int64 // when the latest row of the stage behind began
	for s := len(stages) - 1; s >= 0; s-- {
		latest := map[string]int64{}
		for i := range stages[s] {
			if !alive[s][i] {
				continue
			}
			r := &stages[s][i]
			user := text(r, 0)
			if at, ok := behind[user]; s < len(stages)-1 && (!ok || at < r.Last) {
				continue
			}
			if at, ok := latest[user]; !ok || r.First > at {
				latest[user] = r.First
			}
			f := byUser[user]
			if f == nil {
				f = make(found, len(stages))
				byUser[user] = f
			}
			f[s] = append(f[s], i)
		}
		behind = latest
	}
	return byUser
}

// text returns the value of a column as it is compared.
func text(r *sequence.Row, column int) string {
	s, _ := r.Values[column][0].Str()
	return strings.ToLower(s)
}

// userFile is what a copy and a download have in common.
type userFile struct{ user, file string }

// joinIncident joins the event-level rule: for each copy the downloads of the
// user and file, the alerts of the user and the drives of the host, and all that
// go together stand. It is by alert and host.
func joinIncident(stages [][]sequence.Row) map[[2]string]found {
	downloads, alerts, mounts := map[userFile][]int{}, map[string][]int{}, map[string][]int{}
	for i := range stages[0] {
		key := userFile{text(&stages[0][i], 0), text(&stages[0][i], 1)}
		downloads[key] = append(downloads[key], i)
	}
	for i := range stages[1] {
		user := text(&stages[1][i], 0)
		alerts[user] = append(alerts[user], i)
	}
	for i := range stages[2] {
		host, _ := stages[2][i].Values[0][0].Str()
		mounts[host] = append(mounts[host], i)
	}
	byKey := map[[2]string]found{}
	for i := range stages[3] {
		c := &stages[3][i]
		user := text(c, 0)
		host, _ := c.Values[2][0].Str()
		for _, d := range downloads[userFile{user, text(c, 1)}] {
			for _, a := range alerts[user] {
				if alert := &stages[1][a]; stages[0][d].Last > alert.First || !follows(c, alert, day.Milliseconds()) {
					continue
				}
				for _, m := range mounts[host] {
					mount := &stages[2][m]
					if follows(c, mount, week.Milliseconds()) && strings.HasPrefix(text(c, 3), text(mount, 1)) {
						add(byKey, [2]string{stages[1][a].ID, host}, [4]int{d, a, m, i})
					}
				}
			}
		}
	}
	for _, f := range byKey {
		for s := range f {
			slices.Sort(f[s])
			f[s] = slices.Compact(f[s])
		}
	}
	return byKey
}

func follows(r, before *sequence.Row, within int64) bool {
	return before.Last <= r.First && r.First-before.Last <= within
}

// add adds the rows of a chain to those of its key. A row may be in many chains;
// those in a row are not added again.
func add(byKey map[[2]string]found, key [2]string, chain [4]int) {
	f := byKey[key]
	if f == nil {
		f = make(found, len(chain))
		byKey[key] = f
	}
	for s, row := range chain {
		if n := len(f[s]); n == 0 || f[s][n-1] != row {
			f[s] = append(f[s], row)
		}
	}
}
