package turns

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// Places are granted to the highest class, then to the project whose turn is the longest ago.
func TestPlacesAreGrantedInTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := New(1)
		if err := turns.Take(t.Context(), "1", priority.Batch); err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, c := range []struct {
			name, project string
			class         priority.Class
		}{{"first of 1", "1", priority.Batch}, {"second of 1", "1", priority.Batch}, {"first of 2", "2", priority.Batch}, {"opened", "1", priority.Opened}} {
			go func() {
				if turns.Take(t.Context(), c.project, c.class) == nil {
					order = append(order, c.name)
					turns.Give()
				}
			}()
			synctest.Wait()
		}
		turns.Give()
		synctest.Wait()
		if want := []string{"opened", "first of 2", "first of 1", "second of 1"}; !slices.Equal(order, want) {
			t.Errorf("got %q, want %q", order, want)
		}
	})
}

func TestAPlaceIsWantedAfterATurn(t *testing.T) {
	for name, c := range map[string]struct {
		class priority.Class
		opens bool
		after time.Duration
		want  bool
	}{
		"too early":                          {priority.Batch, false, turnLength - time.Second, false},
		"after a turn":                       {priority.Batch, false, turnLength, true},
		"a higher class, too early":          {priority.Opened, false, turnOfLower - time.Second, false},
		"a higher class, after moments":      {priority.Opened, false, turnOfLower, true},
		"one to be opened, too early":        {priority.Batch, true, turnOfBegun - time.Second, false},
		"one to be opened, after moments":    {priority.Batch, true, turnOfBegun, true},
		"one of a lower class to be opened":  {priority.Background, true, turnLength - time.Second, false},
		"one of a lower class, after a turn": {priority.Background, true, turnLength, true},
		"one of a higher class to be opened": {priority.Opened, true, turnOfBegun, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				turns := New(1)
				if err := turns.Take(t.Context(), "1", priority.Batch); err != nil {
					t.Fatal(err)
				}
				turns.Open("a", "1", priority.Batch)
				ctx, cancel := context.WithCancelCause(t.Context())
				left := errors.New("left")
				done := make(chan error)
				go func() {
					done <- turns.claim(ctx, &claim{opens: c.opens, project: "2", lowest: c.class, granted: make(chan struct{})})
				}()
				time.Sleep(c.after)
				if got := turns.Of("a").Wanted(); got != c.want {
					t.Errorf("wanted: %v", got)
				}
				cancel(left)
				if err := <-done; !errors.Is(err, left) || turns.Of("a").Wanted() {
					t.Errorf("%v; still wanted: %v", err, turns.Of("a").Wanted())
				}
				turns.Of("a").Close()
				if turns.free != 1 || turns.Of("a") != nil {
					t.Errorf("%d places are free", turns.free)
				}
			})
		})
	}
}

// A place is not kept through a long download.
func TestADownloadGivesItsPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := New(1)
		if err := turns.Take(t.Context(), "1", priority.Batch); err != nil {
			t.Fatal(err)
		}
		turns.Open("a", "1", priority.Batch)
		p, start := turns.Of("a"), time.Now()
		err := p.Without(t.Context(), func() error {
			time.Sleep(turnLength + time.Second)
			err := turns.Take(t.Context(), "2", priority.Batch)
			time.AfterFunc(time.Second, turns.Give)
			return err
		})
		if took := time.Since(start); err != nil || took != turnLength+2*time.Second || p.Worked() != turnLength {
			t.Errorf("after %v and %v of work: %v", took, p.Worked(), err)
		}
	})
}

// An attempt that lost its lease may end after the next attempt at its job has begun.
func TestAPlaceIsGivenBackByWhoHadIt(t *testing.T) {
	turns := New(2)
	var places []*Place
	for range 2 {
		if err := turns.Take(t.Context(), "1", priority.Batch); err != nil {
			t.Fatal(err)
		}
		places = append(places, turns.Open("a", "1", priority.Batch))
	}
	places[0].Close()
	if turns.free != 1 || turns.Of("a") != places[1] {
		t.Errorf("%d places are free, and the job has %p, want %p", turns.free, turns.Of("a"), places[1])
	}
	places[1].Close()
	if turns.free != 2 || turns.Of("a") != nil {
		t.Errorf("at the end %d places are free, and the job has %p", turns.free, turns.Of("a"))
	}
}

// long transcribes a recording of a project that does not end, until ctx ends.
func long(ctx context.Context, t *Turns, key, project string) {
	if t.Take(ctx, project, priority.Batch) != nil {
		return
	}
	p := t.Open(key, project, priority.Batch)
	defer p.Close()
	for ctx.Err() == nil {
		time.Sleep(500 * time.Millisecond)
		if p.Wanted() {
			p.Lose()
			_ = p.Regain(ctx)
		}
	}
}

// short transcribes recordings of a second for so long, and returns how many. As in the service
// the next one claims its place while one is being transcribed.
func short(ctx context.Context, t *Turns, project string, within time.Duration, most int) (done int) {
	claim := func() chan error {
		taken := make(chan error, 1)
		go func() { taken <- t.Take(ctx, project, priority.Batch) }()
		return taken
	}
	end := time.Now().Add(within)
	for next := claim(); <-next == nil; {
		if done == most || !time.Now().Before(end) {
			t.Give()
			return done
		}
		p := t.Open(fmt.Sprint("short ", done), project, priority.Batch)
		next = claim()
		time.Sleep(time.Second)
		p.Close()
		done++
	}
	return done
}

// Two recordings of a day have both places of a project, and short ones of another project come:
// they are done as soon as a turn is over.
func TestShortRecordingsAreDoneBesideLongOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := New(2)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for i := range 2 {
			running.Go(func() { long(ctx, turns, fmt.Sprint("long ", i), "1") })
		}
		time.Sleep(time.Hour)
		start := time.Now()
		n := short(ctx, turns, "2", time.Hour, 20)
		if took := time.Since(start); n != 20 || took > turnLength+25*time.Second {
			t.Errorf("%d s of work took %v", n, took)
		}
		stop()
		running.Wait()
		if turns.free != 2 {
			t.Errorf("%d places are free", turns.free)
		}
	})
}

// With one place, a project that always has short recordings and one with a long one get the
// same time.
func TestProjectsGetEqualShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := New(1)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { long(ctx, turns, "long", "1") })
		synctest.Wait()
		n := short(ctx, turns, "2", time.Hour, math.MaxInt)
		if n < 28*60 || n > 32*60 {
			t.Errorf("in an hour the short recordings had %d s", n)
		}
		stop()
		running.Wait()
	})
}

// More places are granted at once; fewer are not taken away, but not granted again.
func TestThereMayBeMorePlacesAndFewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := New(1)
		var granted atomic.Int64
		for range 4 {
			go func() {
				if turns.Take(t.Context(), "1", priority.Batch) == nil {
					granted.Add(1)
				}
			}()
			synctest.Wait()
		}
		for _, step := range []struct {
			do   func()
			want int64
		}{
			{func() {}, 1},
			{func() { turns.Resize(3) }, 3},
			{func() { turns.Resize(1) }, 3},
			{turns.Give, 3}, // two are at work
			{turns.Give, 3}, // one is
			{turns.Give, 4},
		} {
			step.do()
			synctest.Wait()
			if n := granted.Load(); n != step.want {
				t.Fatalf("%d were granted, want %d", n, step.want)
			}
		}
	})
}

// However many workers there are, no more recordings are open than may be.
func TestOpenRecordingsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := New(2)
		ctx, stop := context.WithCancel(t.Context())
		var workers sync.WaitGroup
		var mu sync.Mutex
		open, most := 0, 0
		for i := range 22 {
			workers.Go(func() {
				for turns.Take(ctx, fmt.Sprint(i%5), priority.Batch) == nil {
					p := turns.Open(fmt.Sprint(i), fmt.Sprint(i%5), priority.Batch)
					mu.Lock()
					open++
					most = max(most, open)
					mu.Unlock()
					for p.Worked() < time.Minute && p.Regain(ctx) == nil {
						time.Sleep(time.Second)
						if p.Wanted() {
							p.Lose()
						}
					}
					mu.Lock()
					open--
					mu.Unlock()
					p.Close()
				}
			})
		}
		time.Sleep(time.Hour)
		stop()
		workers.Wait()
		if most != turns.Most() {
			t.Errorf("up to %d recordings were open, want %d", most, turns.Most())
		}
		if turns.open != 0 || turns.free != 2 {
			t.Errorf("at the end %d are open and %d places are free", turns.open, turns.free)
		}
	})
}

// A recording that has begun is raised: it keeps its place while others of a lower class wait, and
// while it waits itself, it comes before them.
func TestARaisedRecordingGoesBeforeTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns, ctx := New(1), t.Context()
		open := func(key string) *Place {
			if err := turns.Take(ctx, "1", priority.Batch); err != nil {
				t.Fatal(err)
			}
			return turns.Open(key, "1", priority.Batch)
		}
		raised := open("raised")
		raised.Lose()
		other := open("other")
		var order []string
		var waiting sync.WaitGroup
		regain := func(name string, p *Place) {
			waiting.Go(func() {
				if err := p.Regain(ctx); err != nil {
					t.Error(err)
				}
				order = append(order, name)
			})
			synctest.Wait()
		}
		third := turns.Open("third", "1", priority.Batch)
		third.since = time.Time{} // it has no place
		regain("third", third)
		regain("raised", raised)
		raised.Raise(priority.Expedited)
		raised.Raise(priority.Background) // lowers nothing
		if time.Sleep(turnOfLower); !other.Wanted() {
			t.Error("a place is not wanted by the one that was raised")
		}
		other.Lose()
		synctest.Wait()
		regain("other", other)
		if time.Sleep(time.Hour); raised.Wanted() {
			t.Error("the one that was raised gives its place to others")
		}
		raised.Lose()
		synctest.Wait()
		third.Lose()
		waiting.Wait()
		if want := []string{"raised", "third", "other"}; !slices.Equal(order, want) {
			t.Errorf("got %q, want %q", order, want)
		}
		var none *Place
		none.Raise(priority.Opened)
	})
}
