package projects

import (
	"context"
	"time"
)

const (
	// keyTitle is the value of a project that holds its title, as Label Studio had it last.
	keyTitle = "title"
	// keyMissing is the one that says since when Label Studio does not know the project; empty:
	// it does.
	keyMissing = "missing_since"
)

// Title returns the title of a project, empty if it is not known yet.
func (r *Registry) Title(ctx context.Context, project int64) string {
	title, _, _ := r.get(ctx, project, keyTitle, shown) // a page shows the number instead
	return title
}

// Missing returns since when Label Studio does not know a project; zero: it does.
func (r *Registry) Missing(ctx context.Context, project int64) time.Time {
	text, _, err := r.get(ctx, project, keyMissing, shown)
	if err != nil || text == "" {
		return time.Time{}
	}
	since, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return since
}

// SetMissing notes that Label Studio does not know a project, as of a time, and returns since when
// that is so.
func (r *Registry) SetMissing(ctx context.Context, project int64, now time.Time) (since time.Time, err error) {
	if since := r.Missing(ctx, project); !since.IsZero() {
		return since, nil
	}
	return now, r.Set(ctx, project, keyMissing, now.UTC().Format(time.RFC3339))
}

// SetFound notes that Label Studio knows a project.
func (r *Registry) SetFound(ctx context.Context, project int64) error {
	if r.Missing(ctx, project).IsZero() {
		return nil
	}
	return r.Set(ctx, project, keyMissing, "")
}
