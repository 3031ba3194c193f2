package overview_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/recordings"

	"pgregory.net/rapid"
)

// fatal is what a test and a run of rapid have in common.
type fatal interface{ Fatal(...any) }

// fixture is a queue in which tests are the workers.
type fixture struct {
	*servicetest.Fixture
	ctx context.Context
}

func newFixture(t testing.TB) *fixture {
	return &fixture{servicetest.New(t, servicetest.Options{NoLibrary: true}), t.Context()}
}

// enqueue enqueues a transcription and the push of a task of project 1.
func (f *fixture) enqueue(t fatal, task int, file, version string) {
	recording := jobs.Spec{Key: "transcribe/v/" + file, Project: "1", Kind: recordings.Kind, Title: file}
	push := jobs.Spec{Key: fmt.Sprintf("deliver/1/%d/%s", task, version), Project: "1", Kind: predictions.Kind, After: recording.Key}
	for _, s := range []jobs.Spec{recording, push} {
		if _, _, err := f.Jobs.Enqueue(f.ctx, s); err != nil {
			t.Fatal(err)
		}
	}
}

// work ends the next job of a kind in some way, if there is one.
func (f *fixture) work(t fatal, kind, how string) {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	l, err := f.Jobs.TryTake(ctx, kind, priority.Background)
	if err != nil {
		return
	}
	cause := fmt.Errorf("cause of %s", l.Job().Key)
	switch how {
	case "done":
		err = l.FinishWith(ctx, nil, jobs.Note{Summary: []byte(`length_s=90 confidence=0.75 speed=12.5`)})
	case "cancelled":
		_, err = f.Jobs.Cancel(ctx, l.Job().Key)
	case "failed":
		err = l.Fail(ctx, cause)
	case "later":
		err = l.Retry(ctx, time.Hour, cause)
	case "again":
		err = l.Retry(ctx, 0, cause)
	default:
		err = l.Release()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func ids(p overview.Page) []int64 {
	out := []int64{}
	for _, t := range p.Tasks {
		out = append(out, t.ID)
	}
	return out
}

// However jobs change, what is kept up to date equals what all jobs give, in every order.
func TestWhatIsKeptUpToDateIsWhatAllJobsGive(t *testing.T) {
	f := newFixture(t)
	rapid.Check(t, func(t *rapid.T) {
		for _, j := range f.Jobs.List(jobs.Filter{}) {
			if err := f.Jobs.Remove(f.ctx, j.Key); err != nil {
				t.Fatal(err)
			}
		}
		kept := overview.New(overview.Options{})
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"enqueue", "work", "work", "remove", "requeue", "look"}).Draw(t, "what") {
			case "enqueue":
				f.enqueue(t, rapid.IntRange(1, 6).Draw(t, "task"), rapid.SampledFrom([]string{"a.wav", "b.wav", "c.wav"}).Draw(t, "file"), rapid.SampledFrom([]string{"v1", "v2"}).Draw(t, "version"))
			case "work":
				f.work(t, rapid.SampledFrom([]string{recordings.Kind, predictions.Kind}).Draw(t, "kind"), rapid.SampledFrom([]string{"done", "failed", "again", "cancelled", "released"}).Draw(t, "how"))
			case "remove", "requeue":
				all := f.Jobs.List(jobs.Filter{})
				if len(all) == 0 {
					continue
				}
				job := rapid.SampledFrom(all).Draw(t, "job")
				if job.State.Ended() && job.State == jobs.Discarded {
					if _, err := f.Jobs.Requeue(f.ctx, job.Key); err != nil {
						t.Fatal(err)
					}
				} else if err := f.Jobs.Remove(f.ctx, job.Key); err != nil {
					t.Fatal(err)
				}
			case "look":
				kept.Query(f.ctx, f.Jobs, []int64{1}, overview.Query{})
			}
		}
		for _, sort := range []overview.Sort{overview.ByUrgency, overview.ByUpdated, overview.ByTask, overview.ByConfidence} {
			query := overview.Query{Sort: sort, Reverse: rapid.Bool().Draw(t, "reverse")}
			got := kept.Query(f.ctx, f.Jobs, []int64{1}, query)
			want := overview.New(overview.Options{}).Query(f.ctx, f.Jobs, []int64{1}, query)
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want)
			if string(g) != string(w) {
				t.Fatalf("%+v:\nkept %s\nwant %s", query, g, w)
			}
		}
	})
}

// board has good tasks and one of each kind that needs somebody.
func board(t *testing.T) (*fixture, *overview.Overview) {
	f := newFixture(t)
	for i := 1; i <= 12; i++ {
		f.enqueue(t, i, fmt.Sprintf("Call-%02d.WAV", i), "v1")
		how := map[int]string{3: "failed", 7: "later"}[i]
		f.work(t, recordings.Kind, cmp.Or(how, "done"))
		if how != "later" {
			f.work(t, predictions.Kind, map[bool]string{true: "failed", false: "done"}[i == 5])
		}
	}
	log := problems.NewLog()
	log.SetTask(1, 99, problems.NotAccepted, fmt.Errorf("no recording"))
	rates := map[int64]float64{2: 0.1, 4: 0.4, 6: 0}
	return f, overview.New(overview.Options{Problems: log, Recordings: f.Recordings, ErrorRates: func(context.Context, int64) func(int64) (float64, bool) {
		return func(task int64) (float64, bool) { r, ok := rates[task]; return r, ok }
	}})
}

func TestQueries(t *testing.T) {
	f, o := board(t)
	failed := []overview.State{overview.Failed}
	for name, c := range map[string]struct {
		query overview.Query
		ids   []int64
		total int
	}{
		"attention":           {overview.Query{Attention: true}, []int64{99, 5, 3, 7}, 4},
		"a state":             {overview.Query{States: failed}, []int64{3}, 1},
		"two states":          {overview.Query{States: []overview.State{overview.Failed, overview.Waiting}}, []int64{3, 7}, 2},
		"both":                {overview.Query{States: []overview.State{overview.Pushed}, Attention: true}, []int64{}, 0},
		"urgency":             {overview.Query{Limit: 6}, []int64{99, 5, 3, 7, 12, 11}, 13},
		"the next page":       {overview.Query{Limit: 3, Offset: 3}, []int64{7, 12, 11}, 13},
		"behind the last":     {overview.Query{Offset: 13}, []int64{}, 13},
		"none":                {overview.Query{Limit: -1}, []int64{}, 13},
		"part of a name":      {overview.Query{Search: "call-1", Sort: overview.ByTask}, []int64{10, 11, 12}, 3},
		"found on a page":     {overview.Query{Search: "CALL-1", Sort: overview.ByUpdated, Offset: 1, Limit: 1}, []int64{11}, 3},
		"an id":               {overview.Query{Search: "99"}, []int64{99}, 1},
		"an id or a name":     {overview.Query{Search: "5"}, []int64{5}, 1},
		"an id with #":        {overview.Query{Search: "#12"}, []int64{12}, 1},
		"nothing":             {overview.Query{Search: "absent"}, []int64{}, 0},
		"by task":             {overview.Query{Sort: overview.ByTask, Limit: 3}, []int64{1, 2, 3}, 13},
		"by task, reversed":   {overview.Query{Sort: overview.ByTask, Reverse: true, Limit: 3, Offset: 1}, []int64{12, 11, 10}, 13},
		"by errors":           {overview.Query{Sort: overview.ByErrorRate, Limit: 4}, []int64{4, 2, 6, 1}, 13},
		"by errors, reversed": {overview.Query{Sort: overview.ByErrorRate, Reverse: true, Limit: 4}, []int64{6, 2, 4, 1}, 13},
		"by confidence":       {overview.Query{Sort: overview.ByConfidence, Limit: 3}, []int64{1, 2, 4}, 13},
		"oldest first":        {overview.Query{Sort: overview.ByUpdated, Reverse: true, Limit: 2}, []int64{1, 2}, 13},
	} {
		got := o.Query(t.Context(), f.Jobs, []int64{1, 1}, c.query)
		if !slices.Equal(ids(got), c.ids) || got.Total != c.total || got.Attention != 4 || got.Counts[overview.Pushed] != 9 || got.Counts[overview.NotAccepted] != 1 {
			t.Errorf("%s: tasks %v of %d, %d need attention, %v; want %v of %d", name, ids(got), got.Total, got.Attention, got.Counts, c.ids, c.total)
		}
	}
}

func TestWhatIsSaidOfATask(t *testing.T) {
	f, o := board(t)
	done, ok := o.Of(t.Context(), f.Jobs, 1, 4)
	if !ok || done.File != "Call-04.WAV" || done.LengthS != 90 || done.Speed != 12.5 || done.Percent != 100 || *done.Confidence != 0.75 || *done.ErrorRate != 0.4 ||
		done.Version != "v1" || done.Attention || done.Push != "deliver/1/4/v1" || done.Transcription != "transcribe/v/Call-04.WAV" || time.Since(done.Updated) > time.Hour {
		t.Errorf("done: %+v", done)
	}
	failed, ok := o.Of(t.Context(), f.Jobs, 1, 3)
	if !ok || failed.State != overview.Failed || !failed.Attention || !strings.Contains(failed.Reason, "cause of") || failed.File != "Call-03.WAV" || failed.Percent != 0 || failed.Confidence != nil || failed.ErrorRate != nil {
		t.Errorf("failed: %+v", failed)
	}
	if again, _ := o.Of(t.Context(), f.Jobs, 1, 7); again.State != overview.Waiting || again.Retries != 1 || !again.Attention {
		t.Errorf("tried again: %+v", again)
	}
	if refused, ok := o.Of(t.Context(), f.Jobs, 1, 99); !ok || refused.State != overview.NotAccepted || refused.Reason != "no recording" {
		t.Errorf("not accepted: %+v", refused)
	}
	if _, ok := o.Of(t.Context(), f.Jobs, 1, 4711); ok {
		t.Error("a task that nobody has asked for is known")
	}
	n := 0
	o.Each(t.Context(), f.Jobs, []int64{1, 2}, overview.Query{Attention: true, Limit: 1, Offset: 2}, func(task overview.Task) bool {
		n++
		return task.State != "" && task.Project == 1
	})
	if n != 4 {
		t.Errorf("%d tasks need attention, want all 4", n)
	}
}
