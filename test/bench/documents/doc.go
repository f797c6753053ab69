// Package documents makes the data of the benchmarks: a tenant's logs over a
// stretch of time, as the integrations index them, with a known number of
// incidents in them that the shipped rules must find, and several times as many
// near misses that they must not.
//
// Everything follows from a seed: the same options make the same bytes. What is
// Microsoft Defender XDR's comes as CloudAppEvents, DeviceFileEvents,
// DeviceEvents, AlertInfo with AlertEvidence and alerts of Microsoft Graph; the
// unified audit log and Elastic Defend's file events and mounts lie beside it.
// The shapes stand in templates/, one document a file.
package documents
