package memory

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// maxLine is how long one line of a file may be, in bytes.
const maxLine = 64 << 20

// LoadStats is what came of one [Engine.Load].
type LoadStats struct {
	Lines     int // read, blank ones too
	Documents int // read; what is there now is less by Replaced and Kept
	Replaced  int // documents that took the place of an earlier one with the same index and _id
	Kept      int // "create" lines that changed nothing, the index and _id being there already
	NoID      int // documents that came without an _id
}

// Load reads documents from NDJSON: search hits, as dump tools write them, or
// the pairs of lines of a _bulk request, or both. The data may be gzipped. The
// name is the file's, for errors, which read "NAME:LINE: what, and what to do".
//
// A document without an _id gets one made of name, line and content: loading
// the same file again replaces it. Of two documents with one index and _id the
// later one stays, but for "create", which never replaces. After an error the
// documents of the lines before it stay loaded.
func (e *Engine) Load(r io.Reader, name string) (LoadStats, error) {
	l := &loader{engine: e, name: name}
	if e.ended() {
		return l.stats, fmt.Errorf("%s: load documents: that was said to be over", name)
	}
	in, err := plain(r, name)
	if err != nil {
		return l.stats, fmt.Errorf("%s: %w", name, err)
	}
	load := l.load
	if e.narrow != nil {
		load = l.loadNarrow
	}
	if err := load(in); err != nil {
		return l.stats, err
	}
	if l.action != nil {
		return l.stats, fmt.Errorf("%s:%d: the file ends after an action line: it was cut off, write it again", name, l.stats.Lines)
	}
	return l.stats, nil
}

func (e *Engine) ended() bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.loaded
}

// load takes a file in line by line.
func (l *loader) load(in *bufio.Reader) error {
	for {
		line, err := readLine(in)
		if err == io.EOF && line == nil {
			return nil
		}
		l.stats.Lines++
		if err == nil {
			err = l.whole(line)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", l.name, l.stats.Lines, err)
		}
	}
}

// whole is line under the engine's lock.
func (l *loader) whole(line []byte) error {
	l.engine.mu.Lock()
	defer l.engine.mu.Unlock()
	return l.line(line)
}

// plain returns r's text: unzipped, and without a byte order mark.
func plain(r io.Reader, name string) (*bufio.Reader, error) {
	const size = 1 << 16
	in := bufio.NewReaderSize(r, size)
	magic, err := in.Peek(2)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read data: %w", err)
	}
	switch {
	case bytes.Equal(magic, []byte{0x1f, 0x8b}):
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("unzip data: %w", err)
		}
		in = bufio.NewReaderSize(unzipped, size)
	case strings.HasSuffix(name, ".gz") && len(magic) > 0:
		return nil, errors.New("the name ends in .gz but the data is not gzipped: rename the file")
	}
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		if _, err := in.Discard(3); err != nil {
			return nil, fmt.Errorf("read data: %w", err)
		}
	}
	return in, nil
}

// readLine returns the next line without its end, io.EOF and nil after the last.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return nil, fmt.Errorf("the line is longer than %d MiB: leave the document out", maxLine>>20)
		}
		switch {
		case err == nil || err == io.EOF && len(line) > 0:
			return line, nil
		case err == io.EOF:
			return nil, io.EOF
		case err != bufio.ErrBufferFull:
			return nil, fmt.Errorf("read data: %w", err)
		}
	}
}

// loader is one file on its way in.
type loader struct {
	engine *Engine
	name   string
	stats  LoadStats
	action *target // whose source the next line is
	next   target  // where action may point to
}

// line takes one line in: a hit, an action, or the source that follows an action.
func (l *loader) line(line []byte) error {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil
	}
	text := string(line)
	if a := l.action; a != nil {
		l.action = nil
		return l.put(*a, text)
	}
	members, err := membersOf(text)
	if err != nil {
		return fmt.Errorf("%w; each line must be one JSON object, a search hit or a _bulk line", err)
	}
	if _, hit := members["_index"]; hit {
		return l.hit(members)
	}
	return l.bulkAction(members)
}

// target is where a document belongs.
type target struct {
	index, id string
	create    bool
}

func (l *loader) hit(members map[string]string) error {
	t, err := targetOf(members)
	if err != nil {
		return err
	}
	source, ok := members["_source"]
	if !ok || source == "null" {
		return errors.New("the hit has no _source: dump the documents whole")
	}
	return l.put(t, source)
}

// bulkAction remembers an action line until its source comes.
func (l *loader) bulkAction(members map[string]string) error {
	for action, body := range members {
		switch action {
		case "index", "create":
			inner, err := membersOf(body)
			if err != nil {
				return fmt.Errorf("the %s action: %w", action, err)
			}
			t, err := targetOf(inner)
			if err != nil {
				return err
			}
			t.create = action == "create"
			l.action = &t
			return nil
		case "delete", "update":
			return fmt.Errorf("a _bulk %s cannot be loaded: keep index and create lines only", action)
		}
	}
	return errors.New("there is no _index: each line must be a search hit (_index, _id, _source) or a _bulk line")
}

func targetOf(members map[string]string) (t target, err error) {
	if t.index, err = stringOf(members, "_index"); err != nil {
		return t, err
	}
	if !validIndexName(t.index) {
		return t, fmt.Errorf("_index %s is missing or cannot be the name of an index", quoted(t.index))
	}
	t.id, err = stringOf(members, "_id")
	return t, err
}

// stringOf reads a member that must be a string if it is there.
func stringOf(members map[string]string, key string) (string, error) {
	raw, ok := members[key]
	if !ok || raw == "null" {
		return "", nil
	}
	var s string
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return "", fmt.Errorf("%s is not a string", key)
	}
	return s, nil
}

// put takes a document in. The caller holds the engine's lock.
func (l *loader) put(t target, source string) error {
	if n := l.engine.narrow; n != nil {
		return l.narrowed(t, source, n.project(source))
	}
	if t.id == "" {
		t.id = contentID(l.name, l.stats.Lines, source)
		l.stats.NoID++
	}
	ix := l.engine.index(t.index)
	there := ix.named(t.id) != nil
	if there && t.create {
		l.stats.Documents++
		l.stats.Kept++
		return nil
	}
	d, err := ix.put(t.id, source)
	if err != nil {
		return fmt.Errorf("the document is %w", err)
	}
	d.body.loaded = true
	l.stats.Documents++
	if there {
		l.stats.Replaced++
	}
	return nil
}

// contentID makes an id for a document that came without one.
func contentID(name string, line int, source string) string {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(line))
	h.Write(n[:])
	binary.BigEndian.PutUint64(n[:], uint64(len(name)))
	h.Write(n[:])
	io.WriteString(h, name)
	io.WriteString(h, source)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:15])
}

// membersOf splits a JSON object into its members, each as it is written. What
// is inside of them is not looked at.
func membersOf(raw string) (map[string]string, error) {
	s := &scanner{raw: raw}
	members := map[string]string{}
	if !s.accept('{') {
		return nil, errors.New("not a JSON object")
	}
	for more := !s.accept('}'); more; {
		if s.pos == len(raw) || raw[s.pos] != '"' {
			return nil, s.unexpected()
		}
		off, size, err := s.str()
		if err != nil {
			return nil, err
		}
		key := s.text(off, size)
		if !s.accept(':') {
			return nil, s.unexpected()
		}
		from := s.pos
		if err := s.skip(); err != nil {
			return nil, err
		}
		members[key] = strings.TrimRight(raw[from:s.pos], " \t\r\n")
		if more = s.accept(','); !more && !s.accept('}') {
			return nil, s.unexpected()
		}
	}
	if s.space(); s.pos != len(raw) {
		return nil, s.unexpected()
	}
	return members, nil
}

// skip steps over one value by its brackets and quotes alone.
func (s *scanner) skip() error {
	from := s.pos
	for depth := 0; s.pos < len(s.raw); {
		switch s.raw[s.pos] {
		case '"':
			if err := s.skipString(); err != nil {
				return err
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.skipped(from)
			}
			depth--
		case ',':
			if depth == 0 {
				return s.skipped(from)
			}
		}
		s.pos++
	}
	return s.unexpected()
}

func (s *scanner) skipped(from int) error {
	if s.pos == from {
		return s.unexpected()
	}
	return nil
}

func (s *scanner) skipString() error {
	for s.pos++; s.pos < len(s.raw); s.pos++ {
		switch s.raw[s.pos] {
		case '\\':
			s.pos++
		case '"':
			s.pos++
			return nil
		}
	}
	return s.unexpected()
}
