package learning

import (
	"context"
	"time"

	"github.com/asr-backend/asr-backend/internal/pause"
)

// lookEvery is how often it is looked whether projects have something to learn.
const lookEvery = 15 * time.Second

// Run has projects learn that have something to learn, until ctx ends.
func (l *Learning) Run(ctx context.Context) {
	if l.Queue.Wait(ctx) == nil {
		return
	}
	for pause.For(ctx, lookEvery) == nil {
		for _, id := range l.Projects.List(ctx) {
			if err := l.look(ctx, id); err != nil && ctx.Err() == nil {
				l.log.Warn("it was not found out whether a project has something to learn", "project", id, "error", err)
				break // the store is away
			}
			// The corrections of a project that is looked at for the first time are read.
			_ = pause.For(ctx, 20*time.Millisecond)
		}
	}
}

// look enqueues the learning of a project that has something to learn.
func (l *Learning) look(ctx context.Context, project int64) error {
	since, before, err := l.Projects.LastLearnt(ctx, project)
	if err != nil {
		return err
	}
	news, err := l.Corrections.News(ctx, project, since)
	if err != nil {
		return err
	}
	var why Trigger
	switch quiet := time.Since(news.Latest) >= l.Quiet && time.Since(since) >= l.Quiet; {
	case news.New >= l.After:
		why = Enough
	case news.New > 0 && quiet:
		why = Quiet
	case news.Corrections < before && quiet:
		why = Deleted
	default:
		return nil
	}
	if p, err := l.Projects.Show(ctx, project); err != nil || !p.Settings.Learns() {
		return nil // nothing can be predicted for it now either
	}
	_, err = l.Enqueue(ctx, project, why)
	return err
}
