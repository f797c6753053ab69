package triage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// Engine is where the alerts are.
type Engine interface {
	esq.Store
	esq.Pager
}

// The fields that alerts are ordered by: when each was first written, and its id.
const (
	timeField = "@timestamp"
	idField   = "kibana.alert.uuid"
)

// MaxSize is how many alerts a page holds at the most.
const MaxSize = 1000

// Cursor is where a page begins: behind the last alert of the page before. The
// zero Cursor is the beginning.
type Cursor struct {
	Time time.Time
	ID   string
}

// IsZero reports whether c is the beginning.
func (c Cursor) IsZero() bool { return c.ID == "" }

// String writes c as text without blanks, fit for a URL, that [ParseCursor]
// reads; "" for the beginning.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return strconv.FormatInt(c.Time.UnixMilli(), 10) + "." + c.ID
}

// maxID bounds an alert's id, as engines do.
const maxID = 512

// ParseCursor reads what [Cursor.String] wrote.
func ParseCursor(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	time0, id, ok := strings.Cut(text, ".")
	ms, err := strconv.ParseInt(time0, 10, 64)
	const beyond = 1 << 53 // no time that an engine can have said
	if !ok || err != nil || id == "" || len(id) > maxID || ms < -beyond || ms > beyond {
		return Cursor{}, errors.New("read cursor: it is not one of a page of alerts; begin at the first page")
	}
	return Cursor{Time: time.UnixMilli(ms).UTC(), ID: id}, nil
}

// Page is some of the alerts.
type Page struct {
	Alerts []Header
	Total  int64  // of all pages
	Next   Cursor // of the next page; zero if this is the last
}

// List returns the alerts that a filter accepts, those written last first,
// at most size of them (1 to [MaxSize]) from a cursor on. Alerts that are
// written meanwhile move none to another page. Without alerts or their indices
// the page is empty.
func List(ctx context.Context, pager esq.Pager, names mappings.Names, f Filter, after Cursor, size int) (Page, error) {
	if size < 1 || size > MaxSize {
		return Page{}, fmt.Errorf("list alerts: a page holds 1 to %d alerts, not %d", MaxSize, size)
	}
	query, err := f.query()
	if err != nil {
		return Page{}, fmt.Errorf("list alerts: %w", err)
	}
	paging := esq.Paging{
		Indices: []string{names.AlertPattern()}, Query: query, Time: timeField, Key: idField,
		Size:   size + 1, // one more says whether there is another page
		Fields: headerFields(),
	}
	if !after.IsZero() {
		paging.After = &esq.Place{Time: after.Time, Key: after.ID}
	}
	sheet, err := pager.Page(ctx, paging)
	if err != nil {
		return Page{}, fmt.Errorf("list alerts: %w", err)
	}
	page := Page{Total: sheet.Total, Alerts: make([]Header, 0, min(len(sheet.Documents), size))}
	for i, d := range sheet.Documents {
		if i == size {
			last := sheet.Places[i-1]
			page.Next = Cursor{Time: last.Time, ID: last.Key}
			break
		}
		h, err := headerOf(d)
		if err != nil {
			return Page{}, fmt.Errorf("list alerts: %w", err)
		}
		page.Alerts = append(page.Alerts, h)
	}
	return page, nil
}

func headerOf(d esq.Document) (Header, error) {
	source, err := esq.DecodeSource(d.Source)
	if err != nil {
		return Header{}, fmt.Errorf("alert %s/%s: %w", d.Index, d.ID, err)
	}
	h, err := readHeader(source, d.Source)
	h.Index = d.Index
	return h, err
}

// UnknownError says that there is no alert of this id, or none that begins so.
type UnknownError struct{ ID string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("there is no alert %s: stitch alerts list shows those there are", e.ID)
}

// AmbiguousError says that several alerts' ids begin so.
type AmbiguousError struct {
	Prefix string
	IDs    []string // some of them
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("several alerts begin with %s, such as %s: give more of the id", e.Prefix, strings.Join(e.IDs, " and "))
}

// Resolve returns the id of the one alert whose id is, or begins with, a
// prefix; an [*UnknownError] or [*AmbiguousError] otherwise.
func Resolve(ctx context.Context, pager esq.Pager, names mappings.Names, prefix string) (string, error) {
	if prefix == "" || len(prefix) > maxID {
		return "", &UnknownError{prefix}
	}
	ask := func(q esq.Query) ([]esq.Place, error) {
		sheet, err := pager.Page(ctx, esq.Paging{
			Indices: []string{names.AlertPattern()}, Query: q, Time: timeField, Key: idField, Size: 2, Fields: []string{idField},
		})
		if err != nil {
			return nil, fmt.Errorf("look for alert %s: %w", prefix, err)
		}
		return sheet.Places, nil
	}
	exact, err := ask(esq.Term{Field: idField, Value: esq.Str(prefix)})
	if err != nil || len(exact) > 0 {
		return prefix, err
	}
	found, err := ask(esq.Prefix{Field: idField, Value: prefix})
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", &UnknownError{prefix}
	case len(found) > 1 && found[0].Key != found[1].Key:
		return "", &AmbiguousError{prefix, []string{found[0].Key, found[1].Key}}
	}
	return found[0].Key, nil
}

// Get returns one alert, as of now; an [*UnknownError] if there is none of this
// id. A prefix of an id is none: see [Resolve].
func Get(ctx context.Context, store esq.Store, names mappings.Names, id string) (*Alert, error) {
	d, err := stored(ctx, store, names, id)
	if err != nil {
		return nil, err
	}
	a, err := Decode(d.Source)
	if err != nil {
		return nil, fmt.Errorf("alert %s: %w", id, err)
	}
	a.Index = d.Index
	return a, nil
}

// stored returns the document of an alert, as of now.
func stored(ctx context.Context, store esq.Store, names mappings.Names, id string) (esq.Document, error) {
	if id == "" || len(id) > maxID {
		return esq.Document{}, &UnknownError{id}
	}
	found, err := store.Find(ctx, []string{names.AlertPattern()}, esq.IDs{Values: []string{id}}, 0)
	if err != nil {
		return esq.Document{}, fmt.Errorf("look for alert %s: %w", id, err)
	}
	if len(found) == 0 {
		return esq.Document{}, &UnknownError{id}
	}
	// A search shows the last refresh; to write over a document takes its
	// present version.
	docs, err := store.Get(ctx, []esq.Ref{found[0].Ref})
	if err != nil {
		return esq.Document{}, fmt.Errorf("read alert %s: %w", id, err)
	}
	if len(docs) != 1 || !docs[0].Found {
		return esq.Document{}, &UnknownError{id}
	}
	return docs[0], nil
}

// Decode reads an alert document. What is missing or garbled in it is zero;
// only what is no document at all is an error.
func Decode(raw json.RawMessage) (*Alert, error) {
	source, err := esq.DecodeSource(raw)
	if err != nil {
		return nil, fmt.Errorf("read alert: %w", err)
	}
	if source == nil {
		return nil, errors.New("read alert: it is no object")
	}
	return readAlert(source, raw)
}
