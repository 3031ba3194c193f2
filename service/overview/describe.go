package overview

import (
	"context"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// copied is a row that is not locked any more.
type copied struct {
	row
	project int64
	about   *Task // of a problem
}

func (f ref) copy() copied {
	c := copied{row: *f.row(), project: f.v.id}
	if c.push == nil {
		c.about = &f.v.about[f.i]
	}
	return c
}

// mostExpected is of how many waiting tasks of a page the time left is found out: for each one the
// queue looks at all that wait before it.
const mostExpected = DefaultLimit

// describe says all that is known of a task. expect is of how many more tasks that wait the time
// left may be found out.
func (o *Overview) describe(ctx context.Context, q *jobs.Queue, r *copied, expect *int) Task {
	if r.about != nil {
		t := *r.about
		o.rated(ctx, &t)
		return t
	}
	t := stateOf(r.push, r.transcription)
	t.State = r.group.state() // of one that is not pushed it is another
	t.Project, t.ID = r.project, r.task
	if _, _, version, ok := predictions.ParseKey(r.push.Key); ok {
		t.Push, t.Version = r.push.Key, version
	} else {
		t.Version = r.push.Key
	}
	t.Transcription = r.push.After
	o.rated(ctx, &t)
	j := r.transcription
	if j == nil {
		if t.State == Pushed {
			t.Percent = 100
		}
		return t
	}
	t.File = j.Title
	switch j.State {
	case jobs.Done:
		t.Percent = 100
		if s, ok := recordings.ParseSummary(j.Summary); ok {
			confidence := s.Confidence
			t.Confidence, t.LengthS, t.Speed = &confidence, s.LengthS, s.Speed
		}
	case jobs.Queued, jobs.Running:
		if o.o.Recordings != nil {
			o.follow(q, j, &t, expect)
		}
	}
	return t
}

// follow says how far a transcription is that has not ended.
func (o *Overview) follow(q *jobs.Queue, j *jobs.Job, t *Task, expect *int) {
	if now, ok := o.o.Recordings.Progress(j.Key); ok {
		t.LengthS, t.Speed = now.LengthS, now.Speed
		if t.File == "" {
			t.File = now.File
		}
		if now.LengthS > 0 {
			t.Percent = min(100*now.DoneS/now.LengthS, 100)
		}
	}
	if j.State == jobs.Queued {
		if *expect <= 0 {
			return
		}
		*expect--
	}
	if left, ok := o.o.Recordings.Left(q, j); ok {
		t.LeftS = left.Seconds()
	}
}

func (o *Overview) rated(ctx context.Context, t *Task) {
	if rate, ok := o.rates(ctx, t.Project)(t.ID); ok {
		t.ErrorRate = &rate
	}
}
