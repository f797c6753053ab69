// Package sequence stitches rows into chains: one row per stage, such that
// every join and every constraint of order holds.
//
// It is pure: rows come in, the chains that hold go out, as the rows that stand
// in at least one of them. Chains are never listed. Ten thousand downloads and
// ten thousand copies of one incident are twenty thousand rows of work, not a
// hundred million pairs.
//
// # How
//
// [Compile] splits every join into its conjuncts. A conjunct over one stage
// filters its rows; one over two stages becomes part of the [link] between
// them, as a hash join where it is an equality; one over more stages is checked
// when all but two of them are down to one row. Order, gaps and the longest
// span are differences between times of two rows each, so they are parts of
// links as well (a chain is no longer than a span if and only if no two of its
// rows are further apart).
//
// [Pattern.Stitch] throws out the rows that have no partner, walks through the
// keys that are left, and solves each: while the links between the stages that
// are still open form a forest, two passes of semi-joins along it leave exactly
// the rows that stand in a chain. Where they form a cycle, or a condition spans
// more than two open stages, the rows of one stage are split, by their join key
// where that helps and one by one where it does not, and the survivors are
// united. A pick makes its stage a function of its neighbours' rows, so it is a
// link too once all but one of them are settled.
//
// Most rows are of a moment and have one key per link. These are joined by sweeps:
// values are numbered once per column, and both sides of a link are gone through
// once in order of time, beside one number per key. Rows that last, have several
// keys, or are bound by other conditions, are found by an [index].
//
// # Absence
//
// An absent stage adds no row to a chain. A chain of the other stages, picks
// included, is dropped if the absent stage has a row that goes with it: one for
// which the stage's join and order hold with the chain's rows, and with which
// the chain is no longer than the span. Where one open stage decides whether
// there is such a row, its rows are filtered; where two do, and one of them only
// by its time, the other's rows set that time a limit (a [cut]); else rows are
// split as above.
//
// A chain can be judged when its deadline has passed: no row of an absent stage
// that begins later can go with it. The deadline is, per absent stage, the least
// of what bounds it (a longest gap after a row of the chain, the begin of the
// next stage's row, the span from the chain's begin), and of all absent stages
// the greatest. Each of these is a time of one row, so [Pattern.Judge] parts
// closed chains from pending ones by filtering rows.
package sequence
