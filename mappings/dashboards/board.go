package dashboards

import "github.com/stitchdetect/stitch/mappings"

// The ids of the saved objects. They never change, so that a later version
// takes the place of an earlier one.
const (
	alertsView = "stitch-alerts"
	runsView   = "stitch-runs"
	boardID    = "stitch-overview"
)

// Which documents panels are about, as kuery.
const (
	standing = `not stitch.retracted : *` // alerts that hold
	live     = `replay : false`           // runs of the scheduler
	failed   = live + ` and outcome : "failure"`
)

// view is a data view, which OpenSearch Dashboards calls an index pattern.
type view struct{ id, name, pattern string }

func views(names mappings.Names) []view {
	return []view{
		{alertsView, "stitch: alerts", names.AlertPattern()},
		{runsView, "stitch: runs", names.RunPattern()},
	}
}

// search is a saved search: documents as a list, newest first.
type search struct {
	id, title, view, query string
	columns                []string
	place                  place
}

func searches() []search {
	return []search{
		{
			id: "stitch-alert-list", title: "stitch: alerts", view: alertsView, query: standing,
			columns: []string{
				"kibana.alert.severity", "rule.name", "user.email", "host.name", "kibana.alert.workflow_status",
				"kibana.alert.reason", "kibana.alert.original_time",
			},
			place: place{0, 45, 48, 18},
		},
		{
			id: "stitch-failed-runs", title: "stitch: failed runs", view: runsView, query: failed,
			columns: []string{"rule.name", "error", "slice.from", "slice.to"},
			place:   place{0, 85, 48, 12},
		},
	}
}

// panel is a visualization on the board.
type panel struct {
	id, title, view, query string
	kind                   string // of the visualization: "histogram", "pie", "table" or "metric"
	axis                   string // what is counted, for a histogram
	aggs                   []agg
	place                  place
}

// place is where something lies on the board, which is 48 wide.
type place struct{ x, y, w, h int }

func panels() []panel {
	return []panel{
		{
			id: "stitch-open-alerts", title: "stitch: open alerts", view: alertsView, kind: "metric",
			query: standing + ` and kibana.alert.workflow_status : "open"`,
			aggs:  []agg{count("Open alerts"), distinct("user.email", "Users"), distinct("host.name", "Machines")},
			place: place{0, 0, 12, 15},
		},
		{
			id: "stitch-alerts-by-rule", title: "stitch: alerts by rule", view: alertsView, kind: "histogram", axis: "Alerts",
			query: standing,
			aggs:  []agg{count("Alerts"), overTime(), top("rule.name", "Rule", "group", 10)},
			place: place{12, 0, 36, 15},
		},
		{
			id: "stitch-severity", title: "stitch: severity", view: alertsView, kind: "pie", query: standing,
			aggs:  []agg{count("Alerts"), top("kibana.alert.severity", "Severity", "segment", 5)},
			place: place{0, 15, 12, 15},
		},
		{
			id: "stitch-status", title: "stitch: status", view: alertsView, kind: "pie", query: standing,
			aggs:  []agg{count("Alerts"), top("kibana.alert.workflow_status", "Status", "segment", 5)},
			place: place{0, 30, 12, 15},
		},
		{
			id: "stitch-users", title: "stitch: users", view: alertsView, kind: "table", query: standing,
			aggs: []agg{
				count("Alerts"), highest("kibana.alert.risk_score", "Risk"), highest("@timestamp", "Last"), top("user.email", "User", "bucket", 50),
			},
			place: place{12, 15, 18, 30},
		},
		{
			id: "stitch-machines", title: "stitch: machines", view: alertsView, kind: "table", query: standing,
			aggs: []agg{
				count("Alerts"), highest("kibana.alert.risk_score", "Risk"), highest("@timestamp", "Last"), top("host.name", "Machine", "bucket", 50),
			},
			place: place{30, 15, 18, 30},
		},
		{
			id: "stitch-outcomes", title: "stitch: runs by outcome", view: runsView, kind: "histogram", axis: "Runs", query: live,
			aggs:  []agg{count("Runs"), overTime(), top("outcome", "Outcome", "group", 5)},
			place: place{0, 63, 20, 22},
		},
		{
			id: "stitch-coverage", title: "stitch: coverage by rule", view: runsView, kind: "table", query: live,
			aggs: []agg{
				highest("covered_until", "Covered until"), count("Runs"), total("alerts.created", "New alerts"),
				total("late", "Late documents"), highest("took_ms", "Longest (ms)"), top("rule.name", "Rule", "bucket", 100),
			},
			place: place{20, 63, 28, 22},
		},
	}
}
