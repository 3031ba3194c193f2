package modelpool

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
)

// A GPU that fails this often in a row, for so long, is given up: most of its errors last until
// the process ends.
const (
	mostFailures = 3
	failingFor   = 10 * time.Second
)

// failureStands is for how long the GPU counts as failing after a run that failed.
const failureStands = time.Minute

// health is how runs on a GPU end. Recordings and models have errors of their own, which say
// nothing of it.
type health struct {
	mu       sync.Mutex
	failures int       // since a run succeeded
	first    time.Time // of them
	last     time.Time
	err      error // of the last one
}

// ran notes the end of a run, and returns an error when the GPU is given up.
func (h *health) ran(r asr.Run) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case r.Provider != ort.CUDA:
		return nil
	case r.Err == nil:
		h.failures, h.err = 0, nil
		return nil
	case !errors.Is(r.Err, ort.ErrCUDA):
		return nil
	case h.failures == 0:
		h.first = time.Now()
	}
	h.failures++
	h.last = time.Now()
	h.err = fmt.Errorf("the GPU fails: %w", r.Err)
	if h.failures < mostFailures || time.Since(h.first) < failingFor {
		return nil
	}
	return fmt.Errorf("the GPU failed %d times in a row: %w", h.failures, r.Err)
}

// failing returns why the last run on the GPU failed, or nil if it did not. After a minute that
// says nothing any more: without requests nobody would find out that the GPU works again.
func (h *health) failing() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.last) > failureStands {
		return nil
	}
	return h.err
}
