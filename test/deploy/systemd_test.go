package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stitchdetect/stitch/test/engines"
)

// needs ends the test if the machine lacks a command.
func needs(t *testing.T, command string) {
	t.Helper()
	if _, err := exec.LookPath(command); err != nil {
		unavailable(t, err)
	}
}

// unavailable ends the test: as a failure where all that is tested on is
// required, else as one that is skipped.
func unavailable(t *testing.T, why error) {
	t.Helper()
	choice, err := engines.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	if choice.Required {
		t.Fatal(why)
	}
	t.Skip(why)
}

// mostExposed is the most that systemd may find open, of 100.
const mostExposed = "20"

// systemd itself finds nothing wrong with the units, and little left open.
func TestUnits(t *testing.T) {
	needs(t, "systemd-analyze")
	stitch := binary(t)
	folder := t.TempDir()
	var services, all []string
	for _, name := range []string{"stitch.service", "stitch-once.service", "stitch-once.timer"} {
		text, err := os.ReadFile(filepath.Join(root, "deploy", "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(folder, name)
		// systemd looks whether the program is there.
		installed := strings.ReplaceAll(string(text), "/usr/bin/stitch", stitch)
		if err := os.WriteFile(file, []byte(installed), 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, file)
		if filepath.Ext(name) == ".service" {
			services = append(services, file)
		}
	}
	verified, err := exec.CommandContext(t.Context(), "systemd-analyze", append([]string{"verify", "--man=no"}, all...)...).CombinedOutput()
	if err != nil || strings.Contains(string(verified), folder) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, verified)
	}
	for _, file := range services {
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold="+mostExposed, file).CombinedOutput()
		if err != nil {
			t.Errorf("systemd-analyze security: %v\n%s", err, out)
		}
	}
}
