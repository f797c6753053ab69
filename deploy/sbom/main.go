// Command sbom says what is in a stitch binary:
//
//	sbom BINARY FILE             writes a software bill of materials (CycloneDX 1.6, JSON)
//	sbom -licences BINARY ...    writes the licences of what is in any of the binaries, to standard output
//
// Both tell what the linker put in, as the binary itself says, not what go.mod
// lists. A module whose licence is none that stitch may be given away with is
// an error.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "sbom: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	switch {
	case len(args) >= 2 && args[0] == "-licences":
		return licences(args[1:], out)
	case len(args) == 2 && args[0] != "-licences":
		return bill(args[0], args[1])
	}
	return errors.New("usage: sbom BINARY FILE, or sbom -licences BINARY [BINARY ...]")
}

// bill writes the bill of materials of a binary into a file.
func bill(binary, file string) error {
	parts, err := read(binary)
	if err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("create the bill of materials: %w", err)
	}
	return errors.Join(writeBill(f, parts), f.Close())
}

func licences(binaries []string, out io.Writer) error {
	var all []contents
	for _, binary := range binaries {
		parts, err := read(binary)
		if err != nil {
			return err
		}
		all = append(all, parts)
	}
	return writeLicences(out, all)
}
