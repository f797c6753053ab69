// Package esq is stitch's view of a search engine: a query tree that two
// languages produce, and the engine that answers it.
//
// The tree ([Query]) is written as Elasticsearch query DSL for clusters and
// evaluated directly by package memory for the embedded engine. What a search
// brings back are [Hit]s: the values of the fields that were asked for, never
// whole documents, so that an engine may read no more than it must.
//
// The cluster behind the interface is [Cluster]; everything that differs
// between Elasticsearch and OpenSearch is decided there, once, at start.
package esq
