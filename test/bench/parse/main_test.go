package main

import (
	"path/filepath"
	"testing"

	"github.com/stitchdetect/stitch/test/bench/result"
)

// TestQuick runs the pair, small: with what corpus there is, and without.
func TestQuick(t *testing.T) {
	t.Chdir("../../..")
	for name, corpus := range map[string]string{"as it is": "", "without a corpus": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("STITCH_CORPUS", corpus)
			out := filepath.Join(t.TempDir(), "parse.json")
			if err := run(t.Context(), []string{"-quick", "-out", out, "-data", t.TempDir()}, t.Output()); err != nil {
				t.Fatal(err)
			}
			r, err := result.Read(out)
			if err != nil || len(r.Tables) != 1 || len(r.Tables[0].Rows) != 3 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}
