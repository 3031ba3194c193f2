package turns

import (
	"context"
	"errors"
	"slices"
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
		after time.Duration
		want  bool
	}{
		"too early":                     {priority.Batch, turnLength - time.Second, false},
		"after a turn":                  {priority.Batch, turnLength, true},
		"a higher class, too early":     {priority.Opened, turnOfLower - time.Second, false},
		"a higher class, after moments": {priority.Opened, turnOfLower, true},
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
				go func() { done <- turns.Take(ctx, "2", c.class) }()
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
