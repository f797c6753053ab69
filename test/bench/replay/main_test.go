package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/test/bench/result"
)

// TestQuick runs the pair, small, with the Python that STITCH_BENCH_PYTHON names,
// or else with the usual one, if that has DuckDB.
func TestQuick(t *testing.T) {
	t.Chdir("../../..")
	python, named := os.LookupEnv("STITCH_BENCH_PYTHON")
	if !named {
		python = "python3"
		if err := exec.Command(python, "-c", "import duckdb").Run(); err != nil {
			t.Skipf("no DuckDB, and STITCH_BENCH_PYTHON names no Python (test/bench/venv makes one): %v", err)
		}
	}
	stitch, out := filepath.Join(t.TempDir(), "stitch"), filepath.Join(t.TempDir(), "replay.json")
	if text, err := exec.Command("go", "build", "-o", stitch, "./cmd/stitch").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if err := run(t.Context(), []string{"-quick", "-out", out, "-data", t.TempDir(), "-stitch", stitch, "-python", python}, t.Output()); err != nil {
		t.Fatal(err)
	}
	r, err := result.Read(out)
	if err != nil || len(r.Tables) != 2 || len(r.Tables[0].Rows) != 2 || len(r.Targets) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

// What both sides print is read as the same.
func TestFound(t *testing.T) {
	const alert = `{"kibana.alert.original_time":"2026-03-01T13:44:17.000Z","kibana.alert.rule.rule_id":"` + strict + `","user":{"email":["a@b.example"]},"host":{"id":["m1"]}}` + "\n"
	const row = `{"rule":"group","ms":1772372657000,"user":"a@b.example","host":"m1"}` + "\n" + `{"version":"1.5.6"}` + "\n"
	stitch, err := foundByStitch([]byte(alert))
	if err != nil {
		t.Fatal(err)
	}
	duck, version, err := foundByDuckDB([]byte(row))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stitch, duck); diff != "" || len(stitch) != 1 || version != "1.5.6" {
		t.Errorf("%v, %s (-stitch +DuckDB):\n%s", stitch, version, diff)
	}
	if _, err := foundByStitch([]byte("no\n")); err == nil {
		t.Error("what is no alert is no error")
	}
	if _, _, err := foundByDuckDB([]byte("no\n")); err == nil {
		t.Error("what is no row is no error")
	}
}
