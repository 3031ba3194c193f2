package jobs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/testlog"
	"github.com/asr-backend/asr-backend/priority"

	"github.com/nats-io/nats-server/v2/server"
)

func TestAWorkerThatIsCutOffLosesItsJobToAnother(t *testing.T) {
	s := serve(t)
	p := newProxy(t, s.ClientURL())
	const lease = 300 * time.Millisecond
	o := Options{Lease: lease, attempt: 200 * time.Millisecond}
	o.URL = p.url()
	cutOff := open(t, o)
	o.URL = s.ClientURL()
	other := open(t, o)
	ctx := t.Context()

	enqueue(t, other, spec("k"))
	l := take(t, cutOff, "asr")
	if err := l.PutWindow(ctx, 0, []byte("kept")); err != nil {
		t.Fatal(err)
	}
	p.gate.Lock()
	<-l.Context().Done()
	if cause := context.Cause(l.Context()); !errors.Is(cause, ErrLeaseLost) {
		t.Errorf("cause of the worker that was cut off: %v", cause)
	}
	l2 := take(t, other, "asr")
	if j := l2.Job(); j.Key != "k" || j.Attempts != 2 || !strings.Contains(j.Reason, "heartbeats") {
		t.Errorf("the other got %+v", j)
	}
	if w, err := l2.Windows(ctx); err != nil || string(w[0]) != "kept" {
		t.Errorf("windows: %v, %v", w, err)
	}
	p.gate.Unlock()
	until(t, "the network is back", func() bool { return cutOff.Health() == nil })
	wantErr(t, l.Finish(ctx, []byte("late")), ErrLeaseLost)
	wantErr(t, l.PutWindow(ctx, 1, nil), ErrLeaseLost)
	if err := l2.Finish(ctx, []byte("right")); err != nil {
		t.Fatal(err)
	}
	until(t, "the first process knows", func() bool { return len(cutOff.List(Filter{States: []State{Done}})) == 1 })
	if got, err := cutOff.Result(ctx, "k"); err != nil || string(got) != "right" {
		t.Errorf("Result: %q, %v", got, err)
	}
}

// A late worker need not notice by itself: the compare-and-set refuses it.
func TestALateResultIsRefusedByRevision(t *testing.T) {
	q, ctx := open(t, Options{Dir: t.TempDir()}), t.Context()
	enqueue(t, q, spec("k"))
	late := take(t, q, "asr")
	// What another process would do when the lease ran out, while this one knows nothing of it.
	late.turn <- struct{}{}
	if _, err := q.change(ctx, "k", func(r record) (record, error) { return r.crash(now(), 0, 5, time.Second, "silent") }); err != nil {
		t.Fatal(err)
	}
	next := take(t, q, "asr")
	<-late.turn
	wantErr(t, late.Finish(ctx, []byte("late")), ErrLeaseLost)
	if err := next.Finish(ctx, []byte("right")); err != nil {
		t.Fatal(err)
	}
	if got, err := q.Result(ctx, "k"); err != nil || string(got) != "right" {
		t.Errorf("Result: %q, %v", got, err)
	}
}

// The write is carried out and its answer is lost. Whoever tries again must find that it was
// its own, and not take it for somebody else's.
func TestALostAnswerIsNotALostJob(t *testing.T) {
	s := serve(t)
	p := newProxy(t, s.ClientURL())
	q, ctx := open(t, Options{URL: p.url(), attempt: 150 * time.Millisecond, Lease: time.Minute}), t.Context()
	direct := open(t, Options{URL: s.ClientURL()})

	p.back.Lock()
	_, _, err := q.Enqueue(ctx, spec("k"))
	wantErr(t, err, ErrUnavailable)
	if j, err := direct.Get(ctx, "k"); err != nil || j.State != Queued {
		t.Fatalf("the request that was not answered: %+v, %v", j, err)
	}
	p.back.Unlock()
	until(t, "it is well", func() bool { return q.Health() == nil })
	if _, created, err := q.Enqueue(ctx, spec("k")); created || err != nil {
		t.Errorf("enqueued again: created %v, %v", created, err)
	}

	l := take(t, q, "asr")
	p.back.Lock()
	finished := make(chan error, 1)
	go func() { finished <- l.Finish(ctx, nil) }()
	// The result is stored only when its answer has come, so let one through.
	until(t, "the result is there", func() bool {
		r, err := direct.subjects(ctx, bucketResults, ">")
		return err == nil && len(r) > 0
	})
	time.Sleep(2 * q.o.attempt) // more than one attempt goes unanswered
	p.back.Unlock()
	if err := <-finished; err != nil {
		t.Errorf("Finish: %v", err)
	}

	// A step of the record alone, unanswered until it has been carried out.
	enqueue(t, q, spec("push"))
	l = take(t, q, "asr")
	p.back.Lock()
	go func() { finished <- l.Retry(ctx, time.Hour, errors.New("later")) }()
	until(t, "the step is carried out", func() bool { return state(t, direct, "push") == Queued })
	time.Sleep(2 * q.o.attempt)
	p.back.Unlock()
	if err := <-finished; err != nil {
		t.Errorf("Retry: %v", err)
	}
	if j, err := direct.Get(ctx, "push"); err != nil || j.Retries != 1 {
		t.Errorf("after Retry: %+v, %v", j, err)
	}
}

// The watch may deliver a write whose answer was lost before the writer has asked again.
func TestAWriteOfOnesOwnIsNotTakenForTheLossOfTheLease(t *testing.T) {
	q := open(t, Options{Dir: t.TempDir()})
	enqueue(t, q, spec("k"))
	l := take(t, q, "asr")
	later := l.job.Revision + 1
	l.sent = "own"
	q.revokeIfHeld("k", later, "", "own")
	q.revokeIfHeld("k", l.job.Revision, "", "from before the lease")
	if err := l.Context().Err(); err != nil {
		t.Fatalf("the lease ended: %v", context.Cause(l.Context()))
	}
	q.revokeIfHeld("k", later, "", "somebody else's")
	if cause := context.Cause(l.Context()); !errors.Is(cause, ErrLeaseLost) {
		t.Errorf("cause: %v", cause)
	}
}

// A claim that was written although its answer came too late leaves a running job that
// nobody works on. The process that wrote it gives it back and blames nobody.
func TestAClaimWithoutAWorkerIsReleased(t *testing.T) {
	q := open(t, Options{Dir: t.TempDir(), Lease: 50 * time.Millisecond})
	enqueue(t, q, spec("k"))
	l := take(t, q, "asr")
	l.cancel(context.Canceled) // ends its goroutine
	q.mu.Lock()
	delete(q.held, "k")
	q.mu.Unlock()
	if j := take(t, q, "asr").Job(); j.Crashes != 0 || j.Attempts != 2 {
		t.Errorf("taken again: %+v", j)
	}
}

func TestAJobThatIsRequeuedWhileRetentionLooksAtItStays(t *testing.T) {
	q, ctx := open(t, Options{Dir: t.TempDir()}), t.Context()
	enqueue(t, q, spec("k"))
	if err := take(t, q, "asr").Fail(ctx, errors.New("no")); err != nil {
		t.Fatal(err)
	}
	judged := q.index.expired(&Options{}, time.Now())
	if len(judged) != 1 {
		t.Fatalf("judged: %v", judged)
	}
	if _, err := q.Requeue(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	q.expire(ctx, judged[0])
	if s := state(t, q, "k"); s != Queued {
		t.Errorf("the job is %s", s)
	}
}

func TestCloseIsBoundedWhenTheServerHangs(t *testing.T) {
	s := serve(t)
	p := newProxy(t, s.ClientURL())
	o := quick(Options{URL: p.url(), CloseWait: 300 * time.Millisecond, Logger: testlog.New(t)})
	q, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	enqueue(t, q, spec("k"))
	l := take(t, q, "asr")
	p.gate.Lock()
	defer p.gate.Unlock()
	closed := make(chan error, 1)
	go func() { closed <- q.Close() }()
	<-l.Context().Done()
	if err := <-closed; err == nil {
		t.Error("Close says that it gave the job back")
	}
	if cause := context.Cause(l.Context()); !errors.Is(cause, ErrClosed) {
		t.Errorf("cause: %v", cause)
	}
}

func TestHeartbeatsKeepTheJob(t *testing.T) {
	s := serve(t)
	o := Options{Lease: 150 * time.Millisecond, URL: s.ClientURL()}
	q, other := open(t, o), open(t, o)
	enqueue(t, q, spec("k"))
	l := take(t, q, "asr")
	ctx, cancel := context.WithTimeout(t.Context(), 10*o.Lease)
	defer cancel()
	if _, err := other.Take(ctx, "asr", priority.Background); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("another worker's Take: %v", err)
	}
	if err := l.Finish(t.Context(), nil); err != nil {
		t.Errorf("after ten leases: %v", err)
	}
}

func TestProcessesShareAClusterWithoutRunningAJobTwice(t *testing.T) {
	s := serve(t)
	ctx := t.Context()
	const processes, jobs = 3, 60
	var qs []*Queue
	for range processes {
		qs = append(qs, open(t, Options{URL: s.ClientURL()}))
	}
	var mu sync.Mutex
	ran := make(map[string]int)
	var wg sync.WaitGroup
	wctx, stop := context.WithCancel(ctx)
	for _, q := range qs {
		for range 2 {
			wg.Go(func() {
				for {
					l, err := q.Take(wctx, "asr", priority.Background)
					if err != nil {
						return
					}
					mu.Lock()
					ran[l.Job().Key]++
					mu.Unlock()
					if err := l.Finish(ctx, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	for i := range jobs {
		enqueue(t, qs[i%processes], spec(fmt.Sprint(i)))
	}
	for i := range jobs {
		if j, err := qs[(i+1)%processes].Wait(ctx, fmt.Sprint(i)); err != nil || j.State != Done || j.Attempts != 1 {
			t.Errorf("job %d: %+v, %v", i, j, err)
		}
	}
	stop()
	wg.Wait()
	for key, n := range ran {
		if n != 1 {
			t.Errorf("job %s ran %d times", key, n)
		}
	}
}

func TestAServerThatRestartsIsFoundAgain(t *testing.T) {
	dir := t.TempDir()
	keep := func(o *server.Options) { o.StoreDir = dir }
	s := serve(t, keep)
	port := s.Addr().(*net.TCPAddr).Port
	q, ctx := open(t, Options{URL: s.ClientURL()}), t.Context()
	enqueue(t, q, spec("before"))
	ended := make(chan error, 1)
	go func() {
		_, err := q.Wait(ctx, "before")
		ended <- err
	}()
	l := take(t, q, "asr")
	s.Shutdown()
	s.WaitForShutdown()
	until(t, "the fault shows", func() bool { return errors.Is(q.Health(), ErrUnavailable) })
	_, _, err := q.Enqueue(ctx, spec("meanwhile"))
	wantErr(t, err, ErrUnavailable)
	finished := make(chan error, 1)
	go func() { finished <- l.Finish(ctx, []byte("kept through the outage")) }()
	serve(t, keep, func(o *server.Options) { o.Port = port })
	if err := <-finished; err != nil {
		t.Fatalf("Finish: %v", err)
	}
	if err := <-ended; err != nil {
		t.Fatalf("Wait: %v", err)
	}
	until(t, "it is well", func() bool { return q.Health() == nil })
	enqueue(t, q, spec("after"))
	if j := take(t, q, "asr").Job(); j.Key != "after" {
		t.Errorf("got %+v", j)
	}
	if err := q.Close(); err != nil { // before the server goes
		t.Error(err)
	}
}

func TestSecretsOfTheURLStayOutOfErrorsAndLogs(t *testing.T) {
	s := serve(t, func(o *server.Options) { o.Username, o.Password = "user", "right" })
	log := new(testlog.Buffer)
	for name, u := range map[string]string{
		"wrong password": "nats://user:s3cr%2Ft@" + s.Addr().String(),
		"token":          "nats://s3cr%2Ft@" + s.Addr().String(),
		"no server":      "nats://user:s3cr%2Ft@127.0.0.1:1",
		"not a URL":      "nats://user:s3cr%2Ft@host:port:s3cr%2Ft",
		"two servers":    "nats://user:s3cr%2Ft@127.0.0.1:1, nats://s3cr%2Ft@127.0.0.1:2",
	} {
		o := quick(Options{URL: u, Logger: bufferLog(log)})
		_, err := Open(t.Context(), o)
		if err == nil {
			t.Fatalf("%s: opened", name)
		}
		for text := err; text != nil; text = errors.Unwrap(text) {
			if strings.Contains(fmt.Sprintf("%+v", text), "s3cr") {
				t.Errorf("%s: the error says %v", name, text)
			}
		}
	}
	good := open(t, Options{URL: "nats://user:right@" + s.Addr().String(), Logger: bufferLog(log)})
	enqueue(t, good, spec("k"))
	s.Shutdown()
	until(t, "it is noticed", func() bool { return good.Health() != nil })
	if text := log.String() + good.Health().Error(); strings.Contains(text, "s3cr") || strings.Contains(text, "right") {
		t.Errorf("log and health: %s", text)
	}
}
