package ort

/*
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { signals = 64 };

struct handlers {
	pthread_mutex_t lock;
	struct sigaction of[signals + 1];
};

// safe reports whether a Go program survives a signal that is handled so.
static int safe(const struct sigaction *a) {
	return a->sa_flags & SA_ONSTACK || (!(a->sa_flags & SA_SIGINFO) && (a->sa_handler == SIG_DFL || a->sa_handler == SIG_IGN));
}

static void note_handlers(struct handlers *h, int first) {
	pthread_mutex_lock(&h->lock);
	for (int s = 1; s <= signals; s++) {
		struct sigaction now;
		if (sigaction(s, NULL, &now) != 0)
			continue;
		int onstack = (now.sa_flags & SA_ONSTACK) != 0;
		if (first || onstack)
			h->of[s] = now;
	}
	pthread_mutex_unlock(&h->lock);
}

static struct handlers *new_handlers(void) {
	struct handlers *h = calloc(1, sizeof *h);
	if (h == NULL)
		return NULL;
	pthread_mutex_init(&h->lock, NULL);
	note_handlers(h, 1);
	return h;
}

static void again(struct handlers *h) { note_handlers(h, 0); }

static void repair_handlers(struct handlers *h) {
	pthread_mutex_lock(&h->lock);
	for (int s = 1; s <= signals; s++) {
		struct sigaction now;
		if (sigaction(s, NULL, &now) == 0 && !safe(&now))
			sigaction(s, &h->of[s], NULL);
	}
	pthread_mutex_unlock(&h->lock);
}

static void free_handlers(struct handlers *h) {
	if (h != NULL)
		pthread_mutex_destroy(&h->lock);
	free(h);
}
*/
import "C"

import (
	"errors"
	"sync"
	"time"
)

// handlers are the signal handlers that Go has installed. CUDA replaces some of them by its
// own, which lack SA_ONSTACK: the first such signal that arrives on the small stack of a
// goroutine crashes the process. So a handler without SA_ONSTACK is a foreign one, whoever
// installed it and while whatever else was under way, and Go's is put back. Steps may overlap,
// as when one model is loaded while another runs.
type handlers struct {
	c *C.struct_handlers
}

func newHandlers() (*handlers, error) {
	c := C.new_handlers()
	if c == nil {
		return nil, errors.New("ort: no memory for the signal handlers")
	}
	return &handlers{c}, nil
}

// close frees them. No step may be under way.
func (h *handlers) close() { C.free_handlers(h.c) }

// keep does a step that may replace handlers, and puts them back.
func (h *handlers) keep(f func() error) error {
	C.again(h.c) // os/signal may have installed more since
	defer C.repair_handlers(h.c)
	return f()
}

// repairEvery is how long a foreign handler may stay while a model is being loaded, which takes
// seconds. A signal that arrives in that time is lost or ends the process.
const repairEvery = 100 * time.Millisecond

// keepLong is keep for a step of seconds.
func (h *handlers) keepLong(f func() error) error {
	done := make(chan struct{})
	var repairing sync.WaitGroup
	repairing.Go(func() {
		tick := time.NewTicker(repairEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				C.repair_handlers(h.c)
			case <-done:
				return
			}
		}
	})
	defer repairing.Wait()
	defer close(done)
	return h.keep(f)
}
