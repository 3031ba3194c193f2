package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// Queue is an open store of jobs. Its methods are safe for concurrent use.
type Queue struct {
	o        Options
	log      *slog.Logger
	owner    string    // identifies this process in the records of jobs that it runs
	embedded *embedded // nil with a cluster

	nc       *nats.Conn
	js       jetstream.JetStream
	jobs     jetstream.KeyValue
	windows  jetstream.KeyValue
	results  jetstream.KeyValue
	projects jetstream.KeyValue
	blobs    jetstream.ObjectStore
	streams  map[string]jetstream.Stream // by bucket

	index *index

	// stop ends the goroutines of the queue and what they wait for; closing is its Done.
	stop    context.CancelFunc
	closing <-chan struct{}
	wg      sync.WaitGroup
	rewatch chan struct{} // capacity 1: reread all jobs
	recheck chan struct{} // capacity 1: check the health of the store now

	mu     sync.Mutex // guards held and closed
	held   map[string]*Lease
	closed bool

	condMu  sync.Mutex // guards the fields below
	cond    error      // the result of Health
	healed  chan struct{}
	bytes   map[string]int64
	free    int64
	damaged map[string]error // jobs with unreadable data, by key

	denied atomic.Pointer[denial] // the latest request that the NATS server refused

	marked  watermark            // as written; only used by check and close
	restart time.Time            // of the embedded server, not before; only used by check
	orphans map[string]time.Time // found without a job, and when first; only used by sweep

	closeOnce sync.Once
	closeErr  error
}

// Open opens the data directory, or connects to the cluster, and loads the index of jobs.
// ctx bounds Open, not the life of the queue.
//
// In a data directory, jobs that the previous process left running are queued again before
// Open returns. Errors that wrap ErrNoSpace, ErrReadOnly, ErrLocked or ErrUnavailable are
// temporary: the caller may stay up and call Open again.
func Open(ctx context.Context, o Options) (*Queue, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fail("open", "", err)
	}
	q := &Queue{
		o: o, log: o.Logger, owner: nuid.Next(), index: newIndex(o.MaxCrashes),
		rewatch: make(chan struct{}, 1), recheck: make(chan struct{}, 1),
		held: make(map[string]*Lease), healed: make(chan struct{}), damaged: make(map[string]error), free: -1,
	}
	if err := q.open(ctx); err != nil {
		return nil, q.openError(err)
	}
	return q, nil
}

func (q *Queue) open(ctx context.Context) (err error) {
	life, stop := context.WithCancel(context.Background())
	q.stop, q.closing = stop, life.Done()
	defer func() {
		if err != nil {
			stop()
			q.wg.Wait()
			q.shut()
		}
	}()
	if q.o.Dir != "" {
		if q.embedded, err = openEmbedded(&q.o); err != nil {
			return err
		}
	}
	if err := q.connect(); err != nil {
		return err
	}
	if err := q.buckets(ctx); err != nil {
		return err
	}
	if q.embedded != nil {
		if err := q.embedded.complete(&q.o); err != nil {
			return err
		}
		if err := q.restoreWindows(ctx); err != nil {
			return err
		}
	}
	loaded := make(chan error, 1)
	q.wg.Go(func() { q.watch(life, loaded) })
	select {
	case err := <-loaded:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if q.embedded != nil {
		if err := q.checkMark(ctx); err != nil {
			return err
		}
		if err := q.reclaim(ctx, time.Now()); err != nil {
			return err
		}
		q.sweep(ctx, 0)
	}
	q.check(life)
	q.wg.Go(func() { q.supervise(life) })
	q.wg.Go(func() { q.housekeep(life) })
	return nil
}

// openError adds a hint.
func (q *Queue) openError(err error) error {
	err = q.explain(err)
	e := fail("open", q.o.Dir, err).(*Error)
	if e.Advice == "" {
		e.Advice = q.advice(err)
	}
	return e
}

func (q *Queue) advice(err error) string {
	dir := q.o.Dir
	if f, ok := errors.AsType[*fault](err); ok {
		return f.hint
	}
	switch {
	case errors.Is(err, ErrFormat):
		return "start the newer version of this program again, or give this one another data directory or prefix"
	case dir == "" && errors.Is(err, ErrNoSpace):
		return "raise the storage limit of the NATS account, or free some space on its servers"
	case dir == "" && errors.Is(err, ErrUnavailable):
		return "check the NATS servers and the network"
	case errors.Is(err, ErrNoSpace):
		return "free some space on the disk of " + dir + ", or move the directory to a larger one"
	case errors.Is(err, ErrReadOnly):
		return "make " + dir + " writable for this user; if the file system was mounted read-only after an error, check it first"
	case errors.Is(err, ErrLocked):
		return "stop the other process, or give this one a data directory of its own"
	case errors.Is(err, ErrDamaged) && dir != "":
		return "restore " + dir + " from a backup. To continue with what is left, delete " + markFile + " in it if the message names that file or gives numbers; otherwise move the directory away"
	}
	return ""
}

// Close releases the jobs that this process runs and closes the store. The contexts of their
// leases are cancelled with ErrClosed. Close returns within Options.CloseWait, whatever
// hangs, and may be called more than once. Stop the workers first: their later calls fail.
func (q *Queue) Close() error {
	q.closeOnce.Do(func() { q.closeErr = fail("close", q.o.Dir, q.close()) })
	return q.closeErr
}

func (q *Queue) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), q.o.CloseWait)
	defer cancel()
	q.mu.Lock()
	q.closed = true
	held := make([]*Lease, 0, len(q.held))
	for _, l := range q.held {
		held = append(held, l)
	}
	q.mu.Unlock()

	done := make(chan error, 1)
	go func() {
		var errs []error
		gctx, cancel := context.WithTimeout(ctx, q.o.CloseWait/3)
		defer cancel()
		for _, l := range held {
			l.cancel(ErrClosed)
			if err := l.giveBack(gctx); err != nil && !errors.Is(err, ErrLeaseLost) {
				errs = append(errs, err)
			}
		}
		q.stop()
		// Closing the connection ends requests that hang.
		force := time.AfterFunc(q.o.CloseWait/3, q.nc.Close)
		q.wg.Wait()
		force.Stop()
		if q.embedded != nil && q.Health() == nil {
			q.mark(ctx)
		}
		done <- errors.Join(append(errs, q.shut())...)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: the store did not close within %v", ErrUnavailable, q.o.CloseWait)
	}
}

// shut closes what open has opened so far.
func (q *Queue) shut() error {
	if q.nc != nil {
		q.nc.Close()
	}
	if q.embedded != nil {
		return q.embedded.close()
	}
	return nil
}

func (q *Queue) kick(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
