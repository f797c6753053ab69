package scheduler_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/scheduler"
)

// blocked is an engine that writes nothing to some indices, as a cluster does
// whose disk is full.
type blocked struct {
	*cabinet
	prefix string // of the indices; none if empty
}

// reasonFull is what such a cluster says.
const reasonFull = "index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block]"

func (b *blocked) Bulk(ctx context.Context, ops []esq.Write, refresh bool) ([]esq.Outcome, error) {
	out := make([]esq.Outcome, len(ops))
	for i, op := range ops {
		if b.prefix != "" && strings.HasPrefix(op.Index, b.prefix) {
			err := &esq.ResponseError{Op: "write " + op.ID, Status: http.StatusTooManyRequests, Type: "cluster_block_exception", Reason: reasonFull}
			out[i] = esq.Outcome{Status: err.Status, Err: err}
			continue
		}
		outcomes, err := b.cabinet.Bulk(ctx, []esq.Write{op}, refresh)
		if err != nil {
			return nil, err
		}
		out[i] = outcomes[0]
	}
	return out, nil
}

// While nothing can be written alerts wait, the checkpoint stays where it is,
// and the reason is in the log; in the run record and the ledger, too, if those
// can be written.
func TestReadOnlyCluster(t *testing.T) {
	for name, test := range map[string]struct {
		prefix string
		noted  bool
	}{
		"alerts":     {"detections-stitch.alerts", true},
		"everything": {"detections-stitch", false},
	} {
		t.Run(name, func(t *testing.T) {
			clock := scheduler.NewVirtualClock(day)
			alerts := []rules.Alert{alertAt("a", day)}
			engine := &blocked{cabinet: newCabinet()}
			var log strings.Builder
			s := scheduler.New(scheduler.Options{Rules: set(every("r", time.Hour)), Engine: engine, Clock: clock,
				Logger: slog.New(slog.NewTextHandler(&log, nil)), Arrivals: arrivedAt(day), Evaluate: finds(&alerts)})
			once(t, s)
			before := engine.coveredUntil("r")

			engine.prefix, alerts = test.prefix, append(alerts, alertAt("b", day))
			clock.Set(after(time.Hour))
			sum := once(t, s)
			if err := sum.Err(); err == nil || !strings.Contains(err.Error(), "read-only") {
				t.Errorf("error %v", err)
			}
			if !strings.Contains(log.String(), "read-only") || engine.coveredUntil("r") != before || len(engine.alerts()) != 1 {
				t.Errorf("covered until %s, before %s, %d alerts, log\n%s", engine.coveredUntil("r"), before, len(engine.alerts()), log.String())
			}
			records := engine.records()
			last, _ := records[len(records)-1]["error"].(string)
			if strings.Contains(last, "read-only") != test.noted {
				t.Errorf("%d run records, the last says %q", len(records), last)
			}
			coverage, err := s.Coverage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if holes := coverage[0].Holes; test.noted && (len(holes) != 1 || !strings.Contains(holes[0].Reason, "read-only")) {
				t.Errorf("holes %+v", holes)
			}

			engine.prefix = ""
			clock.Set(after(time.Hour + time.Minute))
			if sum := once(t, s); sum.Err() != nil || len(engine.alerts()) != 2 {
				t.Errorf("error %v, %d alerts", sum.Err(), len(engine.alerts()))
			}
			if got := engine.coveredUntil("r"); got <= before {
				t.Errorf("covered until %s", got)
			}
		})
	}
}
