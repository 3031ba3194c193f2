package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/priority"

	"github.com/nats-io/nats-server/v2/server/ats"
)

// resize is stored as JSON.
type resize struct {
	Image int64 `json:"image"`
	Owner int64 `json:"owner"`
}

func (resize) Kind() string      { return "resize" }
func (r resize) Key() string     { return fmt.Sprint("resize/", r.Image) }
func (r resize) Project() string { return fmt.Sprint(r.Owner) }

// shout is stored as it writes itself.
type shout struct{ text string }

func (shout) Kind() string      { return "shout" }
func (s shout) Key() string     { return "shout/" + s.text }
func (s shout) Project() string { return "everybody" }

func (s shout) MarshalBinary() ([]byte, error) { return []byte(strings.ToUpper(s.text)), nil }

func (s *shout) UnmarshalBinary(b []byte) error {
	if len(b) == 0 {
		return errors.New("empty")
	}
	s.text = string(b)
	return nil
}

func TestArgumentsReachTheWorkerOfTheirType(t *testing.T) {
	q := open(t, Options{Dir: t.TempDir()})
	got := make(chan resize, 1)
	w := NewWorker(func(ctx context.Context, a *Attempt[resize]) error {
		got <- a.Args
		return a.Finish([]byte("small"))
	})
	want := resize{Image: 7, Owner: 3}
	j, created, err := Insert(t.Context(), q, want, InsertOptions{Class: priority.Opened})
	if err != nil || !created || j.Key != "resize/7" || j.Project != "3" || j.Kind != w.Kind() || j.Class != priority.Opened {
		t.Fatalf("inserted %+v, %v, %v", j, created, err)
	}
	if string(j.Payload) != `{"image":7,"owner":3}` {
		t.Errorf("stored %s", j.Payload)
	}
	if _, created, err := Insert(t.Context(), q, want, InsertOptions{}); created || err != nil {
		t.Errorf("inserted again: %v, %v", created, err)
	}
	l, err := q.Take(t.Context(), w.Kind(), priority.Background)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Work(l.Context(), t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if a := <-got; a != want {
		t.Errorf("the worker got %+v", a)
	}
	if result, err := q.Result(t.Context(), want.Key()); string(result) != "small" || err != nil {
		t.Errorf("result %q, %v", result, err)
	}
}

func TestArgumentsMayWriteThemselves(t *testing.T) {
	q := open(t, Options{Dir: t.TempDir()})
	j, _, err := Insert(t.Context(), q, shout{"hello"}, InsertOptions{})
	if err != nil || string(j.Payload) != "HELLO" {
		t.Fatalf("stored %s, %v", j.Payload, err)
	}
	var read string
	w := NewWorker(func(_ context.Context, a *Attempt[shout]) error {
		read = a.Args.text
		return a.Snooze(time.Hour)
	})
	l, err := q.Take(t.Context(), w.Kind(), priority.Background)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Work(l.Context(), t.Context(), l); err != nil || read != "HELLO" {
		t.Errorf("the worker got %q, %v", read, err)
	}
	if j, err := q.Get(t.Context(), "shout/hello"); err != nil || j.State != Queued || j.Retries != 0 {
		t.Errorf("after a snooze: %+v, %v", j, err)
	}
}

func TestAPayloadThatCannotBeReadIsAnError(t *testing.T) {
	q := open(t, Options{Dir: t.TempDir()})
	for kind, w := range map[string]Worker{
		"resize": NewWorker(func(context.Context, *Attempt[resize]) error { t.Error("worked on"); return nil }),
		"shout":  NewWorker(func(context.Context, *Attempt[shout]) error { t.Error("worked on"); return nil }),
	} {
		if _, _, err := q.Enqueue(t.Context(), Spec{Key: kind, Project: "1", Kind: kind}); err != nil {
			t.Fatal(err)
		}
		l, err := q.Take(t.Context(), kind, priority.Background)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Work(l.Context(), t.Context(), l); err == nil || !strings.Contains(err.Error(), "the job cannot be read") {
			t.Errorf("%s: %v", kind, err)
		}
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	}
}

func TestADeadJobIsRevivedOnceItHasBeenDeadForAWhile(t *testing.T) {
	dir := t.TempDir()
	ats.Register()
	defer ats.Unregister()
	synctest.Test(t, func(t *testing.T) {
		q, err := Open(t.Context(), Options{Dir: dir, Reserve: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		a := resize{Image: 1}
		insert := func(after time.Duration) State {
			t.Helper()
			j, _, err := Insert(t.Context(), q, a, InsertOptions{ReviveAfter: after})
			if err != nil {
				t.Fatal(err)
			}
			return j.State
		}
		insert(0)
		l, err := q.Take(t.Context(), "resize", priority.Background)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Fail(t.Context(), errors.New("no such image")); err != nil {
			t.Fatal(err)
		}
		if s := insert(time.Minute); s != Discarded {
			t.Errorf("at once: %v", s)
		}
		time.Sleep(2 * time.Minute)
		if s := insert(0); s != Discarded {
			t.Errorf("without being asked to: %v", s)
		}
		if s := insert(time.Minute); s != Queued {
			t.Errorf("after two minutes: %v", s)
		}
	})
}
