package jobs

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// BenchmarkBacklog measures a queue with that many jobs of 100 projects waiting:
//
//	enqueued/s  jobs accepted by 16 callers at once, each synced to the disk
//	open-ms     opening the directory again, until jobs can be taken
//	heap-B/job  what the process holds for every waiting job
//	disk-B/job  what the data directory takes
//
// One operation is the life of an interactive job among them: enqueued, taken, its
// result stored and waited for.
func BenchmarkBacklog(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) { backlog(b, n) })
	}
}

func backlog(b *testing.B, n int) {
	dir, ctx := b.TempDir(), b.Context()
	start := time.Now()
	q, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	const callers = 16
	for c := range callers {
		wg.Go(func() {
			for i := c; i < n; i += callers {
				s := Spec{Key: fmt.Sprintf("recording %d of a model and settings", i), Project: fmt.Sprint(i % 100), Kind: "asr", Payload: make([]byte, 300)}
				if _, _, err := q.Enqueue(ctx, s); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	rate := float64(n) / time.Since(start).Seconds()
	if err := q.Close(); err != nil {
		b.Fatal(err)
	}
	q = nil
	empty := heapInUse()
	start = time.Now()
	if q, err = Open(ctx, Options{Dir: dir}); err != nil {
		b.Fatal(err)
	}
	defer q.Close()
	opened := time.Since(start)
	full := heapInUse()

	i := 0
	for b.Loop() {
		i++
		key := fmt.Sprint("interactive ", i)
		if _, _, err := q.Enqueue(ctx, Spec{Key: key, Project: "7", Kind: "asr", Class: priority.Interactive}); err != nil {
			b.Fatal(err)
		}
		l, err := q.Take(ctx, "asr", priority.Interactive)
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Finish(ctx, []byte("text")); err != nil {
			b.Fatal(err)
		}
		if _, err := q.Wait(ctx, key); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(rate, "enqueued/s")
	b.ReportMetric(float64(opened.Milliseconds()), "open-ms")
	b.ReportMetric(float64(full-empty)/float64(n), "heap-B/job")
	b.ReportMetric(float64(q.Stats().Bytes["asr-jobs"])/float64(n), "disk-B/job")
}

// heapInUse returns the bytes in use after a collection.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkDrain measures how many jobs a second eight workers get through that do nothing.
func BenchmarkDrain(b *testing.B) {
	q, err := Open(b.Context(), Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer q.Close()
	for i := range b.N {
		if _, _, err := q.Enqueue(b.Context(), Spec{Key: fmt.Sprint(i), Project: fmt.Sprint(i % 100), Kind: "asr"}); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				l, err := tryTake(b.Context(), q, "asr", priority.Background)
				if err != nil {
					return
				}
				if err := l.Finish(b.Context(), nil); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}

// BenchmarkPick measures the choice of the next job alone, among 100,000 of 100 projects.
func BenchmarkPick(b *testing.B) {
	x, now := newIndex(5), time.Now()
	for i := range 100_000 {
		x.apply(readyJob(fmt.Sprint(i), fmt.Sprint(i%100), priority.Batch), uint64(i+1), now)
	}
	for b.Loop() {
		key, _, _, _ := x.pick("k", priority.Batch, now)
		x.unpick(key, now)
	}
}

// BenchmarkStatusPage measures what a status page asks of 100,000 jobs in 50 projects: the
// counts, and every delivery with the recording that it waits for.
func BenchmarkStatusPage(b *testing.B) {
	const tasks, projects = 50_000, 50
	q, now := &Queue{index: newIndex(5)}, time.Now()
	for i := range tasks {
		project := fmt.Sprint(i % projects)
		transcribe := readyJob(fmt.Sprintf("recording %d of a model and settings", i), project, priority.Batch)
		push := readyJob(fmt.Sprintf("task %d and a version", i), project, priority.Batch)
		transcribe.Kind, push.Kind = "transcribe", "deliver"
		push.After, push.AfterID = transcribe.Key, transcribe.ID
		q.index.apply(transcribe, uint64(2*i+1), now)
		q.index.apply(push, uint64(2*i+2), now)
	}
	for b.Loop() {
		shown := 0
		for p := range projects {
			for _, recording := range q.Pairs(Filter{Project: fmt.Sprint(p), Kind: "deliver"}) {
				if recording != nil {
					shown++
				}
			}
		}
		if shown != tasks || len(q.Stats().Groups) == 0 {
			b.Fatalf("%d of %d tasks shown", shown, tasks)
		}
	}
}
