package parallel_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/internal/parallel"

	"pgregory.net/rapid"
)

func TestEachIsDoneOnceAndNotTooManyAtATime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, most := rapid.IntRange(0, 50).Draw(t, "n"), rapid.IntRange(1, 20).Draw(t, "most")
		done := make([]atomic.Int64, n)
		var now atomic.Int64
		parallel.For(n, most, func(i int) {
			if at := now.Add(1); at > int64(most) {
				t.Errorf("%d at a time, want at most %d", at, most)
			}
			done[i].Add(1)
			now.Add(-1)
		})
		for i := range done {
			if times := done[i].Load(); times != 1 {
				t.Errorf("%d was done %d times", i, times)
			}
		}
	})
}

func TestSomeAreDoneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		parallel.For(8, 4, func(int) { time.Sleep(time.Second) })
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("eight seconds of work in fours took %v", took)
		}
	})
}
