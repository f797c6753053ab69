// Package mappings decides how stitch's documents look in a cluster: the
// indices and their templates ([Bootstrap]), and the alert document
// ([Alert.Document], [Update], [Retract]).
//
// # Indices
//
// Alerts lie in monthly indices named by the month of the alert's anchor, so
// that an alert's place never changes; run records lie in monthly indices,
// too; stitch's state in one index. The templates are the JSON files of this
// folder. They are written for Elasticsearch; a file NAME.opensearch.json is a
// merge patch (RFC 7396) with what OpenSearch spells differently.
//
// A cluster must never refuse an alert because of its mapping. Every field
// that stitch writes is therefore typed beforehand, malformed values are kept
// unindexed, and what a rule or a view names freely (stitch.details, the
// columns of a document) lies in fields that take any object. Fields that
// others add become keywords.
package mappings
