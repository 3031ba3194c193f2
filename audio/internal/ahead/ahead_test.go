package ahead_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/audio/internal/ahead"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type batch struct{ number, square int }

// counting makes batches of the numbers below n, whose squares take longer for the first ones.
func counting(n int) ahead.Steps[batch] {
	return ahead.Steps[batch]{
		New: func() *batch { return new(batch) },
		Fill: func(b, before *batch, done <-chan struct{}) bool {
			b.number = 0
			if before != nil {
				b.number = before.number + 1
			}
			return b.number+1 < n
		},
		Decode: func(b *batch) {
			time.Sleep(time.Duration(10-b.number%10) * time.Millisecond)
			b.square = b.number * b.number
		},
	}
}

func TestBatchesComeInOrder(t *testing.T) {
	for workers := 1; workers < 5; workers++ {
		synctest.Test(t, func(t *testing.T) {
			q := ahead.Start(workers, counting(100))
			defer q.Close()
			for n := range 100 {
				if b := q.Next(); b.number != n || b.square != n*n {
					t.Fatalf("batch %d is %+v", n, *b)
				}
			}
			if b := q.Next(); b != nil {
				t.Fatalf("%+v behind the last one", *b)
			}
			if b := q.Next(); b != nil {
				t.Fatalf("%+v behind the end", *b)
			}
		})
	}
}

// Time is that of the bubble: workers that did not work side by side would take as long as one.
func TestWorkersWorkAtTheSameTime(t *testing.T) {
	took := func(workers int) (d time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			q := ahead.Start(workers, counting(100))
			defer q.Close()
			for q.Next() != nil {
			}
			d = time.Since(start)
		})
		return d
	}
	if one, four := took(1), took(4); one != 550*time.Millisecond || four > 200*time.Millisecond {
		t.Errorf("one worker took %v, four %v", one, four)
	}
}

func TestNoMoreIsFilledThanThereIsRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		filled := 0
		steps := counting(math.MaxInt)
		fill := steps.Fill
		steps.Fill = func(b, before *batch, done <-chan struct{}) bool {
			filled++
			return fill(b, before, done)
		}
		q := ahead.Start(3, steps)
		for range 2 {
			q.Next()
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if filled != 6 { // one was given back, one is given, and four wait
			t.Errorf("%d batches were filled", filled)
		}
		q.Close()
	})
}

func TestABatchCanWaitForTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := counting(10)
		steps.Fill = func(b, before *batch, done <-chan struct{}) bool {
			b.number = 1
			if before != nil {
				<-done
				b.number = before.square + 1
			}
			return b.number < 1000
		}
		q := ahead.Start(2, steps)
		defer q.Close()
		for _, want := range []int{1, 2, 5, 26, 677, 458330} {
			if b := q.Next(); b.number != want {
				t.Fatalf("got %d, want %d", b.number, want)
			}
		}
	})
}
