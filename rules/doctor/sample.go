package doctor

import (
	"context"
	"time"

	"github.com/stitchdetect/stitch/esq"
)

// slice is a half-open stretch of time.
type slice struct{ from, to time.Time }

func (s slice) of(field string) esq.Query {
	return esq.Range{Field: field, GTE: isoValue(s.from), LT: isoValue(s.to)}
}

const isoMillis = "2006-01-02T15:04:05.000Z"

func isoValue(t time.Time) esq.Value { return esq.Str(t.UTC().Format(isoMillis)) }

// halvings bounds how often a stretch of time is cut to find the newest
// documents; after so many a day is cut to its milliseconds.
const halvings = 30

// newest returns the latest part of s in which between half of most and most
// documents match; where too many have one and the same time, the part holds
// more. An engine gives the oldest documents of a stretch, so that this is how
// the newest are found.
func (a *answers) newest(ctx context.Context, indices []string, q esq.Query, field string, s slice, most int64) (slice, error) {
	n, err := a.count(ctx, indices, esq.And(s.of(field), q))
	if err != nil || n <= most {
		return s, err
	}
	many, few := s.from, s.to // from the one on there are too many, from the other on too few
	for range halvings {
		middle := many.Add(few.Sub(many) / 2).Truncate(time.Millisecond)
		if !middle.After(many) || !middle.Before(few) {
			break
		}
		part := slice{middle, s.to}
		if n, err = a.count(ctx, indices, esq.And(part.of(field), q)); err != nil {
			return s, err
		}
		switch {
		case n > most:
			many = middle
		case n > 0 && n >= most/2:
			return part, nil
		default:
			few = middle
		}
	}
	return slice{many, s.to}, nil
}

// sample calls use for at most n of the newest documents that match, and returns
// how many there are in all.
func (a *answers) sample(ctx context.Context, search esq.Search, s slice, n int64, use func(esq.Hit)) (total int64, err error) {
	total, err = a.count(ctx, search.Indices, esq.And(s.of(search.Time), search.Query))
	if err != nil || total == 0 {
		return total, err
	}
	part, err := a.newest(ctx, search.Indices, search.Query, search.Time, s, n)
	if err != nil {
		return total, err
	}
	search.Query = esq.And(part.of(search.Time), search.Query)
	search.Limit = int(n)
	_, err = a.Search(ctx, search, func(h esq.Hit) error { use(h); return nil })
	return total, err
}
