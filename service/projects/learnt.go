package projects

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/transcribe"
)

// keyLearnt is the value of a project that holds the version of what it has learnt and uses now;
// empty, or no value, stands for nothing. It is part of the version of its predictions.
const keyLearnt = "learnt"

// Learnt returns the version of what a project has learnt and uses now, empty for nothing.
func (r *Registry) Learnt(ctx context.Context, project int64) (string, error) {
	return r.early(ctx, project, keyLearnt, fresh)
}

// SetLearnt stores which version of what a project has learnt is used from now on. It returns once
// that is stored.
func (r *Registry) SetLearnt(ctx context.Context, project int64, version string) error {
	if err := r.setEarly(ctx, project, keyLearnt, version); err != nil {
		return fmt.Errorf("set what project %d uses of what it has learnt: %w", project, err)
	}
	return nil
}

// Knowledge names what is known of the language of recordings of a project with such settings; it is
// nil for nothing, and has nothing but its version.
func (r *Registry) Knowledge(ctx context.Context, project int64, s *Settings) (*transcribe.Knowledge, error) {
	return r.knowledge(ctx, project, s, fresh)
}

func (r *Registry) knowledge(ctx context.Context, project int64, s *Settings, age time.Duration) (*transcribe.Knowledge, error) {
	if !s.Learns() {
		return nil, nil
	}
	version := s.Chosen()
	if version == "" {
		var err error
		if version, err = r.early(ctx, project, keyLearnt, age); err != nil {
			return nil, err
		}
	}
	if version == "" {
		return nil, nil
	}
	return &transcribe.Knowledge{Version: version}, nil
}

// keyLastLearnt is the value of a project that says when it learnt last, and from how many
// corrections, as JSON.
const keyLastLearnt = "last_learnt"

type lastLearnt struct {
	At          time.Time `json:"at"`
	Corrections int       `json:"corrections"`
}

// LastLearnt returns when a project learnt last, and how many corrections it had then.
func (r *Registry) LastLearnt(ctx context.Context, project int64) (time.Time, int, error) {
	return r.lastLearnt(ctx, project, fresh)
}

// ShowLastLearnt is LastLearnt for a page, as Show is: a run of another process may be missing for a
// minute.
func (r *Registry) ShowLastLearnt(ctx context.Context, project int64) (time.Time, int, error) {
	return r.lastLearnt(ctx, project, shown)
}

func (r *Registry) lastLearnt(ctx context.Context, project int64, age time.Duration) (time.Time, int, error) {
	text, ok, err := r.get(ctx, project, keyLastLearnt, age)
	var last lastLearnt
	if err != nil || !ok {
		return last.At, 0, err
	}
	if err := json.Unmarshal([]byte(text), &last); err != nil {
		return time.Time{}, 0, nil // it learns again
	}
	return last.At, last.Corrections, nil
}

// SetLastLearnt notes that a project has learnt from all corrections up to a time.
func (r *Registry) SetLastLearnt(ctx context.Context, project int64, at time.Time, corrections int) error {
	raw, err := json.Marshal(lastLearnt{at, corrections})
	if err != nil {
		return err
	}
	return r.Set(ctx, project, keyLastLearnt, string(raw))
}
