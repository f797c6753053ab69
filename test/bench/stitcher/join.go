package main

import (
	"math"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/rules/sequence"
)

// What follows is what one would write by hand for exactly one chain: hash
// tables by key, and only the rows that stand in a chain are kept. It is the
// yardstick of the stitcher, which runs any chain.

// found is the rows of each stage that stand in a chain, in time order.
type found [][]int

// joinSequence joins a chain of one user in time order, by user. Users are numbered
// in one hash table. Forward it keeps the rows that have an earlier one of the user
// before them, and backward those that have one behind them: of the others' times
// the earliest, or the latest, is enough.
func joinSequence(stages [][]sequence.Row) map[string]found {
	users, names := numbered(stages)
	alive := make([][]bool, len(stages))
	var before []int64 // by user: when the earliest row of the stage before ended
	for s, rows := range stages {
		alive[s] = make([]bool, len(rows))
		earliest := slices.Repeat([]int64{math.MaxInt64}, len(names))
		for i := range rows {
			r, user := &rows[i], users[s][i]
			if s > 0 && before[user] > r.First {
				continue
			}
			alive[s][i] = true
			earliest[user] = min(earliest[user], r.Last)
		}
		before = earliest
	}
	byUser := map[string]found{}
	for user, f := range backward(stages, users, alive, len(names)) {
		if f != nil {
			byUser[names[user]] = f
		}
	}
	return byUser
}

// numbered numbers the users of all rows from 0.
func numbered(stages [][]sequence.Row) (users [][]int, names []string) {
	numbers := map[string]int{}
	users = make([][]int, len(stages))
	for s, rows := range stages {
		users[s] = make([]int, len(rows))
		for i := range rows {
			name := text(&rows[i], 0)
			number, ok := numbers[name]
			if !ok {
				number = len(names)
				numbers[name] = number
				names = append(names, name)
			}
			users[s][i] = number
		}
	}
	return users, names
}

// backward returns what is found of each user, nil if nothing.
func backward(stages [][]sequence.Row, users [][]int, alive [][]bool, n int) []found {
	byUser := make([]found, n)
	var behind []int64 // by user: when the latest row of the stage behind began
	for s := len(stages) - 1; s >= 0; s-- {
		latest := slices.Repeat([]int64{math.MinInt64}, n)
		for i := range stages[s] {
			r, user := &stages[s][i], users[s][i]
			if !alive[s][i] || s < len(stages)-1 && behind[user] < r.Last {
				continue
			}
			latest[user] = max(latest[user], r.First)
			if byUser[user] == nil {
				byUser[user] = make(found, len(stages))
			}
			byUser[user][s] = append(byUser[user][s], i)
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
	roots := make([]string, len(stages[2]))
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
		roots[i] = text(&stages[2][i], 1)
	}
	byKey := map[[2]string]found{}
	for i := range stages[3] {
		c := &stages[3][i]
		user, path := text(c, 0), text(c, 3)
		host, _ := c.Values[2][0].Str()
		for _, d := range downloads[userFile{user, text(c, 1)}] {
			for _, a := range alerts[user] {
				if alert := &stages[1][a]; stages[0][d].Last > alert.First || !follows(c, alert, day.Milliseconds()) {
					continue
				}
				for _, m := range mounts[host] {
					mount := &stages[2][m]
					if follows(c, mount, week.Milliseconds()) && strings.HasPrefix(path, roots[m]) {
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
