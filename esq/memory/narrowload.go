package memory

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

const (
	chunkSize = 1 << 18 // bytes of whole lines that are looked at together, about
	scanners  = 2       // how many chunks are looked at at once
	ahead     = 4       // how many are read ahead
)

// chunk is whole lines of a file, on their way from the reader through one of
// the scanners back to the reader, which takes them in in their order.
type chunk struct {
	size    int // bytes that are read at once
	text    []byte
	lines   []scanned
	reduced []byte // where the lines' reduced sources are
	arena   arena  // where documents are that will be kept
	// of documents that will be kept, but whose texts are still in the lines
	docs    []held
	at      []uint32
	decoded []byte
	ready   chan struct{}
	last    error // why no chunk comes after this one; io.EOF at the end
}

// scanned is a line, and what it is if the scanner was sure of it.
type scanned struct {
	text   []byte
	hit    hit
	isHit  bool
	action action
	// follows says that the line follows an action; source is what is wanted of it
	// then, unless something was found of it.
	follows bool
	source  []byte
	found   verdict
}

// loadNarrow is [Engine.Load] of a narrowed engine.
func (l *loader) loadNarrow(in *bufio.Reader) error {
	l.engine.mu.Lock()
	defer l.engine.mu.Unlock()
	work := make(chan *chunk, ahead)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer close(work)
	n := l.engine.narrow
	defer n.reader.release()
	for range scanners {
		workers.Go(func() {
			s := scanning{engine: l.engine, lines: newLineReader(n), projector: projector{wanted: n.wanted}, sources: sourceReader{narrow: n}}
			for c := range work {
				s.scan(c)
				c.ready <- struct{}{}
			}
		})
	}
	var waiting, spare []*chunk
	var rest []byte
	for reading := true; reading || len(waiting) > 0; {
		if reading && len(waiting) < ahead {
			c := &chunk{size: n.chunk, ready: make(chan struct{}, 1)}
			if n := len(spare); n > 0 {
				c, spare = spare[n-1], spare[:n-1]
			}
			rest = c.fill(in, rest)
			reading = c.last == nil
			waiting = append(waiting, c)
			work <- c
			continue
		}
		c := waiting[0]
		waiting = waiting[1:]
		<-c.ready
		if err := l.chunk(c); err != nil {
			return err
		}
		spare = append(spare, c)
	}
	return nil
}

// fill reads whole lines: what is left over of the chunk before, and about as
// much as a chunk holds. It returns the beginning of the line that follows.
func (c *chunk) fill(in io.Reader, rest []byte) []byte {
	c.last = nil
	c.text = append(c.text[:0], rest...)
	for {
		switch err := c.read(in); {
		case err == io.EOF:
			c.last = err
			return nil
		case err != nil:
			c.last = fmt.Errorf("read data: %w", err)
			c.text = c.text[:bytes.LastIndexByte(c.text, '\n')+1]
			return nil
		}
		if end := bytes.LastIndexByte(c.text, '\n') + 1; end > 0 {
			rest = append(rest[:0], c.text[end:]...)
			c.text = c.text[:end]
			return rest
		}
		if len(c.text) > maxLine {
			return nil // the line is refused
		}
	}
}

// read reads as much as a chunk holds, and less only with an error.
func (c *chunk) read(in io.Reader) error {
	c.text = slices.Grow(c.text, c.size)
	for enough := len(c.text) + c.size; len(c.text) < enough; {
		n, err := in.Read(c.text[len(c.text):enough])
		c.text = c.text[:len(c.text)+n]
		if err != nil {
			return err
		}
	}
	return nil
}

// scanning is one of the scanners.
type scanning struct {
	engine    *Engine
	lines     *lineReader
	projector projector
	sources   sourceReader
}

// scan takes the lines apart, and finds out which of the hits are kept.
func (s *scanning) scan(c *chunk) {
	c.lines, c.docs, c.at, c.decoded = c.lines[:0], c.docs[:0], c.at[:0], c.decoded[:0]
	s.projector.out = c.reduced[:0]
	var last action
	for line := range bytes.Lines(c.text) {
		found := scanned{text: line}
		switch trimmed := bytes.TrimSpace(line); {
		case len(trimmed) == 0:
		case last.known():
			found.follows = true
			s.source(c, last, trimmed, &found)
			last = action{}
		case beginsAction(trimmed):
			found.action, _ = s.projector.action(trimmed)
			last = found.action
		default:
			s.hit(c, trimmed, &found)
		}
		c.lines = append(c.lines, found)
	}
	c.reduced = s.projector.out
}

// source reads the line after an action: in one pass, or where that is not sure,
// what is wanted of it.
func (s *scanning) source(c *chunk, a action, line []byte, found *scanned) {
	s.engine.narrow.shape.RLock()
	defer s.engine.narrow.shape.RUnlock()
	if found.found = s.lines.source(s.engine, a, line, c); found.found.index == nil {
		found.source, _ = s.projector.line(line)
	}
}

// hit reads what may be a hit: in one pass, or where that is not sure, first
// what is wanted of it and then that.
func (s *scanning) hit(c *chunk, line []byte, found *scanned) {
	s.engine.narrow.shape.RLock()
	defer s.engine.narrow.shape.RUnlock()
	if found.found = s.lines.read(s.engine, line, c); found.found.index != nil {
		found.isHit = true
		return
	}
	if found.hit, found.isHit = s.projector.hit(line); found.isHit {
		found.found = s.sources.judge(s.engine, found.hit, &c.arena)
	}
}

// beginsAction guesses whether a line is an action of a _bulk request.
func beginsAction(line []byte) bool {
	return bytes.HasPrefix(line, []byte(`{"create"`)) || bytes.HasPrefix(line, []byte(`{"index"`))
}

// chunk takes the lines of a chunk in.
func (l *loader) chunk(c *chunk) error {
	for i := range c.lines {
		l.stats.Lines++
		if err := l.scanned(&c.lines[i]); err != nil {
			return fmt.Errorf("%s:%d: %w", l.name, l.stats.Lines, err)
		}
	}
	if l.action != nil { // the source is in the next chunk
		l.action.id = strings.Clone(l.action.id)
	}
	if c.last != nil && c.last != io.EOF {
		l.stats.Lines++
		return fmt.Errorf("%s:%d: %w", l.name, l.stats.Lines, c.last)
	}
	return nil
}

// scanned takes a line in, as [loader.line] does.
func (l *loader) scanned(s *scanned) error {
	if len(s.text) > maxLine {
		return fmt.Errorf("the line is longer than %d MiB: leave the document out", maxLine>>20)
	}
	switch a := l.action; {
	case a == nil && s.action.known() && l.engine.indices[string(s.action.index)] != nil:
		l.next = target{l.known(s.action.index), view(s.action.id), s.action.create}
		l.action = &l.next
		return nil
	case a == nil && s.found.index != nil && !s.follows:
		l.settle(s.found)
		return nil
	case a != nil && s.found.index != nil && s.follows:
		l.action = nil
		if !a.create || !l.there(s.found.key) {
			l.settle(s.found)
		}
		return nil
	case a != nil && s.source != nil:
		l.action = nil
		return l.narrowed(*a, view(bytes.TrimSpace(s.text)), view(s.source))
	case a == nil && s.isHit && len(s.hit.index) > 0:
		return l.narrowed(target{index: l.known(s.hit.index), id: view(s.hit.id)}, view(s.hit.source), view(s.hit.reduced))
	}
	return l.line(s.text)
}

// known is the name of an index that there is already, or "" if there is none
// of that name.
func (l *loader) known(name []byte) string {
	if ix := l.engine.indices[string(name)]; ix != nil {
		return ix.name
	}
	return string(name)
}

// narrowed takes a document in, of which reduced is what is wanted. The texts
// may change when it returns.
func (l *loader) narrowed(t target, source, reduced string) error {
	if !validIndexName(t.index) {
		return fmt.Errorf("_index %s is missing or cannot be the name of an index", quoted(t.index))
	}
	if t.id == "" {
		t.id = contentID(l.name, l.stats.Lines, source)
		l.stats.NoID++
	}
	n := l.engine.narrow
	n.shape.Lock()
	defer n.shape.Unlock()
	ix := l.engine.index(t.index)
	key := n.hashes.of(t.index, t.id)
	if t.create && l.there(key) {
		return nil
	}
	d, err := n.reader.read(ix, t.id, reduced, false)
	if err != nil {
		return fmt.Errorf("the document is %w", err)
	}
	n.prepare(ix)
	l.settle(n.reader.verdict(l.engine, d, key, &n.arena))
	return nil
}

// there reports whether a document that is to be created is there already, and
// counts it then.
func (l *loader) there(key identity) bool {
	_, again := l.engine.narrow.seen.get(key)
	if again {
		l.stats.Documents++
		l.stats.Kept++
	}
	return again
}

// settle takes a document in, or notes that it is not kept.
func (l *loader) settle(v verdict) {
	n, ix := l.engine.narrow, v.index
	l.stats.Documents++
	before, again := n.seen.get(v.key)
	if again {
		l.stats.Replaced++
	}
	if v.doc == nil {
		if again && before == isKept {
			if old := ix.named(v.id); old != nil { // not deleted since
				ix.take(old)
			}
		}
		n.seen.set(v.key, v.time)
		return
	}
	n.seen.set(v.key, isKept)
	if v.plain {
		v.doc = n.keep(v.doc)
	}
	if again {
		ix.place(v.doc)
	} else {
		ix.add(v.doc)
	}
}

// project is what is wanted of a document's source, or all of it where that is
// not sure.
func (n *narrowing) project(source string) string {
	p := projector{wanted: n.wanted}
	if reduced, ok := p.line([]byte(source)); ok {
		return view(reduced)
	}
	return source
}
