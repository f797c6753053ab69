package memory

import "bytes"

// tree is what is wanted of the documents of one index, made ready for reading
// them. It also learns what else they hold, so as to step over it quickly.
type tree struct {
	index   *index
	of      *admission // of the index when the tree was made
	root    *branch
	learned int
}

// branch is a key of the objects at one place in documents.
type branch struct {
	quoted []byte // the key as it is written, and the colon
	as     purpose
	id     fieldID
	// read is the number of the line in which it was met last.
	read uint64

	children map[string]*branch
	first    *branch // the child that came first the last time
	next     *branch // what followed the last time

	// like is the value that was stepped over last, if it is worth knowing: many
	// come again and again. misses counts in vain, since the last that did.
	like   []byte
	misses int
}

// purpose is what is done with the value of a key.
type purpose uint8

const (
	passed  purpose = iota // it is stepped over
	entered                // it is no field, but below it are some
	noted                  // it is a field; below it may be others
	unsure                 // it cannot be read here
)

const (
	maxLearned = 4096 // keys of an index that are learned
	maxLike    = 512  // bytes
	maxMisses  = 16
)

// grow makes the tree of what is wanted of an index.
func (n *narrowing) grow(ix *index) *tree {
	t := &tree{index: ix, of: ix.admission, root: &branch{as: entered}}
	t.root.grow(ix, n.wantedOf(ix.name), ix.names.root, false)
	return t
}

// grow adds what is wanted below a name; flat is whether it lies in a flattened
// object, whose leaves need no types of their own.
func (b *branch) grow(ix *index, w *want, at *name, flat bool) {
	b.children = map[string]*branch{}
	for key, below := range w.below {
		c := &branch{quoted: quotedKey(key), as: unsure}
		b.children[key] = c
		inner := at.child[key]
		if inner == nil {
			continue
		}
		c.id = inner.id
		typ, known := ix.fields[inner.id]
		switch {
		case typ == Nested || typ == Flattened && below.whole:
			continue
		case flat || known && typ != Flattened:
			c.as = noted
		case !below.whole:
			c.as = entered
		}
		if !below.whole {
			c.grow(ix, below, inner, flat || typ == Flattened)
		}
	}
}

func quotedKey(key string) []byte { return []byte(`"` + key + `":`) }

// learn adds a key. One with dots may be a wanted field, spelled differently.
func (t *tree) learn(b *branch, key []byte) *branch {
	c := &branch{quoted: quotedKey(string(key))}
	if head, _, dotted := bytes.Cut(key, []byte{'.'}); dotted {
		if wanted := b.children[string(head)]; wanted != nil && wanted.as != passed {
			c.as = unsure
		}
	}
	if t.learned == maxLearned {
		if c.as == unsure {
			return c
		}
		return nil
	}
	t.learned++
	b.children[string(key)] = c
	return c
}

// remember takes note of a value that was stepped over. Of numbers and words
// the beginning does not tell where they end.
func (b *branch) remember(value []byte) {
	if b.misses == maxMisses || len(value) > maxLike || value[0] != '{' && value[0] != '[' && value[0] != '"' {
		return
	}
	b.misses++
	b.like = append(b.like[:0], value...)
}
