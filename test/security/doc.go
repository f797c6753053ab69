// Package security proves on clusters with users, roles and TLS that the roles
// stitch prints suffice, that each privilege in them is needed, and that every
// way to connect works.
//
// The tests start nodes of their own, Elasticsearch 8.19.21 and OpenSearch
// 2.19.4, as local processes: they want Linux, bash, Maven and a JDK from 17 on,
// and are skipped where these are missing unless STITCH_TEST_ENGINES says
// required. Certificates are made by the tests; Elasticsearch asks each client
// for one, OpenSearch takes one instead of a password.
//
// TestRoles takes away one privilege at a time and looks what fails; it also
// connects with an API key, a client certificate and a fingerprint.
package security
