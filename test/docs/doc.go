// Package docs runs the documentation: README.md and docs/*.md.
//
// The blocks of a page are run in their order, in one folder of the page's own,
// with the program as it is built from this checkout. Files in testdata/PAGE are
// there already, and setup.sh among them is run first. What a block is, its info string says:
//
//   - console: commands after "$ ", continued after "> ", each with all that it
//     prints. A line "..." stands for any lines, "..." within a line for any text.
//   - sh: a script, whose output is not compared. With the word checkout it runs in
//     the root of this checkout, and what go install makes goes elsewhere.
//   - toml: a file, named by the first line: "# my-rules/first.toml", or
//     "# added to my-rules/first.toml". stitch check or stitch test must accept it.
//   - http: a request as in Dev Tools, which the cluster must accept.
//   - json: one value, or one a line.
//   - yaml: part of another program's configuration, well-formed.
//   - text: nothing to be run. It may hold no command.
//
// Every command must end with 0, unless the next one is "echo $?". Exported
// variables live on until the page ends. stitch run is ended once it has said
// that it started; behind "&" it runs until the page ends.
//
// Where a page names https://localhost:9200, a cluster of this package's own
// answers there, behind TLS, with no indices at the page's beginning;
// http://localhost:9200 is the same without TLS.
//
// A block that cannot be run here says so and why, by one of the reasons that
// the test knows: "sh not-run: docker".
package docs
