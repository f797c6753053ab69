package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which stitch this is",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(s.out, "stitch %s\n", version())
			return nil
		},
	}
}

// version is the module's version, the commit it was built from, and with
// what.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return describe(info)
}

func describe(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	text := moduleVersion(info)
	if commit := settings["vcs.revision"]; commit != "" {
		text += ", commit " + commit
		if settings["vcs.modified"] == "true" {
			text += " with changes"
		}
		if at := settings["vcs.time"]; at != "" {
			text += " of " + at
		}
	}
	return fmt.Sprintf("%s, %s %s/%s", text, info.GoVersion, runtime.GOOS, runtime.GOARCH)
}

// moduleVersion is one word, fit for a request's header too.
func moduleVersion(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	return "devel"
}

// ownVersion is the version that stitch names in what it leaves on a cluster.
func ownVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return moduleVersion(info)
	}
	return "devel"
}

// userAgent is how stitch calls itself to a cluster.
func userAgent() string { return "stitch/" + ownVersion() }
