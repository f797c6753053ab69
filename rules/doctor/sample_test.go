package doctor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/esq/memory"
)

// A sample is of the newest documents: at least half as many as wanted, unless
// there are fewer or their times tie, and none that is older than one left out.
func TestSampleIsTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.SliceOfN(rapid.IntRange(0, 40_000), 1, 60).Draw(t, "times")
		most := rapid.Int64Range(1, 20).Draw(t, "most")
		engine := memory.New(memory.Options{Now: func() time.Time { return noon }})
		var data strings.Builder
		for i, s := range seconds {
			at := noon.Add(-time.Duration(s+1) * time.Second).Format(isoMillis)
			fmt.Fprintf(&data, `{"_index":"a","_id":"%d","_source":{"@timestamp":%q}}`+"\n", i, at)
		}
		if _, err := engine.Load(strings.NewReader(data.String()), "test"); err != nil {
			t.Fatal(err)
		}
		var got []string
		search := esq.Search{Indices: []string{"a"}, Query: esq.MatchAll{}, Time: "@timestamp", Fields: []esq.Field{{Path: "@timestamp"}}}
		total, err := newAnswers(engine).sample(t.Context(), search, slice{noon.Add(-24 * time.Hour), noon}, most, func(h esq.Hit) {
			got = append(got, h.Values[0][0].String())
		})
		if err != nil {
			t.Fatal(err)
		}
		if total != int64(len(seconds)) {
			t.Errorf("%d in all, want %d", total, len(seconds))
		}
		slices.Sort(seconds)
		distinct := len(slices.Compact(slices.Clone(seconds)))
		if int64(len(got)) > most || int64(len(got)) < min(most/2, int64(len(seconds))) || len(got) == 0 {
			t.Fatalf("%d documents in the sample, want %d to %d of %d", len(got), most/2, most, total)
		}
		newest := noon.Add(-time.Duration(seconds[0]+1) * time.Second).Format(isoMillis)
		if distinct == len(seconds) && !slices.Contains(got, newest) {
			t.Errorf("the newest, %s, is not in %v", newest, got)
		}
	})
}

func TestRoundUp(t *testing.T) {
	for have, want := range map[time.Duration]time.Duration{
		0: time.Minute, time.Minute: time.Minute, time.Minute + 1: 2 * time.Minute, 31 * time.Minute: time.Hour,
		25 * time.Hour: 48 * time.Hour, 72*time.Hour + 1: 96 * time.Hour, 96 * time.Hour: 96 * time.Hour,
	} {
		if got := roundUp(have); got != want {
			t.Errorf("%v is rounded up to %v, want %v", have, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		24 * time.Hour: "24h", 90 * time.Minute: "1h30m", time.Minute: "1m", 61 * time.Second: "1m1s", 10 * time.Second: "10s", 0: "0s",
	} {
		if got := short(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}
