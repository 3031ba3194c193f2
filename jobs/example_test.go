package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/priority"
)

// open opens a queue in a temporary directory for one example.
func open(ctx context.Context) (q *jobs.Queue, done func()) {
	dir, err := os.MkdirTemp("", "jobs")
	if err != nil {
		log.Fatal(err)
	}
	q, err = jobs.Open(ctx, jobs.Options{Dir: dir, Reserve: 1 << 20})
	if err != nil {
		log.Fatal(err)
	}
	return q, func() {
		q.Close()
		os.RemoveAll(dir)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// One side enqueues a job and waits for its result, the other takes it and does the work.
func Example() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	q, done := open(ctx)
	defer done()

	go func() {
		l, err := q.Take(ctx, "transcribe", priority.Background)
		must(err)
		defer l.Release() // does nothing after Finish
		must(l.Finish(ctx, []byte("text of "+string(l.Job().Payload))))
	}()

	_, _, err := q.Enqueue(ctx, jobs.Spec{Key: "call.wav, model 1", Project: "7", Kind: "transcribe", Payload: []byte("call.wav")})
	must(err)
	j, err := q.Wait(ctx, "call.wav, model 1")
	must(err)
	result, err := q.Result(ctx, j.Key)
	must(err)
	fmt.Printf("%s: %s\n", j.State, result)
	// Output:
	// done: text of call.wav
}

// The jobs of a cluster are shared by all processes that open it with the same prefix.
func ExampleOpen_cluster() {
	q, err := jobs.Open(context.Background(), jobs.Options{
		URL: "tls://nats.example.org:4222", Credentials: "/etc/asr/nats.creds", Replicas: 3,
		Prefix: "studio-two", Source: "studio-two.example.org",
	})
	if errors.Is(err, jobs.ErrUnavailable) {
		log.Print("will try again: ", err)
		return
	}
	must(err)
	defer q.Close()
}

// Enqueueing a key again returns the existing job, raised to the higher class.
func ExampleQueue_Enqueue() {
	ctx := context.Background()
	q, done := open(ctx)
	defer done()
	for _, class := range []priority.Class{priority.Batch, priority.Opened, priority.Batch} {
		j, created, err := q.Enqueue(ctx, jobs.Spec{Key: "call.wav", Project: "7", Kind: "transcribe", Class: class})
		must(err)
		fmt.Println(created, j.State, j.Class)
	}
	// Output:
	// true queued batch
	// false queued opened
	// false queued opened
}

// A push waits until its transcription has ended, as done or dead.
func ExampleSpec_after() {
	ctx := context.Background()
	q, done := open(ctx)
	defer done()
	_, _, err := q.Enqueue(ctx, jobs.Spec{Key: "call.wav", Project: "7", Kind: "transcribe"})
	must(err)
	_, _, err = q.Enqueue(ctx, jobs.Spec{Key: "task 42", Project: "7", Kind: "push", After: "call.wav"})
	must(err)

	transcribe, err := q.Take(ctx, "transcribe", priority.Background)
	must(err)
	must(transcribe.Finish(ctx, []byte("good morning")))
	push, err := q.Take(ctx, "push", priority.Background)
	must(err)
	text, err := q.Result(ctx, push.Job().After)
	must(err)
	must(push.Finish(ctx, nil))
	fmt.Printf("%s: %s\n", push.Job().Key, text)
	// Output:
	// task 42: good morning
}

// A long job stores partial results. After a crash, or when the process stops, the next
// attempt continues from there.
func ExampleLease_PutWindow() {
	ctx := context.Background()
	q, done := open(ctx)
	defer done()
	_, _, err := q.Enqueue(ctx, jobs.Spec{Key: "long.wav", Project: "7", Kind: "transcribe"})
	must(err)

	work := func(stopAt int) {
		l, err := q.Take(ctx, "transcribe", priority.Background)
		must(err)
		defer l.Release() // queues the job again, unless it was finished
		windows, err := l.Windows(l.Context())
		must(err)
		for i := range 4 {
			if windows[i] != nil {
				continue
			}
			if i == stopAt {
				return
			}
			fmt.Printf("attempt %d computes window %d\n", l.Job().Attempts, i)
			must(l.PutWindow(l.Context(), i, []byte("text")))
		}
		must(l.Finish(l.Context(), []byte("all of it")))
	}
	work(2)
	work(4)
	j, err := q.Get(ctx, "long.wav")
	must(err)
	fmt.Println(j.State)
	// Output:
	// attempt 1 computes window 0
	// attempt 1 computes window 1
	// attempt 2 computes window 2
	// attempt 2 computes window 3
	// done
}

// A failure that may go away is retried with a growing delay; others end the job.
func ExampleLease_Retry() {
	ctx := context.Background()
	q, done := open(ctx)
	defer done()
	_, _, err := q.Enqueue(ctx, jobs.Spec{Key: "task 42", Project: "7", Kind: "push"})
	must(err)

	backoff := jobs.Backoff{First: time.Millisecond, Most: time.Hour}
	for {
		l, err := q.Take(ctx, "push", priority.Background)
		must(err)
		if n := l.Job().Retries; n < 2 {
			must(l.Retry(ctx, backoff.Delay(n), errors.New("connection refused")))
			continue
		}
		must(l.Fail(ctx, errors.New("the task was deleted")))
		break
	}
	j, err := q.Get(ctx, "task 42")
	must(err)
	fmt.Printf("%s after %d retries: %s\n", j.State, j.Retries, j.Reason)
	// Output:
	// dead after 2 retries: the task was deleted
}

// A job that came too early is snoozed. That is no retry and needs no reason.
func ExampleLease_Snooze() {
	ctx := context.Background()
	q, done := open(ctx)
	defer done()
	_, _, err := q.Enqueue(ctx, jobs.Spec{Key: "task 42", Project: "7", Kind: "push"})
	must(err)
	l, err := q.Take(ctx, "push", priority.Background)
	must(err)
	must(l.Snooze(ctx, time.Hour))
	j, err := q.Get(ctx, "task 42")
	must(err)
	fmt.Println(j.State, "in", time.Until(j.NotBefore).Round(time.Minute), "with", j.Retries, "retries")
	// Output:
	// queued in 1h0m0s with 0 retries
}

// Status pages read the index of the process, which costs no request to the store.
func ExampleQueue_Jobs() {
	ctx := context.Background()
	q, done := open(ctx)
	defer done()
	for i := range 3 {
		_, _, err := q.Enqueue(ctx, jobs.Spec{Key: fmt.Sprint("task ", i), Project: "7", Kind: "push"})
		must(err)
	}
	l, err := q.Take(ctx, "push", priority.Background)
	must(err)
	must(l.Finish(ctx, nil))
	for j := range q.Jobs(jobs.Filter{Project: "7", Limit: 2}) {
		fmt.Println(j.Key, j.State)
	}
	for _, g := range q.Stats().Groups {
		fmt.Println(g.Jobs, g.Kind, g.State)
	}
	// Output:
	// task 0 done
	// task 2 queued
	// 2 push queued
	// 1 push done
}

// Values are settings and counters of a project. Update is safe between processes.
func ExampleValues_Update() {
	ctx := context.Background()
	q, done := open(ctx)
	defer done()
	words := q.Values("7")
	for _, n := range []int{120, 80} {
		must(words.Update(ctx, "words", func(old string) (string, error) {
			sum, _ := strconv.Atoi(old) // an empty string at first
			return strconv.Itoa(sum + n), nil
		}))
	}
	sum, _, err := words.Get(ctx, "words")
	must(err)
	fmt.Println(sum)
	// Output:
	// 200
}
