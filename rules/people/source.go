package people

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// Source is where a map comes from: a CSV file, which is read again when it
// has changed, or an index, which is read each time. It may be used by several
// goroutines at once.
type Source struct {
	file, index string

	mu       sync.Mutex // guards what follows
	read     *Map
	modified time.Time
	size     int64
}

const indexPrefix = "index:"

// IsIndex reports whether text names an index and no file.
func IsIndex(text string) bool { return strings.HasPrefix(text, indexPrefix) }

// Open returns the source that text names, a path that ends in .csv or
// index:NAME. It reads nothing yet.
func Open(text string) (*Source, error) {
	if name, ok := strings.CutPrefix(text, indexPrefix); ok {
		if name == "" || strings.ContainsAny(name, " \"<>|?#\\,") || name != strings.ToLower(name) {
			return nil, fmt.Errorf("%q names no index; write %sNAME, in lower case", text, indexPrefix)
		}
		return &Source{index: name}, nil
	}
	if !strings.HasSuffix(strings.ToLower(text), ".csv") {
		return nil, fmt.Errorf("%q is neither a file that ends in .csv nor %sNAME", text, indexPrefix)
	}
	return &Source{file: text}, nil
}

// File is the path of a CSV file, "" of an index.
func (s *Source) File() string { return s.file }

// Index is the index that is read, "" for a file.
func (s *Source) Index() string { return s.index }

// Map reads the map, or returns the one it has of a file that has not changed
// since. eng is asked for an index only. A map that is missing or in which
// anything is wrong is an error, and the one before it is not used any more.
func (s *Source) Map(ctx context.Context, eng esq.Searcher) (*Map, error) {
	m, err := s.load(ctx, eng)
	if err != nil {
		return nil, fmt.Errorf("read the user map: %w", err)
	}
	return m, nil
}

func (s *Source) load(ctx context.Context, eng esq.Searcher) (*Map, error) {
	if s.index != "" {
		return ReadIndex(ctx, eng, s.index)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := os.Open(s.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if s.read != nil && info.ModTime().Equal(s.modified) && info.Size() == s.size {
		return s.read, nil
	}
	m, err := ReadCSV(s.file, f)
	if err != nil {
		s.read = nil
		return nil, err
	}
	s.read, s.modified, s.size = m, info.ModTime(), info.Size()
	return m, nil
}
