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
package sequence
