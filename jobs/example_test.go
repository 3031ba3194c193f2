package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"asr-backend/jobs"
)

// The whole life of a transcription: asked for twice, interrupted, carried on, finished, and
// delivered at the second try.
func Example() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	dir, err := os.MkdirTemp("", "jobs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	q, err := jobs.Open(ctx, jobs.Options{Dir: dir, Reserve: 1 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer q.Close()

	// One job for a recording, a model version and settings, whoever asks for it.
	transcribe := jobs.Spec{Key: "sha256:1f…/fastconformer-1/greedy", Project: "7", Kind: "transcribe", Payload: []byte("call.wav")}
	for _, class := range []jobs.Class{jobs.Batch, jobs.Opened} {
		transcribe.Class = class
		j, created, err := q.Enqueue(ctx, transcribe)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("enqueued:", created, j.State, j.Class)
	}
	// Its result goes to the task when it is there, however long that takes.
	push := jobs.Spec{Key: "task 42/fastconformer-1", Project: "7", Kind: "push", After: transcribe.Key}
	if _, _, err := q.Enqueue(ctx, push); err != nil {
		log.Fatal(err)
	}

	// A worker stores what it has got so far, and stops before the end.
	work(ctx, q, 2)
	// Another one carries on.
	work(ctx, q, 4)

	j, err := q.Wait(ctx, transcribe.Key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("transcribed:", j.State, "in", j.Deliveries, "deliveries")

	// Label Studio is away at first.
	backoff := jobs.Backoff{First: time.Millisecond, Most: time.Hour}
	for _, up := range []bool{false, true} {
		l, err := q.Take(ctx, "push", jobs.Batch)
		if err != nil {
			log.Fatal(err)
		}
		if !up {
			err = l.Retry(ctx, backoff.Delay(l.Job().Retries), errors.New("connection refused"))
		} else {
			var text []byte
			if text, err = q.Result(ctx, l.Job().After); err == nil {
				fmt.Printf("pushed after %d retries (%s): %s\n", l.Job().Retries, l.Job().Reason, text)
				err = l.Finish(ctx, nil)
			}
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	for _, g := range q.Stats().Groups {
		fmt.Println(g.Kind, g.State, g.Jobs)
	}
	// Output:
	// enqueued: true queued batch
	// enqueued: false queued opened
	// window 0 computed
	// window 1 computed
	// window 2 computed
	// window 3 computed
	// transcribed: done in 2 deliveries
	// pushed after 1 retries (connection refused): one two three four
	// push done 1
	// transcribe done 1
}

// work runs the next job until a window of four, at which it is asked to stop.
func work(ctx context.Context, q *jobs.Queue, until int) {
	l, err := q.Take(ctx, "transcribe", jobs.Batch)
	if err != nil {
		log.Fatal(err)
	}
	defer l.Release()
	ctx = l.Context() // from here on the work ends with the lease
	windows, err := l.Windows(ctx)
	if err != nil {
		log.Fatal(err)
	}
	words := strings.Fields("one two three four")
	for i, word := range words {
		if windows[i] != nil {
			continue
		}
		if i == until {
			return
		}
		fmt.Println("window", i, "computed")
		windows[i] = []byte(word)
		if err := l.PutWindow(ctx, i, windows[i]); err != nil && !errors.Is(err, jobs.ErrFull) {
			log.Fatal(err)
		}
	}
	if err := l.Finish(ctx, []byte(strings.Join(words, " "))); err != nil {
		log.Fatal(err)
	}
}
