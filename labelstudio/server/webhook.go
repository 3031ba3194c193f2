package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"

	"github.com/asr-backend/asr-backend/labelstudio"

	"github.com/gofiber/fiber/v2"
)

// webhook answers POST /webhook: the event goes into the queue and the answer out. A
// webhook without payload may name its project in the URL, as /webhook?project=45.
func (b *Server) webhook(c *fiber.Ctx) error {
	var err error
	if b.options.Events != nil {
		err = b.notice(c)
	} else {
		err = b.event(c)
	}
	if errors.Is(err, errUnknownEvent) {
		return sendJSON(c, http.StatusOK, []byte(`{"status":"Unknown event"}`))
	}
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusCreated, []byte(`{"result":null,"status":"ok"}`))
}

var errUnknownEvent = errors.New("unknown event")

// notice hands what an event may be trusted for to the queue of Options.
func (b *Server) notice(c *fiber.Ctx) error {
	var n labelstudio.Notice
	err := b.read(c, func(r io.Reader) (err error) {
		n, err = labelstudio.ReadNotice(r)
		return err
	})
	if err != nil {
		b.options.Events.Missed()
		return err
	}
	if !n.Action.Known() {
		return errUnknownEvent
	}
	if n.Project == 0 {
		n.Project, _ = strconv.ParseInt(c.Query("project"), 10, 64)
	}
	return kept(b.options.Events.Put(b.requests, n))
}

// event hands a whole event to the server's own queue.
func (b *Server) event(c *fiber.Ctx) error {
	var e labelstudio.Event
	if err := b.decode(c, &e); err != nil {
		return err
	}
	if !e.Action.Known() {
		return errUnknownEvent
	}
	id := e.ProjectID
	if id == 0 {
		id, _ = strconv.ParseInt(c.Query("project"), 10, 64)
	}
	p := labelstudio.NewProject(id, e.LabelConfig, b.options.Store)
	return kept(b.events.put(p, &e, max(c.Request().Header.ContentLength(), 0)))
}

// kept turns the failure to keep an event into an answer.
func kept(err error) error {
	if err != nil {
		return labelstudio.Errorf(http.StatusServiceUnavailable, "The event could not be kept: %v.", err)
	}
	return nil
}

// queue works off events in the order of their arrival, one at a time. It forgets them
// when the process ends, which costs nothing but what could have been learnt from them.
type queue struct {
	model labelstudio.Model
	log   *slog.Logger

	work   context.Context // ends when close has waited long enough
	cancel context.CancelFunc
	done   chan struct{} // closed when the worker has returned

	mu     sync.Mutex // guards the fields below
	bytes  int        // held by the events that wait
	closed bool
	events chan event // closed by close
}

type event struct {
	project *labelstudio.Project
	event   *labelstudio.Event
	bytes   int
}

var errQueueClosed = errors.New("the server is shutting down")

func newQueue(model labelstudio.Model, log *slog.Logger) *queue {
	q := &queue{model: model, log: log, done: make(chan struct{}), events: make(chan event, DefaultEvents)}
	q.work, q.cancel = context.WithCancel(context.Background())
	go q.run()
	return q
}

// put takes an event of some bytes. It never waits.
func (q *queue) put(p *labelstudio.Project, e *labelstudio.Event, bytes int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errQueueClosed
	}
	if q.bytes+bytes > DefaultEventBytes {
		return fmt.Errorf("%d bytes of events wait already", q.bytes)
	}
	select {
	case q.events <- event{project: p, event: e, bytes: bytes}:
		q.bytes += bytes
		return nil
	default:
		return fmt.Errorf("%d events wait already", cap(q.events))
	}
}

func (q *queue) run() {
	defer close(q.done)
	for e := range q.events {
		q.fit(e)
		q.mu.Lock()
		q.bytes -= e.bytes
		q.mu.Unlock()
	}
}

// fit informs the model. A panic there must not end the worker.
func (q *queue) fit(e event) {
	defer func() {
		if p := recover(); p != nil {
			q.log.Error("panic in Fit", keyProject, e.project.ID, keyAction, string(e.event.Action), "panic", fmt.Sprint(p))
		}
	}()
	if q.work.Err() != nil {
		return // Shutdown has no time left for what still waits.
	}
	err := e.project.LoadExtraParams(q.work)
	if err == nil {
		err = q.model.Fit(q.work, e.project, e.event)
	}
	if err != nil {
		q.log.Error("event not worked on", keyProject, e.project.ID, keyAction, string(e.event.Action), keyError, err)
	}
}

// close refuses new events and waits for the worker: until ctx ends for all events, and
// then for the one at hand, whose context is cancelled.
func (q *queue) close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.events)
	}
	q.mu.Unlock()
	defer q.cancel()
	select {
	case <-q.done:
		return nil
	case <-ctx.Done():
		q.cancel()
		<-q.done
		return fmt.Errorf("events were left: %w", ctx.Err())
	}
}
