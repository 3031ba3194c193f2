package jobs

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/internal/testlog"
	"github.com/asr-backend/asr-backend/priority"

	"github.com/nats-io/nats-server/v2/server/ats"
)

// days runs a test in which days pass in an instant, for the queue and the server inside it.
func days(t *testing.T, o Options, test func(t *testing.T, q *Queue)) {
	t.Helper()
	dir := t.TempDir()
	// The server keeps one clock for all servers of a process, whose goroutine must not be
	// part of the bubble.
	ats.Register()
	defer ats.Unregister()
	synctest.Test(t, func(t *testing.T) {
		o.Dir, o.Logger, o.check, o.tidy = dir, testlog.New(t), time.Hour, time.Hour
		q, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		test(t, q)
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Label Studio is down from Friday evening to Monday morning.
func TestAPushIsTriedAgainForDays(t *testing.T) {
	days(t, Options{}, func(t *testing.T, q *Queue) {
		ctx, start := t.Context(), time.Now()
		const outage = 60 * time.Hour
		enqueue(t, q, Spec{Key: "push", Project: "p", Kind: "push"})
		backoff := Backoff{First: 10 * time.Second, Most: 2 * time.Hour}
		tries := 0
		for {
			l := take(t, q, "push")
			tries++
			if time.Since(start) > outage {
				if err := l.Finish(ctx, nil); err != nil {
					t.Fatal(err)
				}
				break
			}
			delay, before := backoff.Delay(l.Job().Retries), time.Now()
			if err := l.Retry(ctx, delay, errors.New("connection refused")); err != nil {
				t.Fatal(err)
			}
			if _, err := tryTake(ctx, q, "push", priority.Background); !errors.Is(err, errEmpty) {
				t.Fatalf("at once after Retry: %v", err)
			}
			// Others are not held up.
			s := spec(before.String())
			enqueue(t, q, s)
			if err := take(t, q, "asr").Finish(ctx, nil); err != nil || time.Since(before) > time.Second {
				t.Fatalf("another job took %v: %v", time.Since(before), err)
			}
		}
		if over := time.Since(start) - outage; over > 2*time.Hour {
			t.Errorf("pushed %v after the outage", over)
		}
		j, err := q.Get(ctx, "push")
		if err != nil || j.State != Done || j.Retries != tries-1 || j.Attempts != tries || tries < 30 || tries > 80 {
			t.Errorf("after %d tries: %+v, %v", tries, j, err)
		}
	})
}

func TestALongJobIsNotTakenAwayFromAWorkerThatLives(t *testing.T) {
	days(t, Options{}, func(t *testing.T, q *Queue) {
		enqueue(t, q, spec("long"))
		l := take(t, q, "asr")
		for range 12 {
			time.Sleep(10 * time.Minute)
			j, err := q.Get(t.Context(), "long")
			if err != nil || j.State != Running || time.Since(j.Updated) > q.o.Lease {
				t.Fatalf("last heartbeat %v ago: %+v, %v", time.Since(j.Updated), j, err)
			}
		}
		if err := l.Finish(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
}

func TestEndedJobsAreKeptAsLongAsPromised(t *testing.T) {
	o := Options{KeepDone: 48 * time.Hour, KeepDiscarded: 72 * time.Hour}
	days(t, o, func(t *testing.T, q *Queue) {
		ctx := t.Context()
		large := bytes.Repeat([]byte("x"), inlineResult+1)
		for _, key := range []string{"done", "dead"} {
			enqueue(t, q, spec(key))
			l := take(t, q, "asr")
			var err error
			if key == "done" {
				err = l.Finish(ctx, large)
			} else {
				err = l.Fail(ctx, errors.New("cut file"))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		enqueue(t, q, Spec{Key: "waits", Project: "p", Kind: "asr", NotBefore: time.Now().Add(1000 * time.Hour * 24)})
		present := func(key string) bool {
			_, err := q.Get(ctx, key)
			if err != nil {
				wantErr(t, err, ErrNotFound)
			}
			return err == nil
		}
		time.Sleep(o.KeepDone - time.Hour)
		if !present("done") || !present("dead") {
			t.Error("removed too early")
		}
		time.Sleep(3 * time.Hour)
		if present("done") || !present("dead") {
			t.Error("after the time for results")
		}
		if blobs, err := q.listBlobs(ctx); err != nil || len(blobs) != 0 {
			t.Errorf("the result is still there: %v, %v", blobs, err)
		}
		time.Sleep(o.KeepDiscarded - o.KeepDone)
		if present("dead") || !present("waits") {
			t.Error("after the time for reasons")
		}
	})
}

func TestWindowsOfAJobThatNeverEndsGoInTheEnd(t *testing.T) {
	days(t, Options{WindowAge: 24 * time.Hour}, func(t *testing.T, q *Queue) {
		ctx := t.Context()
		enqueue(t, q, spec("k"))
		l := take(t, q, "asr")
		if err := l.PutWindow(ctx, 0, []byte("old")); err != nil {
			t.Fatal(err)
		}
		if err := l.Retry(ctx, q.o.WindowAge+time.Hour, errors.New("media are gone")); err != nil {
			t.Fatal(err)
		}
		l = take(t, q, "asr")
		if w, err := l.Windows(ctx); err != nil || len(w) != 0 {
			t.Errorf("windows: %v, %v", w, err)
		}
		if err := l.Finish(ctx, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestBackoffGrowsToItsBound(t *testing.T) {
	b := Backoff{First: time.Second, Most: time.Minute}
	for retries, most := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		for range 100 {
			if d := b.Delay(retries); d > most*time.Second || d < most*time.Second/2 {
				t.Fatalf("after %d retries: got %v, want between half of %v and it", retries, d, most*time.Second)
			}
		}
	}
	if d := b.Delay(1 << 30); d > time.Minute || d < 30*time.Second {
		t.Errorf("after many retries: %v", d)
	}
	if d := (Backoff{}).Delay(3); d != 0 {
		t.Errorf("the zero Backoff: %v", d)
	}
}
