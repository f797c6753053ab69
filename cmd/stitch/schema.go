package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/ruletest"
	"github.com/stitchdetect/stitch/rules/schema"
	"github.com/stitchdetect/stitch/scheduler/notify"
)

func schemaCommand(s streams) *cobra.Command {
	kinds := slices.Sorted(maps.Keys(schemas()))
	return &cobra.Command{
		Use:   "schema " + strings.Join(kinds, "|"),
		Short: "Print the JSON Schema of a kind of file, for editors",
		Long: `Prints the JSON Schema of a kind of file. An editor that knows it completes and
checks files as they are typed: name it in the file's first line, as

  #:schema ./rule.schema.json`,
		Example:   "  stitch schema rule >rule.schema.json",
		ValidArgs: kinds,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || schemas()[args[0]] == nil {
				return usage("name one of %s", strings.Join(kinds, ", "))
			}
			return writeJSON(s.out, schemas()[args[0]])
		},
	}
}

// schemas are those of all files that people write.
func schemas() map[string]schema.Object {
	all := rules.Schemas()
	all["test"] = ruletest.Schema()
	all["notifications"] = notify.Schema()
	return all
}
