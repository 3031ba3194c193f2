package queue_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/queue"

	"github.com/nats-io/nats-server/v2/server/ats"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAQueueIsOpenedOnceItsFolderIsThere(t *testing.T) {
	dir := t.TempDir()
	ats.Register()
	defer ats.Unregister()
	synctest.Test(t, func(t *testing.T) {
		blocked := filepath.Join(dir, "jobs")
		if err := os.WriteFile(blocked, nil, 0o600); err != nil { // a file in its place
			t.Fatal(err)
		}
		q := queue.New(jobs.Options{Dir: blocked, Reserve: 1 << 20})
		if _, err := q.Get(); !errors.Is(err, queue.ErrOpening) {
			t.Errorf("before Run: %v", err)
		}
		done := make(chan struct{})
		go func() { defer close(done); q.Run(t.Context()) }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if open := q.Wait(ctx); open != nil {
			t.Error("opened a file")
		}
		if err := q.Health(); err == nil || errors.Is(err, queue.ErrOpening) {
			t.Errorf("while it cannot be opened: %v", err)
		}
		q.Discard(t.Context(), "some job") // does nothing
		if err := os.Remove(blocked); err != nil {
			t.Fatal(err)
		}
		open := q.Wait(t.Context())
		<-done
		if got, err := q.Get(); got != open || err != nil || q.Health() != nil {
			t.Errorf("once it is open: %v, %v, %v", got, err, q.Health())
		}
		if _, _, err := open.Enqueue(t.Context(), jobs.Spec{Key: "a", Project: "1", Kind: "k"}); err != nil {
			t.Fatal(err)
		}
		q.Discard(t.Context(), "a")
		if _, err := open.Get(t.Context(), "a"); err != nil {
			t.Errorf("a job that has not ended, after Discard: %v", err)
		}
		l, err := open.Take(t.Context(), "k", priority.Background)
		if err == nil {
			err = l.Finish(t.Context(), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		q.Discard(t.Context(), "a")
		q.Discard(t.Context(), "a")
		if _, err := open.Get(t.Context(), "a"); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("after Discard: %v", err)
		}
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestOpeningEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(jobs.Options{Dir: "/dev/null/jobs"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		q.Run(ctx)
		if _, err := q.Get(); err == nil {
			t.Error("opened a folder below /dev/null")
		}
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
}
