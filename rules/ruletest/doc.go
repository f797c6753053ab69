// Package ruletest runs the tests that lie beside a rule, RULE.test.toml: short
// timelines of documents, and the alerts that must come of them.
//
// A test runs with the embedded engine and the scheduler's own code on a
// virtual clock. Documents given in a view's columns are made by the view's
// mapping inverted, so that they pass through the real view, filter and query.
//
// [Load] finds and reads the tests, [Suite.Run] runs one, [Suite.Coverage] says
// what of the rule no test notices, and [Start] writes a first test.
package ruletest
