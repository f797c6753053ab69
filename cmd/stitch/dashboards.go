package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/mappings/dashboards"
)

// dashboardsFlags are those of bootstrap --dashboards.
type dashboardsFlags struct {
	folder string
	force  bool
	asked  bool
}

const dashboardsHelp = `With --dashboards it asks no cluster, and writes two files of saved objects into a
folder, the current one unless another is named: one for Kibana and one for
OpenSearch Dashboards, to be imported there (Stack Management, Saved Objects).`

func (f *dashboardsFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.folder, "dashboards", "", "write saved objects for Kibana and OpenSearch Dashboards into this folder (default the current one)")
	cmd.Flags().Lookup("dashboards").NoOptDefVal = "."
	cmd.Flags().BoolVar(&f.force, "force", false, "with --dashboards: write over files that differ")
}

// read takes the folder, which may stand as a word of its own behind the flag.
func (f *dashboardsFlags) read(cmd *cobra.Command, args []string) error {
	f.asked = cmd.Flags().Changed("dashboards")
	switch {
	case !f.asked && f.force:
		return usage("--force goes with --dashboards")
	case f.asked && f.folder == "." && len(args) == 1:
		f.folder = args[0]
		return nil
	case f.asked && f.folder == "":
		return usage("--dashboards= names no folder")
	}
	return noArguments(cmd, args)
}

// write writes the files, or none if one of them is there and differs.
func (f *dashboardsFlags) write(s streams) error {
	files, err := dashboards.Files(mappings.Names{})
	if err != nil {
		return err
	}
	actions := make([]string, len(files))
	for i, file := range files {
		path := filepath.Join(f.folder, file.Name)
		there, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			actions[i] = mappings.Created
		case err != nil:
			return usage("read %s: %w", path, err)
		case bytes.Equal(there, file.Content):
			actions[i] = mappings.Kept
		case !f.force:
			return usage("%s is there and differs: move it away, or write over it with --force", path)
		default:
			actions[i] = mappings.Updated
		}
	}
	if err := os.MkdirAll(f.folder, 0o755); err != nil {
		return usage("make folder: %w", err)
	}
	for i, file := range files {
		path := filepath.Join(f.folder, file.Name)
		if actions[i] != mappings.Kept {
			if err := os.WriteFile(path, file.Content, 0o644); err != nil {
				return usage("write %s: %w", path, err)
			}
		}
		fmt.Fprintf(s.out, "%-8s %s\n", actions[i], path)
	}
	return nil
}
