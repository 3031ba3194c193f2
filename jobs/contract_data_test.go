package jobs

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/asr-backend/asr-backend/priority"

	"github.com/google/go-cmp/cmp"
)

var contractData = []promise{
	{"windows stay through attempts and go with the end", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("k"))
		enqueue(t, q, spec("other"))
		l, other := take(t, q, "asr"), take(t, q, "asr")
		want := make(map[int][]byte)
		for _, i := range []int{0, 3, 1000000} {
			want[i] = bytes.Repeat([]byte{byte(i)}, i%9+1)
			if err := l.PutWindow(ctx, i, want[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := other.PutWindow(ctx, 7, []byte("other")); err != nil {
			t.Fatal(err)
		}
		if err := l.PutWindow(ctx, -1, nil); err == nil {
			t.Error("a negative index was accepted")
		}
		wantErr(t, l.PutWindow(ctx, 1, make([]byte, MaxValue+1)), ErrTooLarge)
		if err := l.PutWindow(ctx, 4, make([]byte, MaxValue)); err != nil {
			t.Fatalf("the largest window: %v", err)
		}
		if err := l.PutWindow(ctx, 4, []byte("again")); err != nil {
			t.Fatal(err)
		}
		want[4] = []byte("again")
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
		l = take(t, q, "asr")
		got, err := l.Windows(ctx)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("error %v, want (-), got (+):\n%s", err, d)
		}
		if err := l.Finish(ctx, nil); err != nil {
			t.Fatal(err)
		}
		left, err := q.subjects(ctx, bucketWindows, ">")
		if err != nil || len(left) != 1 {
			t.Errorf("after the end: %v, %v; want the one window of the other job", left, err)
		}
	}},
	{"results of every size come back", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		for _, n := range []int{0, 1, inlineResult, inlineResult + 1, 5<<20 + 3} {
			key := fmt.Sprint("size ", n)
			enqueue(t, q, spec(key))
			data := make([]byte, n)
			for i := range data {
				data[i] = byte(rand.Uint32())
			}
			l := take(t, q, "asr")
			if err := l.Finish(ctx, data); err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			wantErr(t, l.Finish(ctx, []byte("again")), ErrLeaseLost)
			if got, err := q.Result(ctx, key); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes: got %d, %v", n, len(got), err)
			}
			if err := q.Remove(ctx, key); err != nil {
				t.Fatal(err)
			}
			_, err := q.Result(ctx, key)
			wantErr(t, err, ErrNotFound)
		}
		enqueue(t, q, spec("k"))
		l := take(t, q, "asr")
		wantErr(t, l.Finish(ctx, make([]byte, MaxResult+1)), ErrTooLarge)
		if err := l.Fail(ctx, errors.New("the result is too large")); err != nil {
			t.Fatal(err)
		}
		for _, b := range []string{bucketResults, bucketBlobs, bucketWindows} {
			if left, err := q.subjects(ctx, b, ">"); err != nil || len(left) != 0 {
				t.Errorf("after all were removed, %s holds %v, %v", b, left, err)
			}
		}
	}},
	{"lists and counts give the state of every project", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		for i := range 4 {
			enqueue(t, q, Spec{Key: fmt.Sprint("a", i), Project: "a", Kind: "asr", Class: priority.Batch})
		}
		enqueue(t, q, Spec{Key: "b0", Project: "b", Kind: "push", Class: priority.Opened, Payload: []byte("x")})
		if err := take(t, q, "asr").Finish(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if err := take(t, q, "asr").Fail(ctx, errors.New("cut file")); err != nil {
			t.Fatal(err)
		}
		take(t, q, "asr")
		s := q.Stats()
		want := []Group{
			{"a", "asr", priority.Batch, Queued, 1}, {"a", "asr", priority.Batch, Running, 1},
			{"a", "asr", priority.Batch, Done, 1}, {"a", "asr", priority.Batch, Discarded, 1},
			{"b", "push", priority.Opened, Queued, 1},
		}
		if d := cmp.Diff(want, s.Groups); d != "" {
			t.Errorf("groups, want (-), got (+):\n%s", d)
		}
		if s.Leases != 1 || s.Oldest["push"][priority.Opened].IsZero() || len(s.Oldest["asr"]) != 1 {
			t.Errorf("stats: %+v", s)
		}
		list := q.List(Filter{Project: "a", States: []State{Discarded, Done}})
		keys := []string{list[0].Key, list[1].Key}
		if len(list) != 2 || list[0].State != Discarded || list[0].Reason != "cut file" || keys[1] != "a0" {
			t.Errorf("list: %+v", list)
		}
		if l := q.List(Filter{Kind: "push", Limit: 1}); len(l) != 1 || l[0].Payload != nil {
			t.Errorf("list of pushes: %+v", l)
		}
		if l := q.List(Filter{Limit: 2}); len(l) != 2 {
			t.Errorf("two of all: %+v", l)
		}
	}},
	{"values of projects", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		v, other := q.Values("project 1"), q.Values("project 1.x")
		if _, ok, err := v.Get(ctx, "k"); ok || err != nil {
			t.Errorf("before it is set: %v, %v", ok, err)
		}
		for _, key := range []string{"k", "ключ", "a.b>*", "a b/c=d"} {
			if err := v.Set(ctx, key, "value of "+key); err != nil {
				t.Fatal(err)
			}
			if got, ok, err := v.Get(ctx, key); got != "value of "+key || !ok || err != nil {
				t.Errorf("%q: got %q, %v, %v", key, got, ok, err)
			}
		}
		if err := other.Set(ctx, "k", ""); err != nil {
			t.Fatal(err)
		}
		if got, ok, err := other.Get(ctx, "k"); got != "" || !ok || err != nil {
			t.Errorf("an empty value: got %q, %v, %v", got, ok, err)
		}
		if err := v.Delete(ctx, "k"); err != nil {
			t.Fatal(err)
		}
		if err := v.Delete(ctx, "never was"); err != nil {
			t.Errorf("deleting nothing: %v", err)
		}
		keys, err := v.Keys(ctx)
		slices.Sort(keys)
		if d := cmp.Diff([]string{"a b/c=d", "a.b>*", "ключ"}, keys); err != nil || d != "" {
			t.Errorf("keys: %v, want (-), got (+):\n%s", err, d)
		}
		wantErr(t, v.Set(ctx, "large", string(make([]byte, MaxValue+1))), ErrTooLarge)
		if err := v.Set(ctx, "", ""); err == nil {
			t.Error("an empty key was accepted")
		}
		// Counting from several goroutines loses nothing.
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 5 {
					if err := v.Update(ctx, "n", func(s string) (string, error) { return s + "x", nil }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got, _, _ := v.Get(ctx, "n"); len(got) != 20 {
			t.Errorf("after 20 updates: %q", got)
		}
	}},
}
