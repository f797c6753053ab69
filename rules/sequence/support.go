package sequence

import "slices"

// support is what is known of partners: of two stages, rows of the other among
// which every row of the one has a partner. As rows are only ever taken away,
// it stays true of those left, and a stage need not be filtered by the same
// rows again.
type support struct {
	n     int
	among []domain // by both stages
}

func newSupport(n int) support { return support{n, make([]domain, n*n)} }

func (p support) clone() support { return support{p.n, slices.Clone(p.among)} }

func (p support) of(stage, other int) *domain { return &p.among[stage*p.n+other] }

// has reports whether every one of a stage's rows is known to have a partner among
// those of another. A single row is the partner of all that have one.
func (p support) has(stage, other int, rows, partners domain) bool {
	return partners.is(*p.of(stage, other)) ||
		len(rows) == 1 && len(partners) > 0 && rows.is(*p.of(other, stage))
}

// note takes in that a stage, of which there were the rows before, was filtered
// by its partners; mutual says that each of them was a partner. If they had their
// own they have not lost them: a row that went was nobody's.
func (p support) note(stage, other int, before, after, partners domain, mutual bool) {
	*p.of(stage, other) = partners
	if mutual || before.is(*p.of(other, stage)) {
		*p.of(other, stage) = after
	}
}
