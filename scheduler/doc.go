// Package scheduler decides when a rule runs and over what, and keeps what a
// run leaves behind: alerts, a run record and, last, the ledger.
//
// # What a ledger promises
//
// A rule's ledger holds the intervals of arrival time that are covered: what
// became searchable in them was searched, whole, and every alert of it is
// written. A slice is added only after every search of its run was whole and
// every alert and the run's record are written. Whatever fails or is killed
// before that leaves a hole, with the reason if there is one, and holes are
// searched again first. Since an alert's id comes from its evidence, doing so
// writes nothing twice.
//
// # Runs in which nothing arrives
//
// Whoever runs the rules alone, or once, keeps their ledgers in memory. Where
// nothing is owed and no run may have gone astray, a run begins with the question
// whether anything arrived, or whether anything is in the windows that the clock
// alone makes due; see [rules.Watch]. Questions of rules that are due together go
// out together, and each slice ends when its question does, so that what arrives
// while that waits is asked for. If there is nothing, the slice is covered:
// that is remembered, and stored every few minutes for all rules at once, their
// records first. The question was made with what the indices said of their
// fields. Before anything is stored they are asked again, and what rested on
// another answer is searched anew, as is all that a process had not stored when
// it died. So the stored ledger never claims more than was searched.
//
// # Arrival and event time
//
// A run asks what arrived in its slice, by the sources' ingest fields, and
// then evaluates the event time of that, with whatever older or newer events
// the rule needs. A document may be searchable only Settle after its ingest
// stamp, so each slice asks that much further back. This suffices: the moment
// at which a document becomes visible lies in some slice, that slice is
// searched after it, and asks back to the document's stamp.
//
// A continuous rule is evaluated over the event time of what arrived; a
// windowed rule over every window that fell due in the slice, and again over
// every earlier one that something arrived for. Either way the evaluation is
// complete, so that an alert which should be in it and is not does not hold any
// more: it is retracted, which is marked in it, and comes back if it is found
// again. An alert of overlapping windows is that of the newest in which it
// holds.
//
// # More than one
//
// Each run takes a ticket, a number greater than all before it, before it
// searches, and every alert bears the ticket of the run that wrote it. A run
// never writes over a newer ticket: it has been overtaken and fails. What it
// wrote beside the newer run, which may have looked there before, is looked at
// once more by a later run: a ticket stays open in the ledger until its run has
// ended with no newer one begun, or such a later run has been. In this way the
// result stays single whoever runs; a lease keeps two that run all the time
// from doing the work twice.
//
// # Time
//
// Only this package reads a clock, and it reads the one it is given. Replay
// runs the same code over the past with a clock of its own.
//
// Clocks may differ by less than Settle. One that was further ahead is noticed
// by the next run whose clock shows a time that the ledger calls covered: every
// slice that was searched with the clock ahead, as the run records tell, is given
// back and searched again. Once all that time has passed nobody can notice it.
package scheduler
