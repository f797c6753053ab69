// Package scheduler decides when a rule runs and over which window, and keeps
// what a run leaves behind: alerts, a run record and, last, the checkpoint.
//
// # What a checkpoint promises
//
// Everything that happened between the start of a rule's coverage and its
// checkpoint, and that the cluster could show by then, has been looked at, and
// the alerts of it are written. A checkpoint moves forward only, and only
// after every search of the run was whole and every alert and the run's record
// are written. Whatever fails or is killed before that leaves it where it was,
// and the next run covers the same time again; since an alert's id comes from
// its evidence, doing so writes nothing twice.
//
// # Windows
//
// A document may arrive Lateness after it happened and be searchable Settle
// after that. A run therefore reaches back behind the checkpoint by both.
//
// A continuous rule is evaluated once per run, from there to now: after
// downtime one run covers the gap. A windowed rule is evaluated once per due
// time, [due-LookBack, due), oldest first: all due times that were missed, and
// those that a late document may still change.
//
// # Time
//
// Only this package reads a clock, and it reads the one it is given. Replay
// runs the same code over the past with a clock of its own.
package scheduler
