// Package deploy holds what stitch is shipped with (deploy/, the Dockerfile,
// .goreleaser.yaml) to what it promises, as far as that can be done without a
// registry of images.
package deploy
