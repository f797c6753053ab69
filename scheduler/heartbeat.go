package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// heartbeatFormat is the version of the heartbeat.
const heartbeatFormat = 1

// Heartbeat is what the scheduler that holds the lease writes now and then, so
// that silence can be told from peace. It is one document in each month's index
// of run records, with the id heartbeat and the kind heartbeat.
type Heartbeat struct {
	At      time.Time
	Holder  string
	Token   int64  // of the lease
	Version string // of stitch
	Rules   int    // that run
	// CoveredUntil is how far the rule has come that is furthest behind; zero if
	// none has ever run.
	CoveredUntil time.Time
}

type heartbeatDocument struct {
	Timestamp    string `json:"@timestamp"`
	Kind         string `json:"kind"`
	Format       int    `json:"format"`
	Holder       string `json:"holder"`
	Token        int64  `json:"token"`
	Version      string `json:"version"`
	Rules        int    `json:"rules"`
	CoveredUntil string `json:"covered_until,omitempty"`
}

const heartbeatKind = "heartbeat"

// beat writes the heartbeat until ctx is done. That it cannot is logged once,
// and again when it can.
func (s *Scheduler) beat(ctx context.Context, token int64) {
	failing := false
	for ctx.Err() == nil {
		err := s.writeHeartbeat(ctx, token)
		switch {
		case err != nil && !failing && ctx.Err() == nil:
			s.log.LogAttrs(ctx, slog.LevelWarn, "heartbeat not written, whoever watches it will think that stitch is silent", slog.Any("err", err))
		case err == nil && failing:
			s.log.LogAttrs(ctx, slog.LevelInfo, "heartbeat written again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-s.clock.After(s.heartbeat):
		}
	}
}

func (s *Scheduler) writeHeartbeat(ctx context.Context, token int64) error {
	set, _ := s.rules.get()
	now := s.clock.Now()
	d := heartbeatDocument{
		Timestamp: mappings.Time(now), Kind: heartbeatKind, Format: heartbeatFormat,
		Holder: s.holder, Token: token, Version: s.version, Rules: len(set),
	}
	if oldest := s.progress.oldest(set); !oldest.IsZero() {
		d.CoveredUntil = mappings.Time(oldest)
	}
	source, err := mappings.Encode(d)
	if err != nil {
		return fmt.Errorf("write heartbeat: %w", err)
	}
	op := esq.Write{Ref: esq.Ref{Index: s.names.RunIndex(now), ID: heartbeatKind}, Source: source}
	if _, err := writeOne(ctx, s.engine, op, false); err != nil {
		return fmt.Errorf("write heartbeat: %w", err)
	}
	return nil
}

// Heartbeat reads the newest heartbeat, whoever wrote it; nil if there is none.
func (s *Scheduler) Heartbeat(ctx context.Context) (*Heartbeat, error) {
	found, err := s.engine.Find(ctx, []string{s.names.RunPattern()}, esq.Term{Field: "kind", Value: esq.Str(heartbeatKind)}, 0)
	if err != nil {
		return nil, fmt.Errorf("read heartbeat: %w", err)
	}
	var newest *Heartbeat
	for _, doc := range found {
		var d heartbeatDocument
		if err := json.Unmarshal(doc.Source, &d); err != nil {
			return nil, fmt.Errorf("read heartbeat %s: %w", stateName(doc.Ref), err)
		}
		at, err := time.Parse(time.RFC3339, d.Timestamp)
		if err != nil {
			return nil, fmt.Errorf("read heartbeat %s: %w", stateName(doc.Ref), err)
		}
		if newest != nil && !at.After(newest.At) {
			continue
		}
		newest = &Heartbeat{At: at, Holder: d.Holder, Token: d.Token, Version: d.Version, Rules: d.Rules}
		if d.CoveredUntil != "" {
			if newest.CoveredUntil, err = time.Parse(time.RFC3339, d.CoveredUntil); err != nil {
				return nil, fmt.Errorf("read heartbeat %s: %w", stateName(doc.Ref), err)
			}
		}
	}
	return newest, nil
}
