package predictions

import (
	"context"
	"fmt"
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
			out, err := node.Predict(t.Context(), p, []labelstudio.Task{task()})
			if err != nil {
				t.Error(err)
				return
			}
			if out[0][0].Reason == "" {
				answers.Add(1)
			}
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
	f.holds("while the push is under way", p, task(), "it is being stored")
	if err := f.Worker().Work(l.Context(), t.Context(), l); err != nil {
		t.Fatal(err)
	}
	f.holds("after the push", p, task(), "Label Studio has the prediction")
	if got := f.versions(); len(got) != 1 {
		t.Errorf("stored %q", got)
	}
}

// with returns the task with a prediction of a version, that Label Studio has had for a while.
func with(version string, age time.Duration) labelstudio.Task {
	out := task()
	out.Predictions = fmt.Appendf(nil, `[{"id":1,"model_version":%q,"created_at":%q,"result":[]}]`, version, time.Now().Add(-age).Format(time.RFC3339Nano))
	return out
}

// Send Test Request sends a task as it is and shows the answer; so does a request by hand. What
// asks for what is missing never asks for a prediction that is there, unless it was stored while
// the request was made.
func TestAnAnswerThatIsOnlyShownIsGivenInFull(t *testing.T) {
	f := newFixture(t)
	f.push("")
	p := f.resolved("")
	bare := task()
	bare.Predictions = nil
	f.holds("in the moment of the push", p, with(p.Version, time.Hour), "Label Studio has the prediction")
	f.holds("by hand", p, bare, "")
	f.holds("by hand again", p, bare, "")
	out, err := f.Predict(t.Context(), p, []labelstudio.Task{with(p.Version, time.Hour), with(p.Version, time.Hour)})
	if err != nil || out[0][0].Reason == "" || out[1][0].Reason == "" {
		t.Errorf("a request for several tasks is no test request: %+v, %v", out, err)
	}
	if err := f.Jobs.Remove(t.Context(), push{TaskID: 5, ProjectID: 1, Version: p.Version}.Key()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f.holds("Send Test Request", p, with(p.Version, time.Hour), "")
	}
	f.holds("a prediction that was stored while the request was made", p, with(p.Version, time.Second), "Label Studio has the prediction")
	if got := f.versions(); len(got) != 1 {
		t.Errorf("stored %q", got)
	}
}
