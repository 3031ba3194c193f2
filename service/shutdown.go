package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// shutdown is the steps by which a service ends, in the order in which it was made: the last
// one made ends first.
type shutdown struct {
	log   *slog.Logger
	steps []step
}

type step struct {
	name string
	do   func(ctx context.Context) error
}

// add adds a step, to be done before those that are there.
func (s *shutdown) add(name string, do func(ctx context.Context) error) {
	s.steps = append(s.steps, step{name, do})
}

// run does all steps, also after one that failed, and forgets them.
func (s *shutdown) run(ctx context.Context) error {
	var errs []error
	for len(s.steps) > 0 {
		last := s.steps[len(s.steps)-1]
		s.steps = s.steps[:len(s.steps)-1]
		start := time.Now()
		err := last.do(ctx)
		s.log.Debug("stopped", "step", last.name, "took_s", time.Since(start).Seconds())
		if err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", last.name, err))
		}
	}
	return errors.Join(errs...)
}
