package modelpool

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
)

// A GPU is given up when it fails again and again, and nothing else counts.
func TestAGPUIsGivenUpAfterFailuresInARow(t *testing.T) {
	failure := fmt.Errorf("run: %w", &ort.CUDAError{Err: errors.New("CUDA failure 700")})
	type step struct {
		after  time.Duration
		err    error
		broken bool
	}
	for name, steps := range map[string][]step{
		"at once":             {{0, failure, false}, {0, failure, false}, {0, failure, false}, {failingFor, failure, true}},
		"rarely":              {{0, failure, false}, {time.Hour, failure, false}, {0, failure, true}},
		"a success between":   {{0, failure, false}, {time.Minute, failure, false}, {0, nil, false}, {time.Minute, failure, false}, {time.Minute, failure, false}},
		"a canceled one":      {{0, failure, false}, {time.Minute, context.Canceled, false}, {0, failure, false}},
		"a recording's fault": {{0, errors.New("asr: not a number"), false}, {time.Minute, errors.New("asr: not a number"), false}, {0, errors.New("asr: not a number"), false}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var h health
				defer func() {
					if time.Sleep(failureStands + time.Second); h.failing() != nil {
						t.Error("a failure stands for ever")
					}
				}()
				for i, s := range steps {
					time.Sleep(s.after)
					if err := h.ran(asr.Run{Provider: ort.CPU}); err != nil {
						t.Errorf("a CPU that works: %v", err)
					}
					if err := h.ran(asr.Run{Provider: ort.CUDA, Err: s.err}); (err != nil) != s.broken {
						t.Errorf("step %d: %v", i, err)
					}
					if failing := h.failing(); s.err == nil && failing != nil || errors.Is(s.err, ort.ErrCUDA) && !errors.Is(failing, ort.ErrCUDA) {
						t.Errorf("step %d: failing with %v", i, failing)
					}
				}
			})
		})
	}
}
