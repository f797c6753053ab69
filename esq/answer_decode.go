package esq

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A decoder takes an answer's body apart by itself.
type decoder interface {
	decode(body []byte) error
}

// decode reads the answer as encoding/json would, for less of the work. Of hits
// it reads the values that are wanted, where their source is plain.
func (a *searchAnswer) decode(body []byte) error {
	d := answerDecoder{quickDecoder{text: string(body)}, body}
	if utf8.Valid(body) && d.answer(a, d.answerMember) && d.over() {
		return nil
	}
	*a = searchAnswer{wanted: a.wanted}
	return json.Unmarshal(body, a)
}

// multiAnswer is the answer to a multi-search.
type multiAnswer struct {
	Responses []togetherAnswer `json:"responses"`

	wanted []*leafTree // of each search
}

func (a *multiAnswer) decode(body []byte) error {
	d := answerDecoder{quickDecoder{text: string(body)}, body}
	if utf8.Valid(body) && d.answers(a) && d.over() {
		return nil
	}
	a.Responses = nil
	return json.Unmarshal(body, a)
}

// answerDecoder reads answers to searches. What it does not know it leaves to
// encoding/json: each of its methods reports whether it read what it is named
// after.
type answerDecoder struct {
	quickDecoder
	body []byte
}

// over reports whether nothing is left.
func (d *answerDecoder) over() bool {
	d.space()
	return d.at == len(d.text)
}

// once notes a member that may not come twice.
func once(seen *uint, bit uint) bool {
	first := *seen&bit == 0
	*seen |= bit
	return first
}

func (d *answerDecoder) answers(a *multiAnswer) bool {
	seen := uint(0)
	return d.members(func(key string) bool {
		switch key {
		case "responses":
			a.Responses = []togetherAnswer{}
			return once(&seen, 1) && d.elements(func() bool {
				var one togetherAnswer
				if n := len(a.Responses); n < len(a.wanted) {
					one.wanted = a.wanted[n]
				}
				read := d.togetherAnswer(&one)
				a.Responses = append(a.Responses, one)
				return read
			})
		case "took":
			return d.skip(0)
		}
		return false
	})
}

func (d *answerDecoder) togetherAnswer(a *togetherAnswer) bool {
	return d.answer(&a.searchAnswer, func(to *searchAnswer, key string) bool {
		switch key {
		case "status":
			return d.into(&a.Status)
		case "error":
			return d.into(&a.Error)
		}
		return d.answerMember(to, key)
	})
}

func (d *answerDecoder) answer(a *searchAnswer, member func(*searchAnswer, string) bool) bool {
	var seen []string
	return d.members(func(key string) bool {
		if slices.Contains(seen, key) {
			return false
		}
		seen = append(seen, key)
		return member(a, key)
	})
}

func (d *answerDecoder) answerMember(a *searchAnswer, key string) bool {
	switch key {
	case "took":
		return d.into(&a.Took)
	case "timed_out":
		return d.into(&a.TimedOut)
	case "terminated_early":
		return d.into(&a.TerminatedEarly)
	case "_shards":
		return d.into(&a.Shards)
	case "pit_id":
		return d.into(&a.PIT)
	case "aggregations":
		return d.into(&a.Aggregations)
	case "hits":
		return d.hits(a)
	case "num_reduce_phases", "phase_took", "status":
		return d.skip(0)
	}
	return false
}

// into has encoding/json read a value that is short, or kept as it is.
func (d *answerDecoder) into(to any) bool {
	raw, ok := d.raw()
	return ok && json.Unmarshal(raw, to) == nil
}

// raw reads any value as a piece of the body.
func (d *answerDecoder) raw() (json.RawMessage, bool) {
	d.space()
	from := d.at
	ok := d.skip(0)
	return d.body[from:d.at:d.at], ok
}

func (d *answerDecoder) hits(a *searchAnswer) bool {
	seen := uint(0)
	r := leafReader{tree: a.wanted}
	return d.members(func(key string) bool {
		switch key {
		case "total":
			return once(&seen, 1) && d.into(&a.Hits.Total)
		case "hits":
			a.Hits.Hits = make([]hit, 0, d.roomForHits(a))
			return once(&seen, 2) && d.elements(func() bool {
				a.Hits.Hits = append(a.Hits.Hits, hit{})
				all := a.Hits.Hits
				if n := len(all) - 1; n > 0 {
					all[n].Index = all[n-1].Index // as it mostly is
				}
				return d.hit(&all[len(all)-1], &r)
			})
		case "max_score":
			return d.skip(0)
		}
		return false
	})
}

// roomForHits is about how many hits are still to come.
func (d *answerDecoder) roomForHits(a *searchAnswer) int {
	const short = 150 // bytes of a hit that has few values
	most := (len(d.text) - d.at) / short
	if a.Hits.Total == nil {
		return 0
	}
	return int(max(0, min(a.Hits.Total.Value, int64(most))))
}

func (d *answerDecoder) hit(h *hit, r *leafReader) bool {
	seen := uint(0)
	before := h.Index
	h.Index = ""
	return d.members(func(key string) (ok bool) {
		switch key {
		case "_index":
			h.Index, ok = d.word1(before)
			return once(&seen, 1) && ok
		case "_id":
			h.ID, ok = d.word1("")
			return once(&seen, 2) && ok
		case "_source":
			return once(&seen, 4) && d.source(h, r)
		case "sort":
			return once(&seen, 8) && d.sort(h)
		case "_seq_no":
			h.SeqNo, ok = d.whole()
			return once(&seen, 16) && ok
		case "_primary_term":
			h.PrimaryTerm, ok = d.whole()
			return once(&seen, 32) && ok
		case "_score", "_ignored", "_routing", "_type":
			return d.skip(0)
		}
		return false
	})
}

// text1 reads a string, which is likely this one.
func (d *answerDecoder) word1(likely string) (string, bool) {
	s, ok := d.str()
	if s == likely {
		return likely, ok
	}
	return strings.Clone(s), ok
}

func (d *answerDecoder) whole() (int64, bool) {
	d.space()
	from := d.at
	if !d.stepNumber() {
		return 0, false
	}
	n, err := strconv.ParseInt(d.text[from:d.at], 10, 64)
	return n, err == nil
}

// sort reads a hit's place.
func (d *answerDecoder) sort(h *hit) bool {
	h.Sort = make([]json.RawMessage, 0, 3)
	return d.elements(func() bool {
		raw, ok := d.raw()
		h.Sort = append(h.Sort, raw)
		return ok
	})
}

// source reads the leaves of a source, or steps over one that is not plain.
func (d *answerDecoder) source(h *hit, r *leafReader) bool {
	d.space()
	from := d.at
	if r.tree != nil {
		r.begin()
		if r.object(&d.quickDecoder, &r.tree.root, 0) {
			h.Source, h.values = d.body[from:d.at:d.at], r.values
			return true
		}
		d.at = from
	}
	ok := d.skip(0)
	h.Source = d.body[from:d.at:d.at]
	return ok
}
