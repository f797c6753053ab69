package format

import "strings"

// String is the document with every table and key laid out alike.
func (d *document) String() string {
	var b strings.Builder
	lines(&b, d.head)
	for _, t := range d.tables {
		t.print(&b)
	}
	return b.String()
}

func (t *table) print(b *strings.Builder) {
	if t.header != "" {
		if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n\n") {
			b.WriteByte('\n')
		}
		lines(b, t.comments)
		open, end := "[", "]"
		if t.array {
			open, end = "[[", "]]"
		}
		line(b, open+t.header+end, t.note)
	}
	for _, e := range t.keys {
		lines(b, e.comments)
		line(b, e.key+" = "+e.value, e.note)
	}
	if len(t.tail) > 0 {
		b.WriteByte('\n')
		lines(b, t.tail)
	}
}

func lines(b *strings.Builder, comments []string) {
	for _, c := range comments {
		b.WriteString(c)
		b.WriteByte('\n')
	}
}

func line(b *strings.Builder, text, note string) {
	b.WriteString(text)
	if note != "" {
		b.WriteString(" " + note)
	}
	b.WriteByte('\n')
}
