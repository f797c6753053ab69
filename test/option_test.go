package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/rules"
)

// TestSyncClientOption does to the shipped rule what docs/shipped.md says, after
// which it counts what the synchronisation client brings.
func TestSyncClientOption(t *testing.T) {
	const (
		shipped = `event.action == "FileDownloaded"`
		counted = `event.action in ("FileDownloaded", "FileSyncDownloadedFull")`
	)
	for name, want := range map[string]string{"../docs/shipped.md": counted, "../rules/mass_download_usb.toml": shipped} {
		if text, err := os.ReadFile(name); err != nil || !strings.Contains(string(text), want) {
			t.Fatalf("%s does not say %s (%v)", name, want, err)
		}
	}
	text, err := os.ReadFile("../rules/mass_download_usb.toml")
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(t.TempDir(), "mass_download_usb.toml")
	if err := os.WriteFile(own, []byte(strings.Replace(string(text), shipped, counted, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load([]string{own})
	if err != nil {
		t.Fatal(err)
	}
	s := readScenario(t, "download-by-sync-client")
	checkAlerts(t, []expected{{
		Rule:      "8a30d849-6e54-41a0-9cbb-d8f055b4dd19",
		Documents: map[string]any{"download": []any{"d1"}, "alert": []any{"a1"}, "mount": []any{"m1"}, "copy": []any{"c1"}},
	}}, s.run(t, set, s.embedded(t)))
}

// readScenario reads the one of this name.
func readScenario(t *testing.T, name string) scenario {
	t.Helper()
	for _, s := range readScenarios(t) {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no scenario %s", name)
	return scenario{}
}
