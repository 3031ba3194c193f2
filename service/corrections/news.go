package corrections

import (
	"context"
	"iter"
	"time"
)

// News is what has come of a project's corrections.
type News struct {
	// Corrections is how many there are that people have opened, and New how many of them were
	// recorded after a time, the last one at Latest.
	Corrections, New int
	Latest           time.Time
}

// News returns what has come since a time.
func (c *Corrections) News(ctx context.Context, project int64, since time.Time) (News, error) {
	known, err := c.loadRates(ctx, project)
	if err != nil {
		return News{}, err
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	var n News
	for _, r := range known.all {
		if r.Outcome == Copied {
			continue
		}
		n.Corrections++
		if r.At.After(since) {
			n.New++
		}
		if r.At.After(n.Latest) {
			n.Latest = r.At
		}
	}
	return n, nil
}

// All yields the corrections of a project that people have opened, in the order of their annotations.
// An error ends it.
func (c *Corrections) All(ctx context.Context, project int64) iter.Seq2[*Correction, error] {
	return func(yield func(*Correction, error) bool) {
		ids, err := c.annotations(ctx, project)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, id := range ids {
			one, err := c.Load(ctx, project, id)
			if err == nil && (one == nil || one.Outcome == Copied) {
				continue
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}
