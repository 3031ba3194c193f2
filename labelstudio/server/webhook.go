package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	var e labelstudio.Event
	if err := decode(c, &e); err != nil {
		return err
	}
	if !e.Action.Known() {
		return sendJSON(c, http.StatusOK, []byte(`{"status":"Unknown event"}`))
	}
	id := e.ProjectID
	if id == 0 {
		id, _ = strconv.ParseInt(c.Query("project"), 10, 64)
	}
	p := labelstudio.NewProject(id, e.LabelConfig, b.options.Store)
	body := bytes.Clone(c.Request().Body())
	if err := b.options.Events.Put(b.requests, p, &e, body); err != nil {
		return labelstudio.Errorf(http.StatusServiceUnavailable, "The event could not be kept: %v.", err)
	}
	return sendJSON(c, http.StatusCreated, []byte(`{"result":null,"status":"ok"}`))
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

// Put implements EventQueue. It never waits.
func (q *queue) Put(_ context.Context, p *labelstudio.Project, e *labelstudio.Event, body []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errQueueClosed
	}
	if q.bytes+len(body) > DefaultEventBytes {
		return fmt.Errorf("%d bytes of events wait already", q.bytes)
	}
	select {
	case q.events <- event{project: p, event: e, bytes: len(body)}:
		q.bytes += len(body)
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
