package overview

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
)

const many = 100_000

// pairs yields the jobs of so many tasks, all done but the one in the middle, which failed.
func pairs(tasks int) func(yield func(push, transcription *jobs.Job) bool) {
	all := make([][2]*jobs.Job, tasks)
	began := time.Unix(1_800_000_000, 0)
	for i := range all {
		task, at := i+1, began.Add(time.Duration(i)*time.Second)
		file := fmt.Sprintf("call-%06d.wav", task)
		transcription := &jobs.Job{Key: "transcribe/tones-db0a77e9db41/" + file, State: jobs.Done, Updated: at, Title: file, Summary: fmt.Appendf(nil, "length_s=%d confidence=%g speed=30", task, float64(task)/float64(tasks))}
		if i == tasks/2 {
			transcription.State, transcription.Reason = jobs.Discarded, "the one that failed"
		}
		all[i] = [2]*jobs.Job{{Key: fmt.Sprintf("deliver/1/%d/tones-db0a77e9db41", task), State: jobs.Done, Updated: at, After: transcription.Key, Revision: uint64(i)}, transcription}
	}
	return func(yield func(push, transcription *jobs.Job) bool) {
		for i := len(all) - 1; i >= 0; i-- {
			if !yield(all[i][0], all[i][1]) {
				return
			}
		}
	}
}

// look is a query over a table, without a queue.
func look(o *Overview, t *table, q Query) (found []Task, total int) {
	views := []*view{{id: 1, p: &project{}, table: t}}
	var refs []ref
	if q.Sort == ByUrgency || q.Sort == ByUpdated {
		refs, total = merged(views, &q)
	} else {
		refs, total = o.best(context.Background(), views, &q)
	}
	for _, f := range refs {
		c := f.copy()
		found = append(found, o.describe(context.Background(), nil, &c, new(int)))
	}
	return found, total
}

// Of very many tasks each is found, in every order and on every page, and the one that failed at
// once.
func TestVeryManyTasks(t *testing.T) {
	all, o := load(pairs(many)), New(Options{})
	first, total := look(o, all, Query{Limit: DefaultLimit})
	if total != many || len(first) != DefaultLimit || first[0].State != Failed || first[0].Reason != "the one that failed" || first[1].ID != many {
		t.Fatalf("%d tasks, first %+v", total, first[:2])
	}
	for _, sort := range []Sort{ByUrgency, ByUpdated, ByTask, ByConfidence} {
		seen := map[int64]bool{}
		for offset := 0; offset < many; offset += many / 4 {
			page, _ := look(o, all, Query{Sort: sort, Offset: offset, Limit: many / 4})
			for _, one := range page {
				seen[one.ID] = true
			}
		}
		if len(seen) != many {
			t.Errorf("sorted by %q, all pages together show %d tasks", sort, len(seen))
		}
	}
	if last, _ := look(o, all, Query{Sort: ByTask, Offset: many - 1, Limit: 10}); len(last) != 1 || last[0].ID != many {
		t.Errorf("the last page: %+v", last)
	}
	if found, n := look(o, all, Query{Search: "CALL-050000", Limit: 10}); n != 1 || found[0].ID != 50_000 {
		t.Errorf("found %d: %+v", n, found)
	}
	if found, n := look(o, all, Query{Search: "77777", Limit: 10}); n != 1 || found[0].ID != 77_777 {
		t.Errorf("found %d: %+v", n, found)
	}
	if lowest, _ := look(o, all, Query{Sort: ByConfidence, Limit: 1}); lowest[0].ID != 1 {
		t.Errorf("the least certain: %+v", lowest)
	}
}

// A task costs what the comments say.
func TestWhatATaskCosts(t *testing.T) {
	p := pairs(many)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	all := load(p)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := float64(after.HeapAlloc-before.HeapAlloc) / many; each > 220 {
		t.Errorf("a task takes %.0f bytes", each)
	} else {
		t.Logf("a task takes %.0f bytes", each)
	}
	runtime.KeepAlive(all)
}

// BenchmarkQueries measures queries over 100,000 tasks of one project.
func BenchmarkQueries(b *testing.B) {
	p, o := pairs(many), New(Options{})
	b.Run("first look", func(b *testing.B) {
		for b.Loop() {
			load(p)
		}
	})
	all := load(p)
	for _, c := range []struct {
		name  string
		query Query
	}{
		{"urgency", Query{}}, {"attention", Query{Attention: true}}, {"last page", Query{Offset: many - 50}}, {"search", Query{Search: "call-05000"}},
		{"by task", Query{Sort: ByTask}}, {"by task, last page", Query{Sort: ByTask, Offset: many - 50}}, {"by confidence", Query{Sort: ByConfidence}}, {"by errors", Query{Sort: ByErrorRate}},
	} {
		c.query.Limit = DefaultLimit
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				look(o, all, c.query)
			}
		})
	}
}
