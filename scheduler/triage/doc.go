// Package triage is what people do with alerts: they look through them
// ([List]), at one of them ([Get]), and say what becomes of it ([Act]).
//
// An alert is one document with several writers: the schedulers bring it up to
// its evidence, analysts say what they made of it, here and in Kibana, and the
// notifier notes whom it told. Each leaves the others' fields alone, and writes
// only over the version that it has read. Who comes second reads anew and does
// the same on what the first has left, so that no two can undo each other's
// work without having seen it.
//
// Nothing here can be trusted to be printable: names, paths and comments are
// as they were found. Whoever shows them escapes them.
package triage
