package rules

import (
	"regexp"
	"strconv"
	"strings"
)

// keyLines is where the keys of a TOML text stand. The decoder knows the
// position of a syntax error only, and a problem without a line is half a
// message. The text is gone through when the first line is asked for: most
// files have no problem.
type keyLines struct {
	source string
	key    map[string]int // path -> line of the key; nil until the first is asked for
	text   map[string]int // path -> line on which a multi-line string's text begins
}

var (
	tableHeader = regexp.MustCompile(`^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$`)
	keyStart    = regexp.MustCompile(`^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=\s*`)
	keyPart     = regexp.MustCompile(`"[^"]*"|'[^']*'|[A-Za-z0-9_-]+`)
)

// find fills lines.
func (k *keyLines) find() {
	if k.key != nil {
		return
	}
	k.key, k.text = map[string]int{}, map[string]int{}
	count := map[string]int{} // elements seen of each array of tables
	var table []string
	closing := "" // of the multi-line string we are in
	for i, line := range strings.Split(k.source, "\n") {
		if closing != "" {
			if strings.Contains(line, closing) {
				closing = ""
			}
			continue
		}
		if m := tableHeader.FindStringSubmatch(line); m != nil {
			table = tablePath(m[2], m[1] == "[[", count)
			k.note(table, i+1)
			continue
		}
		m := keyStart.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		path := append(table[:len(table):len(table)], parts(m[1])...)
		k.note(path, i+1)
		value := line[len(m[0]):]
		if closing = opened(value); closing != "" && strings.TrimSpace(value) == closing {
			k.text[strings.Join(path, "\x00")] = i + 2 // TOML drops the newline after the quotes
		}
	}
}

// opened returns the delimiter of a multi-line string that value begins and
// does not end.
func opened(value string) string {
	for _, quote := range []string{`"""`, `'''`} {
		if rest, ok := strings.CutPrefix(value, quote); ok && !strings.Contains(rest, quote) {
			return quote
		}
	}
	return ""
}

// tablePath gives every array of tables on the way the index of its latest element.
func tablePath(header string, array bool, count map[string]int) []string {
	var path []string
	names := parts(header)
	for i, name := range names {
		path = append(path, name)
		key := strings.Join(path, "\x00")
		if array && i == len(names)-1 {
			count[key]++
		}
		if n := count[key]; n > 0 {
			path = append(path, strconv.Itoa(n-1))
		}
	}
	return path
}

func parts(dotted string) []string {
	found := keyPart.FindAllString(dotted, -1)
	for i, p := range found {
		found[i] = strings.Trim(p, `"'`)
	}
	return found
}

func (k *keyLines) note(path []string, line int) {
	if key := strings.Join(path, "\x00"); k.key[key] == 0 {
		k.key[key] = line
	}
}

// line returns the line of the key at path, or of the nearest table or key
// that holds it; 0 if there is none.
func (k *keyLines) line(path ...string) int {
	k.find()
	for n := len(path); n > 0; n-- {
		if line := k.key[strings.Join(path[:n], "\x00")]; line > 0 {
			return line
		}
	}
	return 0
}

// textLine returns the line on which line n of the string at path stands.
func (k *keyLines) textLine(path []string, n int) int {
	k.find()
	if first := k.text[strings.Join(path, "\x00")]; first > 0 {
		return first + n - 1
	}
	return k.line(path...) + n - 1
}
