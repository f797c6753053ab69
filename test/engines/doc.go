// Package engines gives tests real search clusters: Elasticsearch 8 and 9,
// OpenSearch 2 and 3, one node each.
//
// A test says what it wants to do on every cluster:
//
//	engines.Each(t, func(t *testing.T, e engines.Engine) {
//		index := e.Prefix(t) + "events"
//		e.Must(t, "PUT", "/"+index, `{"settings":{"number_of_replicas":0}}`)
//		...
//	})
//
// Nodes are dear (ten seconds and 350 MB each), so all tests share them, and
// each keeps to names that begin with its own [Engine.Prefix].
//
// # Where a node comes from
//
// The first of these that there is, for each cluster by itself:
//
//   - the URL in STITCH_TEST_ES8_URL, STITCH_TEST_ES9_URL, STITCH_TEST_OS2_URL
//     or STITCH_TEST_OS3_URL. Command with starts nodes once, exports these
//     and runs another command, such as go test ./..., beside them;
//   - a container, if a Docker engine answers. The images are the official
//     ones unless STITCH_TEST_IMAGE_ES8 and so on name others;
//   - a local process, assembled from Maven Central by node/engine. It needs
//     Linux, bash, Maven and two JDKs, 17 and one from 21 on.
//
// STITCH_TEST_VIA names the last two, in the order in which they are tried:
// "docker,process" by default; "process" leaves Docker alone.
//
// A test process that finds no URL has command with start what it needs, once
// per process. That command ends its node when the test process ends, however
// it ends.
//
// # Choosing
//
// Where a cluster cannot be had the test is skipped, and says what to install.
// STITCH_TEST_ENGINES is a list, parted by commas, of the clusters to test on
// (es8, es9, os2, os3; all of them if it names none) and of these words:
// "required" makes a test fail rather than be skipped, "none" skips them all.
package engines
