// Package dashboards makes saved objects out of which Kibana and OpenSearch
// Dashboards show stitch's alerts and runs: a data view of each, saved
// searches, panels, and a board of them.
//
// The panels are "aggregation based" visualizations and the format is that of
// version 7.10, from which both products come: both still read it, and bring
// it up to their own when it is imported.
package dashboards
