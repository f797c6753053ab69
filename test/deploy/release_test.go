package deploy

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"sigs.k8s.io/yaml"
)

// root is the repository's folder.
const root = "../.."

// command runs a command in the repository's folder.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = root
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, problems.Bytes())
	}
	return string(out)
}

// binary builds stitch as it is released and returns the file.
func binary(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stitch")
	t.Setenv("CGO_ENABLED", "0")
	command(t, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, "./cmd/stitch")
	return file
}

// The licences are those of the binaries of all systems, which therefore build.
func TestLicences(t *testing.T) {
	file := filepath.Join(t.TempDir(), "THIRD_PARTY.md")
	command(t, "deploy/licences", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| std | ", "| github.com/robfig/cron/v3 | ", "| github.com/inconshreveable/mousetrap | "} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no line %q in\n%.2000s", want, text)
		}
	}
}

// The bill of materials names every module in the binary, once, with its hash
// and a licence.
func TestBill(t *testing.T) {
	file, bill := binary(t), filepath.Join(t.TempDir(), "stitch.cdx.json")
	command(t, "go", "run", "./deploy/sbom", file, bill)
	f, err := os.Open(bill)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(f, cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	listed := map[string]int{}
	for _, c := range *bom.Components {
		listed[c.Name+"@"+c.Version]++
		if c.Licenses == nil || c.Name != "std" && c.Hashes == nil {
			t.Errorf("%s has no licence or no hash", c.Name)
		}
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, dep := range info.Deps {
		if listed[dep.Path+"@"+dep.Version] != 1 {
			t.Errorf("%s@%s is listed %d times", dep.Path, dep.Version, listed[dep.Path+"@"+dep.Version])
		}
	}
	if len(listed) != len(info.Deps)+1 {
		t.Errorf("%d components for %d modules and the standard library", len(listed), len(info.Deps))
	}
}

// What a release packs is there.
func TestReleaseFiles(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var release struct {
		Archives []struct{ Files []string }
		NFPMs    []struct {
			Contents []struct{ Src, Dst string }
		}
	}
	if err := yaml.Unmarshal(text, &release); err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, a := range release.Archives {
		named = append(named, a.Files...)
	}
	for _, p := range release.NFPMs {
		for _, c := range p.Contents {
			named = append(named, c.Src)
		}
	}
	if len(named) < 10 {
		t.Fatalf("a release packs only %q", named)
	}
	for _, pattern := range named {
		if pattern == "" || pattern == "THIRD_PARTY.md" { // a folder to be made; made by the release
			continue
		}
		found, err := filepath.Glob(filepath.Join(root, strings.ReplaceAll(pattern, "**/", "")))
		if err != nil || len(found) == 0 {
			t.Errorf("%s: nothing is there (%v)", pattern, err)
		}
	}
}
