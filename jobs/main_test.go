package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/testlog"
	"github.com/asr-backend/asr-backend/priority"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"
)

// TestMain also is the child process of the tests that kill one.
func TestMain(m *testing.M) {
	if role := os.Getenv("ASR_BACKEND_JOBS_CHILD"); role != "" {
		if err := child(role); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// nats.go v1.55.0 starts it for every publisher; when the connection ends in the same
	// moment it waits on a nil channel for ever.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"))
}

// quick are options with short intervals, for a machine that may be slow.
func quick(o Options) Options {
	o.Lease = cmp.Or(o.Lease, 2*time.Second)
	o.attempt = cmp.Or(o.attempt, 2*time.Second)
	o.check = cmp.Or(o.check, 100*time.Millisecond)
	o.cooldown = cmp.Or(o.cooldown, time.Millisecond)
	o.Reserve = cmp.Or(o.Reserve, 1<<20)
	o.WindowBytes = cmp.Or(o.WindowBytes, 16<<20) // a cluster sets it aside for every bucket
	return o
}

// open opens a queue and closes it after the test.
func open(t testing.TB, o Options) *Queue {
	t.Helper()
	o = quick(o)
	if o.Logger == nil {
		o.Logger = testlog.New(t)
	}
	q, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return q
}

// serve starts a NATS server with a socket on the loopback, a process of its own as far as
// the client can detect.
func serve(t testing.TB, change ...func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{
		ServerName: t.Name(), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(),
	}
	for _, c := range change {
		c(o)
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatalf("NATS server: %v", err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("NATS server: not ready")
	}
	return s
}

// spec is a job of one kind and project, for tests that care about neither.
func spec(key string) Spec {
	return Spec{Key: key, Project: "p", Kind: "asr", Class: priority.Batch}
}

func enqueue(t testing.TB, q *Queue, s Spec) Job {
	t.Helper()
	j, created, err := q.Enqueue(t.Context(), s)
	if err != nil || !created {
		t.Fatalf("Enqueue %q: created %v, error %v", s.Key, created, err)
	}
	return j
}

func take(t testing.TB, q *Queue, kind string) *Lease {
	t.Helper()
	l, err := q.Take(t.Context(), kind, priority.Background)
	if err != nil {
		t.Fatalf("Take: %v", err)
	}
	return l
}

// tryTake is Take that does not wait; errEmpty says that nothing is ready.
func tryTake(ctx context.Context, q *Queue, kind string, least priority.Class) (*Lease, error) {
	l, _, _, err := q.tryTake(ctx, kind, least)
	return l, err
}

func state(t testing.TB, q *Queue, key string) State {
	t.Helper()
	j, err := q.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get %q: %v", key, err)
	}
	return j.State
}

// until polls for something that has no channel to wait on.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	var e *Error
	if !errors.Is(err, want) || !errors.As(err, &e) {
		t.Fatalf("got error %v, want an *Error that is %v", err, want)
	}
}

func bufferLog(w *testlog.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
