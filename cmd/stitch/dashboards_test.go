package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/mappings/dashboards"
)

// The files are written without a cluster, wherever they are wanted, and never
// over a file of someone else's unless that is said.
func TestDashboards(t *testing.T) {
	t.Chdir(t.TempDir())
	files, err := dashboards.Files(mappings.Names{})
	if err != nil {
		t.Fatal(err)
	}
	check := func(folder string) {
		t.Helper()
		for _, f := range files {
			got, err := os.ReadFile(filepath.Join(folder, f.Name))
			if err != nil || string(got) != string(f.Content) {
				t.Errorf("%s: %v, %d bytes", f.Name, err, len(got))
			}
		}
	}
	call{}.run(t, "bootstrap", "--dashboards").want(t, exitFine, "created  stitch-kibana.ndjson\ncreated  stitch-opensearch-dashboards.ndjson\n", "")
	check(".")
	for _, args := range [][]string{{"--dashboards", "boards/a"}, {"--dashboards=boards/b"}} {
		call{}.run(t, append([]string{"bootstrap"}, args...)...).want(t, exitFine, "created  "+filepath.Join("boards", ""), "")
	}
	check("boards/a")
	check("boards/b")

	mine := filepath.Join("boards", "a", files[1].Name)
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join("boards", "a", files[0].Name)); err != nil {
		t.Fatal(err)
	}
	call{}.run(t, "bootstrap", "--dashboards", "boards/a").want(t, exitUsage, "", mine+" is there and differs: move it away, or write over it with --force")
	if got, err := os.ReadFile(mine); err != nil || string(got) != "mine" {
		t.Errorf("written over: %q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join("boards", "a", files[0].Name)); err == nil {
		t.Error("half of it was written")
	}
	call{}.run(t, "bootstrap", "--dashboards", "boards/a", "--force").want(t, exitFine, "updated  "+mine+"\n", "")
	check("boards/a")
	again := call{}.run(t, "bootstrap", "--dashboards", "boards/a")
	again.want(t, exitFine, "kept     ", "")
	if strings.Contains(again.out, "created") || strings.Contains(again.out, "updated") {
		t.Errorf("the same again: %s", again.out)
	}

	call{}.run(t, "bootstrap", "--force").want(t, exitUsage, "", "--force goes with --dashboards")
	call{}.run(t, "bootstrap", "--dashboards", "a", "b").want(t, exitUsage, "", "takes no arguments")
	call{}.run(t, "bootstrap", "boards").want(t, exitUsage, "", "takes no arguments")
	call{}.run(t, "bootstrap", "--dashboards=").want(t, exitUsage, "", "names no folder")
	call{}.run(t, "bootstrap", "--dashboards", mine).want(t, exitUsage, "", mine)
}
