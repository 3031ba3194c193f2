package overview_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// fill enqueues so many tasks of project 1, of which the one in the middle has failed.
func fill(t testing.TB, f *fixture, tasks int) {
	t.Helper()
	var callers sync.WaitGroup
	const many = 64
	for c := range many {
		callers.Go(func() {
			for i := c; i < tasks; i += many {
				f.enqueueOne(t, i+1)
			}
		})
	}
	callers.Wait()
	l, err := f.Jobs.TryTake(f.ctx, recordings.Kind, 0)
	if err == nil {
		err = l.Fail(f.ctx, fmt.Errorf("the one that failed"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) enqueueOne(t testing.TB, task int) {
	file := fmt.Sprintf("call-%06d.wav", task)
	recording := jobs.Spec{Key: "transcribe/v/" + file, Project: "1", Kind: recordings.Kind, Title: file}
	push := jobs.Spec{Key: fmt.Sprintf("deliver/1/%d/v", task), Project: "1", Kind: predictions.Kind, After: recording.Key}
	for _, s := range []jobs.Spec{recording, push} {
		if _, _, err := f.Jobs.Enqueue(f.ctx, s); err != nil {
			t.Error(err)
			return
		}
	}
}

// Of very many tasks each is found, in every order and on every page, and so is the one that failed.
func TestVeryManyTasks(t *testing.T) {
	tasks := 100_000
	if testing.Short() {
		tasks = 2_000
	}
	f, o := newFixture(t), overview.New(overview.Options{})
	fill(t, f, tasks)
	query := func(q overview.Query) overview.Page { return o.Query(t.Context(), f.Jobs, []int64{1}, q) }
	if p := query(overview.Query{}); p.Total != tasks || p.Attention != 1 || p.Tasks[0].State != overview.Failed || p.Tasks[0].Reason != "the one that failed" {
		t.Fatalf("%d tasks, %d need attention, first %+v", p.Total, p.Attention, p.Tasks[0])
	}
	for _, sort := range []overview.Sort{overview.ByUrgency, overview.ByUpdated, overview.ByTask} {
		seen := map[int64]bool{}
		for offset := 0; offset < tasks; offset += tasks / 4 {
			for _, one := range query(overview.Query{Sort: sort, Offset: offset, Limit: overview.MaxLimit}).Tasks {
				seen[one.ID] = true
			}
		}
		if len(seen) != min(4*overview.MaxLimit, tasks) {
			t.Errorf("sorted by %q, four pages show %d tasks", sort, len(seen))
		}
	}
	last := query(overview.Query{Sort: overview.ByTask, Offset: tasks - 1})
	if len(last.Tasks) != 1 || last.Tasks[0].ID != int64(tasks) {
		t.Errorf("the last page: %+v", last.Tasks)
	}
	if p := query(overview.Query{Search: fmt.Sprintf("CALL-%06d", tasks/2)}); p.Total != 1 || p.Tasks[0].ID != int64(tasks/2) {
		t.Errorf("found %d: %+v", p.Total, p.Tasks)
	}
	n := 0
	o.Each(t.Context(), f.Jobs, []int64{1}, overview.Query{States: []overview.State{overview.Waiting}}, func(overview.Task) bool { n++; return true })
	if n != tasks-1 {
		t.Errorf("%d tasks wait, want %d", n, tasks-1)
	}
}

// BenchmarkPages measures queries over 100,000 tasks of one project, of which one job changes before
// each.
func BenchmarkPages(b *testing.B) {
	const tasks = 100_000
	f := newFixture(b)
	o := overview.New(overview.Options{})
	fill(b, f, tasks)
	b.Run("first look", func(b *testing.B) {
		for b.Loop() {
			overview.New(overview.Options{}).Query(b.Context(), f.Jobs, []int64{1}, overview.Query{})
		}
	})
	for name, q := range map[string]overview.Query{
		"urgency": {}, "attention": {Attention: true}, "last page": {Offset: tasks - 50}, "search": {Search: "call-05000"},
		"by task": {Sort: overview.ByTask}, "by confidence": {Sort: overview.ByConfidence}, "by errors": {Sort: overview.ByErrorRate},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				f.work(b, recordings.Kind, "released")
				b.StartTimer()
				o.Query(b.Context(), f.Jobs, []int64{1}, q)
			}
		})
	}
}
