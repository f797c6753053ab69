package format

import (
	"fmt"
	"strings"
)

// document is a TOML text in the order in which it stands.
type document struct {
	head   []string // comments before everything else
	tables []*table // the first is the root, which has no header
}

// table is a header with the keys below it.
type table struct {
	comments []string // above the header
	header   string   // "rule.stage"; "" for the root
	array    bool     // [[header]]
	note     string   // the comment behind the header
	keys     []entry
	tail     []string // comments below the last key
}

// entry is a key with its value, as spelled.
type entry struct {
	comments []string // above the key
	key      string
	value    string // may have several lines
	note     string // the comment behind the value
}

// SyntaxError says where a text is not TOML, as far as its layout goes.
type SyntaxError struct {
	Line int // 1-based
	Msg  string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

// reader cuts a text into a document.
type reader struct {
	lines   []string
	at      int
	doc     *document
	pending []string // comments whose owner has not come yet
	blank   bool     // an empty line came after them
}

func read(text string) (*document, error) {
	r := &reader{lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), doc: &document{tables: []*table{{}}}}
	for r.at < len(r.lines) {
		line := strings.TrimSpace(r.lines[r.at])
		switch {
		case line == "":
			r.emptyLine()
		case line[0] == '#':
			r.comment(line)
		case line[0] == '[':
			if err := r.header(line); err != nil {
				return nil, err
			}
		default:
			if err := r.entry(); err != nil {
				return nil, err
			}
		}
	}
	if len(r.pending) > 0 {
		r.settle()
	}
	return r.doc, nil
}

func (r *reader) last() *table { return r.doc.tables[len(r.doc.tables)-1] }

// emptyLine lets comments at the top of the file be of the file, and those
// between two tables be of the table above, if an empty line follows them.
func (r *reader) emptyLine() {
	r.at++
	r.blank = len(r.pending) > 0
}

func (r *reader) comment(line string) {
	r.at++
	if r.blank {
		r.settle()
	}
	r.pending = append(r.pending, line)
}

// settle gives comments that an empty line cuts off from what follows to what
// stands above them.
func (r *reader) settle() {
	t := r.last()
	if len(r.doc.tables) == 1 && len(t.keys) == 0 {
		r.doc.head = append(r.doc.head, append(r.pending, "")...)
	} else {
		t.tail = append(t.tail, r.pending...)
	}
	r.pending, r.blank = nil, false
}

// take hands out the comments above a key or header.
func (r *reader) take() []string {
	comments := r.pending
	r.pending, r.blank = nil, false
	return comments
}

func (r *reader) header(line string) error {
	if r.blank {
		r.settle()
	}
	t := &table{comments: r.take()}
	open, end := "[", "]"
	if strings.HasPrefix(line, "[[") {
		open, end, t.array = "[[", "]]", true
	}
	name, rest, ok := strings.Cut(line[len(open):], end)
	if !ok {
		return &SyntaxError{r.at + 1, "a table header without " + end}
	}
	t.header, t.note = strings.TrimSpace(name), strings.TrimSpace(rest)
	if t.note != "" && t.note[0] != '#' {
		return &SyntaxError{r.at + 1, fmt.Sprintf("%q after a table header", t.note)}
	}
	r.doc.tables = append(r.doc.tables, t)
	r.at++
	return nil
}

func (r *reader) entry() error {
	if r.blank {
		r.settle()
	}
	first := r.at
	text := strings.Join(r.lines[first:], "\n")
	equals := keyEnd(text)
	if equals < 0 {
		return &SyntaxError{first + 1, "neither a table, a key nor a comment"}
	}
	e := entry{comments: r.take(), key: strings.TrimSpace(text[:equals])}
	rest := strings.TrimLeft(text[equals+1:], " \t")
	n, ok := valueEnd(rest)
	if !ok || n == 0 {
		return &SyntaxError{first + 1, fmt.Sprintf("the value of %s has no end", e.key)}
	}
	e.value = strings.TrimSpace(rest[:n])
	behind, _, _ := strings.Cut(rest[n:], "\n")
	e.note = strings.TrimSpace(behind)
	if e.note != "" && e.note[0] != '#' {
		return &SyntaxError{first + 1, fmt.Sprintf("%q after the value of %s", e.note, e.key)}
	}
	t := r.last()
	t.keys = append(t.keys, e)
	r.at = first + 1 + strings.Count(text[:len(text)-len(rest)+n], "\n")
	return nil
}

// keyEnd is where the = of a key stands, outside of quotes; -1 for none.
func keyEnd(text string) int {
	quote := byte(0)
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\n':
			return -1
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '=':
			return i
		}
	}
	return -1
}

// valueEnd is the length of the value that a text begins with. Its comment and
// what follows are not part of it, comments within an array are.
func valueEnd(text string) (int, bool) {
	depth := 0
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"' || c == '\'':
			n, ok := stringEnd(text[i:])
			if !ok {
				return 0, false
			}
			i += n
		case c == '[' || c == '{':
			depth++
			i++
		case c == ']' || c == '}':
			depth--
			i++
		case c == '#' && depth == 0:
			return i, true
		case c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case c == '\n' && depth == 0:
			return i, true
		default:
			i++
		}
	}
	return len(text), depth == 0
}

// stringEnd is the length of the string that a text begins with.
func stringEnd(text string) (int, bool) {
	quote := text[:1]
	if long := strings.Repeat(quote, 3); strings.HasPrefix(text, long) {
		return closing(text, long, 3, quote == `"`)
	}
	return closing(text, quote, 1, quote == `"`)
}

func closing(text, quote string, from int, escapes bool) (int, bool) {
	for i := from; i < len(text); {
		switch {
		case escapes && text[i] == '\\':
			i += 2
		case len(quote) == 1 && text[i] == '\n':
			return 0, false
		case strings.HasPrefix(text[i:], quote):
			end := i + len(quote)
			// Up to two quotes more may stand before the closing three.
			for len(quote) == 3 && end < len(text) && text[end] == quote[0] && end < i+5 {
				end++
			}
			return end, true
		default:
			i++
		}
	}
	return 0, false
}
