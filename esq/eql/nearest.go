package eql

import "strings"

// Nearest returns the name among known that a person most likely meant by
// wrong, or "" if none is like it. Case does not count.
func Nearest(wrong string, known []string) string {
	best, bestDistance := "", 2+len(wrong)/4 // a short word has few neighbours that are not other words
	for _, name := range known {
		if d := distance(strings.ToLower(wrong), strings.ToLower(name)); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// nearestHint returns "; did you mean X?" for what [Nearest] finds, or "".
func nearestHint(wrong string, known []string) string {
	if name := Nearest(wrong, known); name != "" {
		return "; did you mean " + name + "?"
	}
	return ""
}

// distance is the number of letters to insert, delete, replace or swap.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := range len(a) {
		before, last, this := rows[0], rows[1], rows[2]
		this[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			this[j+1] = min(last[j]+cost, last[j+1]+1, this[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				this[j+1] = min(this[j+1], before[j-1]+1)
			}
		}
		rows[0], rows[1], rows[2] = last, this, before
	}
	return rows[1][len(b)]
}
