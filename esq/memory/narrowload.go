package memory

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
)

const (
	chunkSize = 1 << 20 // bytes of whole lines that are looked at together
	scanners  = 2       // how many chunks are looked at at once
	ahead     = 4       // how many are read ahead
)

// chunk is whole lines of a file, on their way from the reader through one of
// the scanners back to the reader, which takes them in in their order.
type chunk struct {
	text    []byte
	lines   []scanned
	reduced []byte // where the lines' reduced sources are
	ready   chan struct{}
	last    error // why no chunk comes after this one; io.EOF at the end
}

// scanned is a line, and what it is if the scanner was sure of it.
type scanned struct {
	text   []byte
	hit    hit
	isHit  bool
	source []byte // reduced, if the line follows an action
}

// loadNarrow is [Engine.Load] of a narrowed engine.
func (l *loader) loadNarrow(in *bufio.Reader) error {
	work := make(chan *chunk, ahead)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer close(work)
	defer l.engine.narrow.release()
	for range scanners {
		workers.Go(func() {
			p := &projector{wanted: l.engine.narrow.wanted}
			for c := range work {
				c.scan(p)
				c.ready <- struct{}{}
			}
		})
	}
	var waiting, spare []*chunk
	var rest []byte
	for reading := true; reading || len(waiting) > 0; {
		if reading && len(waiting) < ahead {
			c := &chunk{ready: make(chan struct{}, 1)}
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
	c.text = slices.Grow(c.text, chunkSize)
	for enough := len(c.text) + chunkSize; len(c.text) < enough; {
		n, err := in.Read(c.text[len(c.text):enough])
		c.text = c.text[:len(c.text)+n]
		if err != nil {
			return err
		}
	}
	return nil
}

// scan takes the lines apart.
func (c *chunk) scan(p *projector) {
	c.lines, p.out = c.lines[:0], c.reduced[:0]
	action := false
	for line := range bytes.Lines(c.text) {
		s := scanned{text: line}
		switch trimmed := bytes.TrimSpace(line); {
		case len(trimmed) == 0:
		case action:
			s.source, _ = p.line(trimmed)
			action = false
		default:
			if s.hit, s.isHit = p.hit(trimmed); !s.isHit {
				action = beginsAction(trimmed)
			}
		}
		c.lines = append(c.lines, s)
	}
	c.reduced = p.out
}

// beginsAction guesses whether a line is an action of a _bulk request.
func beginsAction(line []byte) bool {
	return bytes.HasPrefix(line, []byte(`{"create"`)) || bytes.HasPrefix(line, []byte(`{"index"`))
}

// chunk takes the lines of a chunk in.
func (l *loader) chunk(c *chunk) error {
	l.engine.mu.Lock()
	defer l.engine.mu.Unlock()
	for _, s := range c.lines {
		l.stats.Lines++
		if err := l.scanned(s); err != nil {
			return fmt.Errorf("%s:%d: %w", l.name, l.stats.Lines, err)
		}
	}
	if c.last != nil && c.last != io.EOF {
		l.stats.Lines++
		return fmt.Errorf("%s:%d: %w", l.name, l.stats.Lines, c.last)
	}
	return nil
}

// scanned takes a line in, as [loader.line] does.
func (l *loader) scanned(s scanned) error {
	if len(s.text) > maxLine {
		return fmt.Errorf("the line is longer than %d MiB: leave the document out", maxLine>>20)
	}
	switch a := l.action; {
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
	n, ix := l.engine.narrow, l.engine.index(t.index)
	key, old := n.key(t.index, t.id), ix.byID[t.id]
	_, dropped := n.dropped[key]
	there := dropped || old != nil
	if there && t.create {
		l.stats.Documents++
		l.stats.Kept++
		return nil
	}
	d, err := n.read(ix, t.id, reduced)
	if err != nil {
		return fmt.Errorf("the document is %w", err)
	}
	l.stats.Documents++
	if there {
		l.stats.Replaced++
	}
	if n.admits(d) {
		delete(n.dropped, key)
		kept := n.arena.keep(d)
		kept.arrives = l.engine.arrival(kept)
		ix.place(kept)
		return nil
	}
	if old != nil {
		ix.take(old)
	}
	n.dropped[key] = noTime
	if ms, why := d.time(timestamp); why == "" {
		n.dropped[key] = ms
	}
	return nil
}

// read reads a document into the buffers of the one before it.
func (n *narrowing) read(ix *index, id, text string) (*document, error) {
	d := &n.doc
	n.scan = scanner{raw: text, index: ix, decoded: n.scan.decoded[:0]}
	*d = document{index: ix, id: id, source: text, record: record{leaves: d.leaves[:0]}, arrives: math.MinInt64}
	err := n.scan.whole(&d.record)
	d.decoded = view(n.scan.decoded)
	return d, err
}

// release lets go of the texts of the document that was read last.
func (n *narrowing) release() {
	n.doc = document{record: record{leaves: n.doc.leaves[:0]}}
	n.scan = scanner{decoded: n.scan.decoded[:0]}
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
