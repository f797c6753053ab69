package result_test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/test/bench/result"
)

func TestSample(t *testing.T) {
	for _, tt := range []struct {
		sample result.Sample
		median float64
		spread string
	}{
		{nil, 0, "-"},
		{result.Sample{3}, 3, "3 … 3"},
		{result.Sample{9, 1, 2}, 2, "1 … 9"},
		{result.Sample{4, 1, 9, 2}, 3, "1 … 9"},
	} {
		if got := tt.sample.Median(); got != tt.median {
			t.Errorf("median of %v: %v, want %v", tt.sample, got, tt.median)
		}
		if got := tt.sample.Spread(); got != tt.spread {
			t.Errorf("spread of %v: %v, want %v", tt.sample, got, tt.spread)
		}
	}
	if diff := gocmp.Diff(result.Sample{2, 0.5}, result.Sample{4, 1}.Over(result.Sample{2, 2, 7})); diff != "" {
		t.Errorf("ratios (-want +got):\n%s", diff)
	}
}

func TestAlternate(t *testing.T) {
	var got string
	run := func(name string) func(bool) error {
		return func(counts bool) error {
			if !counts {
				name, got = name+"'", got+name+"'"
				name = name[:1]
				return nil
			}
			got += name
			return nil
		}
	}
	if err := result.Alternate(2, run("a"), run("b")); err != nil || got != "a'b'abab" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestProcess(t *testing.T) {
	u, err := result.Process(t.Context(), "sh", "-c", "echo out")
	if err != nil || string(u.Out) != "out\n" || u.Peak == 0 || u.Wall == 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := result.Process(t.Context(), "sh", "-c", "echo why >&2; exit 3"); err == nil {
		t.Error("a process that fails is no error")
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	good := result.Result{
		Pair: "p", Title: "T", Versions: map[string]string{"x": "1"},
		Tables:  []result.Table{{Columns: []string{"a", "b"}, Rows: [][]string{{"1", "2"}}}},
		Targets: []result.Target{{Reach: "r", Got: "g", Met: true}},
	}
	if err := good.Write(path); err != nil {
		t.Fatal(err)
	}
	back, err := result.Read(path)
	if err != nil || back.Machine.Cores == 0 || back.Time.IsZero() {
		t.Fatalf("%+v, %v", back, err)
	}
	back.Machine, back.Time = good.Machine, good.Time
	if diff := gocmp.Diff(good, back); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]result.Result{
		"a row too short":        {Tables: []result.Table{{Columns: []string{"a", "b"}, Rows: [][]string{{"1"}}}}},
		"a miss without reasons": {Targets: []result.Target{{Reach: "r", Got: "g"}}},
	} {
		if err := r.Write(path); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

func TestCPUOf(t *testing.T) {
	before, err := result.CPUOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	busy, err := result.CPU(func() error {
		for sum := sha256.Sum256(nil); sum[0] != 0 || sum[1] != 0; {
			sum = sha256.Sum256(sum[:])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	after, err := result.CPUOf(os.Getpid())
	if err != nil || after <= before || after-before < busy/2 {
		t.Errorf("from %v to %v s, %v; %v s were taken between", before, after, err, busy)
	}
	if _, err := result.CPUOf(1 << 22); err == nil {
		t.Error("a process that is not has a clock")
	}
}
