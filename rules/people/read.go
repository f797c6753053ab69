package people

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/eql"
)

// ReadCSV reads a map: a header with some of upn, object_id, sid and sam, in
// any order, and one person a line. A cell may be empty or, but for object_id,
// hold several identities parted by ";". What is wrong comes back as
// [Problems], all of it, by file and line; name is the file's.
func ReadCSV(name string, r io.Reader) (*Map, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, Problems{name + ": empty; the first line must name the columns: " + kindList()}
	}
	if err != nil {
		return nil, csvProblem(name, err)
	}
	b := newBuilder()
	columns := b.header(name+":1", header)
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return b.done(name)
		}
		if err != nil {
			return nil, append(b.problems, csvProblem(name, err)...)
		}
		line, _ := in.FieldPos(0)
		where := fmt.Sprintf("%s:%d", name, line)
		if len(record) != len(columns) {
			b.problem(where, "%d cells under %d columns", len(record), len(columns))
			continue
		}
		texts := map[Kind][]string{}
		for i, cell := range record {
			texts[columns[i]] = identities(cell)
		}
		b.add(where, texts)
	}
}

// csvProblem says where a text is not CSV.
func csvProblem(name string, err error) Problems {
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return Problems{fmt.Sprintf("%s:%d: not CSV: column %d: %v", name, syntax.Line, syntax.Column, syntax.Err)}
	}
	return Problems{fmt.Sprintf("%s: cannot be read: %v", name, err)}
}

func (b *builder) header(where string, names []string) []Kind {
	columns := make([]Kind, len(names))
	known := make([]string, 0, len(Kinds()))
	for _, kind := range Kinds() {
		known = append(known, string(kind))
	}
	for i, name := range names {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff") // the mark that spreadsheets put before UTF-8
		}
		name = eql.Fold(strings.TrimSpace(name))
		switch {
		case !isKind(name):
			hint := ""
			if near := eql.Nearest(name, known); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			b.problem(where, "unknown column %q%s; there are %s", name, hint, kindList())
		case slices.Contains(columns[:i], Kind(name)):
			b.problem(where, "a second column %q", name)
		}
		columns[i] = Kind(name)
	}
	return columns
}

// identities are the texts of a cell.
func identities(cell string) []string {
	var out []string
	for text := range strings.SplitSeq(cell, ";") {
		if text = strings.TrimSpace(text); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// ReadIndex reads a map from an index or pattern: a person a document, in its
// fields upn, object_id, sid and sam, each a text or a list of texts. What is
// wrong comes back as [Problems], by index and id.
func ReadIndex(ctx context.Context, eng esq.Searcher, index string) (*Map, error) {
	search := esq.Search{Indices: []string{index}, Query: esq.MatchAll{}, Time: "@timestamp"}
	for _, kind := range Kinds() {
		search.Fields = append(search.Fields, esq.Field{Path: string(kind)})
	}
	b := newBuilder()
	stats, err := eng.Search(ctx, search, func(h esq.Hit) error {
		where := h.Index + "/" + h.ID
		texts := map[Kind][]string{}
		for i, kind := range Kinds() {
			for _, v := range h.Values[i] {
				if text := strings.TrimSpace(v.String()); text != "" {
					texts[kind] = append(texts[kind], text)
				}
			}
		}
		b.add(where, texts)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", index, err)
	}
	if stats.NoIndex {
		return nil, Problems{index + ": there is no such index; create it, or name another one"}
	}
	return b.done(index)
}
