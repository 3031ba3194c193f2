package predictions

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/priority"
)

// Two processes on one store, and one that follows another, know of each other's answers.
func TestOfManyRequestsOneIsAnswered(t *testing.T) {
	f := newFixture(t)
	p := f.resolved("")
	if err := f.prepare(p.Project); err != nil {
		t.Fatal(err)
	}
	f.transcribe()
	other, err := New(f.Options) // with nothing of what the first one has in memory
	if err != nil {
		t.Fatal(err)
	}
	var answers atomic.Int64
	var asked sync.WaitGroup
	began := time.Now()
	for i := range 20 {
		asked.Go(func() {
			node := []*Predictions{f.Predictions, other}[i%2]
			out, err := node.Predict(t.Context(), p, []labelstudio.Task{task()}, nil)
			if err != nil {
				t.Error(err)
				return
			}
			answers.Add(int64(len(out[0])))
		})
	}
	asked.Wait()
	if answers.Load() != 1 {
		t.Errorf("%d answers", answers.Load())
	}
	// Label Studio has not stored it yet, and the push must wait for that.
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if l, err := f.Jobs.Take(ctx, Kind, priority.Batch); err == nil {
		t.Errorf("job %s is pushed beside the answer", l.Job().Key)
	}
	if list := f.Jobs.List(jobs.Filter{Kind: Kind}); len(list) != 1 || list[0].NotBefore.Sub(began) < storing {
		t.Errorf("pushes %+v", list)
	}
}

// A push that is under way or done answers no request.
func TestNothingIsAnsweredBesideAPush(t *testing.T) {
	f := newFixture(t)
	p := f.resolved("")
	if err := f.prepare(p.Project); err != nil {
		t.Fatal(err)
	}
	f.transcribe()
	l, err := f.Take(Kind)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := f.Predict(t.Context(), p, []labelstudio.Task{task()}, nil); err != nil || len(out[0]) != 0 {
		t.Errorf("answered while the push is under way: %+v, %v", out, err)
	}
	if err := f.Worker().Work(l.Context(), t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if out, err := f.Predict(t.Context(), p, []labelstudio.Task{task()}, nil); err != nil || len(out[0]) != 0 {
		t.Errorf("answered after the push: %+v, %v", out, err)
	}
	if got := f.versions(); len(got) != 1 {
		t.Errorf("stored %q", got)
	}
}
