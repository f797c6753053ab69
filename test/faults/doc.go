// Package faults proves on real clusters that no alert is lost, doubled or left
// stale, whatever goes wrong: the program is the real one, run as a process of
// its own, and so are the nodes, which this package starts for itself because
// the names of stitch's indices are the default ones.
//
// Every test indexes documents late and out of order, lets something go wrong,
// and compares the alerts in the cluster with one offline evaluation of the same
// documents by the embedded engine. A run that says that it succeeded is taken at
// its word and compared at once; in the end one clean run must have mended
// everything. Each test prints one line of figures (see -v).
//
//   - TestProxy: the faults themselves.
//   - TestOneNode, on Elasticsearch 8 and OpenSearch 3, one after the other.
//     kills: the scheduler is killed (SIGKILL) at random moments, before a request
//     of its or after the cluster has carried one out. storms: a proxy before the
//     cluster refuses, delays, cuts and falsifies answers. leases: of two
//     schedulers the one that works is killed, or sleeps and wakes up late.
//     readonly: the indices of the alerts, and then all of stitch's, take no writes.
//   - TestThreeNodes: three nodes of OpenSearch 3, of which one at a time is
//     killed and started again.
//
// The short form is part of go test ./... and takes some four minutes on two
// idle cores; in it storms run on Elasticsearch alone, leases and readonly on
// OpenSearch alone. The full one takes about an hour:
//
//	STITCH_FAULT_KILLS=100 STITCH_FAULT_ROUNDS=10 STITCH_FAULT_NODE_KILLS=10 test/run -v -timeout 120m ./test/faults
//
// STITCH_FAULT_KILLS is how often the scheduler is killed on each cluster (15),
// STITCH_FAULT_ROUNDS how often the proxy makes each fault (once if it is not
// set), and STITCH_FAULT_NODE_KILLS how often a node is killed (2). Choices are
// random; the seed is printed and can be given in STITCH_FAULT_SEED. It settles
// what is chosen, not how the processes interleave.
package faults
