package once

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// visit is a request for a prediction, as Label Studio and its network make it.
type visit struct {
	At    time.Duration // when Label Studio reads the task
	Lag   time.Duration // until the request arrives
	Wait  time.Duration // for which it waits for the transcript
	Store time.Duration // until the answer is stored
	Lost  bool          // the answer
}

// story is what happens to one task.
type story struct {
	Ready    time.Duration // when the transcript is there
	Imported bool          // a webhook asked for it before anybody came
	Visits   []visit
	Latency  time.Duration // of Label Studio's API
	Fails    int           // pushes that fail, before one that does not
	Deleted  time.Duration // when somebody deletes what there is, or zero
}

func stories() *rapid.Generator[story] {
	short := rapid.Map(rapid.IntRange(0, 2000), func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond })
	long := rapid.Map(rapid.IntRange(0, 200), func(s int) time.Duration { return time.Duration(s) * time.Second })
	return rapid.Custom(func(t *rapid.T) story {
		s := story{Ready: long.Draw(t, "ready"), Imported: rapid.Bool().Draw(t, "imported"), Latency: short.Draw(t, "latency"), Fails: rapid.IntRange(0, 2).Draw(t, "fails")}
		if rapid.Bool().Draw(t, "is deleted") {
			s.Deleted = long.Draw(t, "deleted")
		}
		for range rapid.IntRange(1, 5).Draw(t, "visits") {
			s.Visits = append(s.Visits, visit{long.Draw(t, "at"), short.Draw(t, "lag"), min(60*time.Second, long.Draw(t, "wait")), min(85*time.Second, long.Draw(t, "store")), rapid.Bool().Draw(t, "lost")})
		}
		return s
	})
}

// player plays a story: a Label Studio of one task, whose rows it keeps, a queue with the
// task's delivery, and the requests, each with the rules that Predict and push have.
type player struct {
	story
	d     *Guard
	start time.Time

	mu     sync.Mutex
	rows   []int
	next   int
	queued bool      // the delivery waits or runs
	done   bool      // it has pushed
	ended  time.Time // when
	wake   chan struct{}
	wrong  []string
	answer []time.Time
}

const theVersion = "tones-0123456789ab"

var theTask = Prediction{1, theVersion}

func (s *player) add() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	s.rows = append(s.rows, s.next)
}

func (s *player) has() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows) > 0
}

// order is Predictions.enqueuePush: it reports whether the delivery ended a moment ago.
func (s *player) order(lacks bool) (pushed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued || s.done && !lacks {
		return false
	}
	pushed = s.done && time.Since(s.ended) < Remembered
	s.queued, s.done = true, false
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return pushed
}

// request is Predictions.Predict for the one task.
func (s *player) request(v visit) {
	time.Sleep(v.At)
	had := s.has()
	time.Sleep(v.Lag)
	arrived := time.Now()
	defer s.d.Expect(theTask, arrived.Add(v.Wait))()
	pushed := s.order(!had)
	if ready := s.start.Add(s.Ready); ready.After(arrived.Add(v.Wait)) {
		time.Sleep(v.Wait)
		return // not now
	} else if time.Until(ready) > 0 {
		time.Sleep(time.Until(ready))
	}
	if had {
		return
	}
	if pushed {
		time.Sleep(s.Latency)
		if s.has() {
			return
		}
	}
	if !s.d.Answer(context.Background(), theTask, arrived) {
		return
	}
	s.mu.Lock()
	s.answer = append(s.answer, time.Now())
	s.mu.Unlock()
	go func() {
		time.Sleep(v.Store)
		if !v.Lost {
			s.add()
		}
	}()
}

// deliver is the worker: api.Client.PutPrediction as often as the rules ask for it.
func (s *player) deliver(ctx context.Context) {
	if wait := time.Until(s.start.Add(s.Ready)); wait > 0 {
		time.Sleep(wait)
	}
	for {
		s.mu.Lock()
		queued := s.queued
		s.mu.Unlock()
		if !queued {
			select {
			case <-s.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		wait, end := s.d.Push(theTask)
		if end == nil {
			time.Sleep(wait)
			continue
		}
		s.put(end)
	}
}

func (s *player) put(end func(bool)) {
	time.Sleep(s.Latency)
	s.mu.Lock()
	found := slices.Clone(s.rows)
	s.mu.Unlock()
	if len(found) == 0 {
		time.Sleep(s.Latency)
		s.add()
	}
	for _, row := range found[min(1, len(found)):] {
		time.Sleep(s.Latency)
		s.mu.Lock()
		s.rows = slices.DeleteFunc(s.rows, func(r int) bool { return r == row })
		s.mu.Unlock()
	}
	s.mu.Lock()
	failed := s.Fails > 0
	s.Fails--
	if !failed {
		s.queued, s.done, s.ended = false, true, time.Now()
	}
	s.mu.Unlock()
	end(!failed)
	if failed {
		time.Sleep(5 * time.Second)
	}
}

// play plays the story to its end and says what went wrong.
func (s *player) play() {
	s.d, s.start, s.wake = New(DefaultStoring), time.Now(), make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	if s.Imported {
		s.order(false)
	}
	all.Go(func() { s.deliver(ctx) })
	var visits sync.WaitGroup
	for _, v := range s.Visits {
		visits.Go(func() { s.request(v) })
	}
	if s.Deleted > 0 {
		visits.Go(func() {
			time.Sleep(s.Deleted)
			s.mu.Lock()
			s.rows = nil
			s.mu.Unlock()
		})
	}
	visits.Wait()
	time.Sleep(time.Hour)
	cancel()
	all.Wait()
	if s.queued {
		s.wrong = append(s.wrong, "the delivery has not ended after an hour")
	}
	for i := 1; i < len(s.answer); i++ {
		if gap := s.answer[i].Sub(s.answer[i-1]); gap <= DefaultStoring {
			s.wrong = append(s.wrong, fmt.Sprintf("two answers within %v", gap))
		}
	}
	// Somebody who deletes what there is, and whom nobody asks after, has it deleted.
	if n := len(s.rows); n > 1 || n == 0 && s.Deleted == 0 {
		s.wrong = append(s.wrong, fmt.Sprintf("%d rows in the end", n))
	}
}

func TestOnePredictionInTheEndWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &player{story: stories().Draw(rt, "story")}
		synctest.Test(t, func(*testing.T) { s.play() })
		for _, w := range s.wrong {
			rt.Error(w)
		}
	})
}

// All orders of a few steps that may coincide: a request that arrives, is waited for and
// answered; its answer being stored; a delivery.
func TestOnePredictionInEveryOrder(t *testing.T) {
	steps := []time.Duration{0, time.Second, 30 * time.Second, 61 * time.Second, 95 * time.Second, 200 * time.Second}
	for _, imported := range []bool{false, true} {
		for _, ready := range steps {
			for _, second := range steps {
				for _, lag := range []time.Duration{0, 2 * time.Second} {
					for _, store := range []time.Duration{0, 89 * time.Second} {
						for _, lost := range []bool{false, true} {
							s := &player{story: story{Ready: ready, Imported: imported, Latency: 500 * time.Millisecond, Visits: []visit{
								{0, 0, 60 * time.Second, store, lost}, {second, lag, 60 * time.Second, store, false},
							}}}
							synctest.Test(t, func(*testing.T) { s.play() })
							for _, w := range s.wrong {
								t.Errorf("%+v: %s", s.story, w)
							}
						}
					}
				}
			}
		}
	}
}

func TestTasksAreForgottenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(DefaultStoring)
		for i := range int64(1000) {
			d.Answer(t.Context(), Prediction{i, theVersion}, time.Now())
		}
		waits := d.Expect(theTask, time.Now().Add(time.Hour))
		time.Sleep(Remembered + time.Second)
		d.Push(Prediction{5000, theVersion})
		if n := len(d.tasks); n != 2 {
			t.Errorf("%d tasks are remembered, want the one that is waited for and the new one", n)
		}
		waits()
	})
}

func TestAnAnswerDoesNotWaitForAPushBeyondItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(DefaultStoring)
		_, end := d.Push(theTask)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if d.Answer(ctx, theTask, start) || time.Since(start) != 3*time.Second {
			t.Errorf("answered, or after %v", time.Since(start))
		}
		end(true)
	})
}
