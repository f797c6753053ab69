package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// writeBill writes what is in a binary as CycloneDX. The same binary gives the
// same bytes.
func writeBill(w io.Writer, c contents) error {
	of := cyclonedx.Component{
		BOMRef: packageURL(c.main.Path, c.main.Version), Type: cyclonedx.ComponentTypeApplication, Name: "stitch",
		Version: c.main.Version, PackageURL: packageURL(c.main.Path, c.main.Version), Licenses: licence("Apache-2.0"),
		Properties: &[]cyclonedx.Property{
			{Name: "go", Value: c.goes},
			{Name: "os", Value: c.built["GOOS"]},
			{Name: "arch", Value: c.built["GOARCH"]},
			{Name: "commit", Value: c.built["vcs.revision"]},
		},
	}
	components := make([]cyclonedx.Component, len(c.modules))
	depends := make([]string, len(c.modules))
	for i, m := range c.modules {
		url := packageURL(m.path, m.version)
		components[i] = cyclonedx.Component{
			BOMRef: url, Type: cyclonedx.ComponentTypeLibrary, Name: m.path, Version: m.version, PackageURL: url,
			Licenses: licence(m.licence), Hashes: hashes(m.sum),
		}
		depends[i] = url
	}
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Component: &of}
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: of.BOMRef, Dependencies: &depends}}
	if err := cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cyclonedx.SpecVersion1_6); err != nil {
		return fmt.Errorf("write the bill of materials: %w", err)
	}
	return nil
}

// packageURL names a Go module as the purl specification has it.
func packageURL(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}

func licence(id string) *cyclonedx.Licenses {
	return &cyclonedx.Licenses{{License: &cyclonedx.License{ID: id}}}
}

// hashes is the sum of go.sum, SHA-256 over the module's files, as hex.
func hashes(sum string) *[]cyclonedx.Hash {
	encoded, ok := strings.CutPrefix(sum, "h1:")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return nil
	}
	return &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(raw)}}
}
