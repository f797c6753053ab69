// Package simulation holds the scheduler against an offline evaluation of the
// same documents: over random histories in which documents come late or without
// an ingest field, runs fail, processes die and wake up again, several run on
// under a lease, rules change, go and come back, clocks are set by hours, and
// analysts work on the alerts.
//
// Everything but the engine's answers is real: rules, scheduler, the embedded
// engine. Time is virtual and every call to the engine is a point where the
// history says who goes on, what fails and what arrives meanwhile; the bubble of
// testing/synctest that each history lives in tells when all calls wait. A
// history is plain data: it can be printed, kept in testdata/histories and run again.
//
// How many histories are tried is said by STITCH_SIM_HISTORIES:
//
//	STITCH_SIM_HISTORIES=20000 go test -v -timeout 2h ./test/simulation
//
// and STITCH_SIM_RULE=drive keeps to one rule. A failing history is shrunk and
// printed as JSON; kept in testdata/histories/NAME.json, it is tried again by
// TestKeptHistories/NAME.
package simulation
