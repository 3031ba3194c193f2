package projects

import (
	"context"
	"time"
)

// keyLongest is the value of a project that says how long its longest recording is.
const keyLongest = "longest_recording"

// Longest returns the length of the longest recording of a project from which results were made,
// and zero if none is known.
func (r *Registry) Longest(ctx context.Context, project int64) (time.Duration, error) {
	return r.longest(ctx, project, shown)
}

func (r *Registry) longest(ctx context.Context, project int64, age time.Duration) (time.Duration, error) {
	text, ok, err := r.get(ctx, project, keyLongest, age)
	if err != nil || !ok {
		return 0, err
	}
	return time.ParseDuration(text)
}

// Measured keeps the length of a recording of a project, if no other is longer.
func (r *Registry) Measured(ctx context.Context, project int64, length time.Duration) error {
	r.measuring.Lock()
	defer r.measuring.Unlock()
	known, err := r.longest(ctx, project, fresh)
	if err == nil && length <= known {
		return nil
	}
	return r.Set(ctx, project, keyLongest, length.String())
}
