package esq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

var _ Pager = (*Cluster)(nil)

// Page returns one page of documents, the newest first.
func (c *Cluster) Page(ctx context.Context, p Paging) (Sheet, error) {
	op := describe("page through", p.Indices)
	body, err := c.pageBody(op, p)
	if err != nil {
		return Sheet{}, err
	}
	if len(p.Indices) == 0 {
		return Sheet{NoIndex: true}, nil
	}
	var cost Stats
	var answer searchAnswer
	if err := c.search(ctx, op, p.Indices, body, &cost, &answer); err != nil {
		return Sheet{}, err
	}
	sheet := Sheet{NoIndex: answer.Shards.Total == 0}
	if sheet.Total, err = answer.total(op); err != nil {
		return Sheet{}, err
	}
	for _, h := range answer.Hits.Hits {
		place, err := placeOf(h.Sort)
		if err != nil {
			return Sheet{}, fmt.Errorf("%s: %s/%s: %w", op, h.Index, h.ID, err)
		}
		if len(h.Source) == 0 {
			return Sheet{}, &PartialError{Op: op, Reason: "index " + h.Index + " keeps no _source"}
		}
		sheet.Places = append(sheet.Places, place)
		sheet.Documents = append(sheet.Documents, Document{
			Ref: Ref{Index: h.Index, ID: h.ID}, Found: true,
			SeqNo: h.SeqNo, PrimaryTerm: h.PrimaryTerm, Source: h.Source,
		})
	}
	return sheet, nil
}

func (c *Cluster) pageBody(op string, p Paging) (searchBody, error) {
	if p.Size < 1 || p.Size > c.pages.most {
		return searchBody{}, fmt.Errorf("%s: a page holds 1 to %d documents, not %d", op, c.pages.most, p.Size)
	}
	parts := c.dialect.limits.parts(And(orAll(p.Query), Exists{Field: p.Key}))
	if len(parts) > 1 {
		return searchBody{}, fmt.Errorf("%s: the query is too long for one search", op)
	}
	newest := object{p.Time: object{"order": "desc", "missing": 0, "unmapped_type": "date", "numeric_type": "date"}}
	body := searchBody{
		Size: p.Size, Query: parts[0], Sort: []any{newest, ascending(p.Key)}, Source: true, SeqNo: true, TotalHits: true,
	}
	if len(p.Fields) > 0 {
		body.Source = object{"includes": p.Fields}
	}
	if p.After != nil {
		key, err := marshal(p.After.Key)
		if err != nil {
			return searchBody{}, fmt.Errorf("%s: write place: %w", op, err)
		}
		body.SearchAfter = []json.RawMessage{json.RawMessage(strconv.FormatInt(p.After.Time.UnixMilli(), 10)), key}
	}
	return body, nil
}

func placeOf(sort []json.RawMessage) (Place, error) {
	var ms int64
	var p Place
	if len(sort) != 2 {
		return p, fmt.Errorf("read place: %d sort values, not 2", len(sort))
	}
	if err := errors.Join(json.Unmarshal(sort[0], &ms), json.Unmarshal(sort[1], &p.Key)); err != nil {
		return p, fmt.Errorf("read place: %w", err)
	}
	p.Time = time.UnixMilli(ms).UTC()
	return p, nil
}
