package jobs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/internal/testlog"
	"github.com/asr-backend/asr-backend/priority"

	"pgregory.net/rapid"
)

// model is what a queue should hold, in the plainest terms.
type model struct {
	jobs map[string]*modelJob
	held map[string]*Lease
	n    int
}

type modelJob struct {
	state  State
	class  priority.Class
	after  *modelJob // nil once it is gone
	result string
	// cancelled is kept by everything but what queues the job again.
	cancelled bool
	windows   map[int]string // those of a done job are kept
	age       int
}

func (m *model) ready() (keys []string) {
	top := priority.Background
	for key, j := range m.jobs {
		if j.state != Queued || j.after != nil && !j.after.state.Ended() {
			continue
		}
		if j.class > top {
			keys, top = nil, j.class
		}
		if j.class == top {
			keys = append(keys, key)
		}
	}
	// One project: the oldest goes first.
	slices.SortFunc(keys, func(a, b string) int { return m.jobs[a].age - m.jobs[b].age })
	return keys
}

// Random sequences of calls, with the process closing and opening the directory in between:
// the queue does what the model does.
func TestTheQueueDoesWhatItsModelDoes(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	o := quick(Options{Dir: dir, Logger: testlog.New(t)})
	q, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	}()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		kind := fmt.Sprint("kind", run) // nothing is shared with the runs before
		name := func(key int) string { return fmt.Sprint(run, "/", key) }
		m := &model{jobs: make(map[string]*modelJob), held: make(map[string]*Lease)}
		anyKey := rapid.Map(rapid.IntRange(0, 5), name)
		lease := func() (string, *Lease) {
			var keys []string
			for key := range m.held {
				keys = append(keys, key)
			}
			if len(keys) == 0 {
				t.Skip("nothing runs")
			}
			slices.Sort(keys)
			key := rapid.SampledFrom(keys).Draw(t, "running")
			return key, m.held[key]
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		refused := func(err error, want error) {
			t.Helper()
			if !errors.Is(err, want) {
				t.Fatalf("got error %v, want %v", err, want)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"enqueue": func(t *rapid.T) {
				s := Spec{Key: anyKey.Draw(t, "key"), Project: "p", Kind: kind, Class: priority.Class(rapid.IntRange(0, priority.Classes-1).Draw(t, "class"))}
				if after := anyKey.Draw(t, "after"); m.jobs[after] != nil && after != s.Key {
					s.After = after
				}
				_, created, err := q.Enqueue(ctx, s)
				must(err)
				j := m.jobs[s.Key]
				if created != (j == nil) {
					t.Fatalf("created %v", created)
				}
				if j == nil {
					m.n++
					m.jobs[s.Key] = &modelJob{class: s.Class, after: m.jobs[s.After], windows: make(map[int]string), age: m.n}
				} else if !j.state.Ended() {
					j.class = max(j.class, s.Class)
				}
			},
			"take": func(t *rapid.T) {
				l, err := tryTake(ctx, q, kind, priority.Background)
				ready := m.ready()
				if len(ready) == 0 {
					refused(err, errEmpty)
					return
				}
				must(err)
				if l.Job().Key != ready[0] {
					t.Fatalf("took %q of %q", l.Job().Key, ready)
				}
				w, err := l.Windows(ctx)
				must(err)
				j := m.jobs[ready[0]]
				if len(w) != len(j.windows) {
					t.Fatalf("windows: got %v, want %v", w, j.windows)
				}
				for i, data := range w {
					if string(data) != j.windows[i] {
						t.Fatalf("window %d: got %q, want %q", i, data, j.windows[i])
					}
				}
				j.state, m.held[ready[0]] = Running, l
			},
			"window": func(t *rapid.T) {
				key, l := lease()
				i, data := rapid.IntRange(0, 3).Draw(t, "index"), rapid.String().Draw(t, "data")
				must(l.PutWindow(ctx, i, []byte(data)))
				m.jobs[key].windows[i] = data
			},
			"finish": func(t *rapid.T) {
				key, l := lease()
				size := rapid.SampledFrom([]int{0, 1, 100, inlineResult + 1}).Draw(t, "size")
				result := bytes.Repeat([]byte(fmt.Sprint(m.n)), size)[:size]
				note := Note{Keep: rapid.SampledFrom([]string{"", "kept/" + key}).Draw(t, "keep")}
				must(l.FinishWith(ctx, result, note))
				delete(m.held, key)
				j := m.jobs[key]
				j.state, j.result = Done, string(result)
				if note.Keep == "" {
					j.windows = make(map[int]string)
				}
				refused(l.Finish(ctx, nil), ErrLeaseLost)
			},
			"fail": func(t *rapid.T) {
				key, l := lease()
				must(l.Fail(ctx, errors.New("for a reason")))
				delete(m.held, key)
				m.jobs[key].state, m.jobs[key].windows = Discarded, make(map[int]string)
			},
			"retry": func(t *rapid.T) {
				key, l := lease()
				must(l.Retry(ctx, 0, errors.New("for a reason")))
				delete(m.held, key)
				m.jobs[key].state = Queued
			},
			"postpone": func(t *rapid.T) {
				key, l := lease()
				must(l.Snooze(ctx, 0))
				delete(m.held, key)
				m.jobs[key].state = Queued
			},
			"release": func(t *rapid.T) {
				key, l := lease()
				must(l.Release())
				delete(m.held, key)
				m.jobs[key].state = Queued
			},
			"requeue": func(t *rapid.T) {
				key := anyKey.Draw(t, "key")
				_, err := q.Requeue(ctx, key)
				switch j := m.jobs[key]; {
				case j == nil:
					refused(err, ErrNotFound)
				case j.state == Running || j.state == Done:
					refused(err, ErrState)
				default:
					must(err)
					j.state, j.cancelled = Queued, false
				}
			},
			"raise": func(t *rapid.T) {
				key, class := anyKey.Draw(t, "key"), priority.Class(rapid.IntRange(0, priority.Classes-1).Draw(t, "class"))
				_, err := q.Raise(ctx, key, class)
				switch j := m.jobs[key]; {
				case j == nil:
					refused(err, ErrNotFound)
				case j.state.Ended():
					refused(err, ErrState)
				default:
					must(err)
					j.class = max(j.class, class)
				}
			},
			"cancel": func(t *rapid.T) {
				key := anyKey.Draw(t, "key")
				_, err := q.Cancel(ctx, key)
				switch j := m.jobs[key]; {
				case j == nil:
					refused(err, ErrNotFound)
				case j.state == Done:
					refused(err, ErrState)
				default:
					must(err)
					j.state, j.windows, j.cancelled = Discarded, make(map[int]string), true
					if l := m.held[key]; l != nil {
						<-l.Context().Done()
						refused(l.Finish(ctx, nil), ErrLeaseLost)
						delete(m.held, key)
					}
				}
			},
			"restart": func(t *rapid.T) {
				key, class, done := anyKey.Draw(t, "key"), priority.Class(rapid.IntRange(0, priority.Classes-1).Draw(t, "class")), rapid.Bool().Draw(t, "done")
				_, err := q.Restart(ctx, key, RestartOptions{Class: class, Done: done})
				switch j := m.jobs[key]; {
				case j == nil:
					refused(err, ErrNotFound)
				case j.state == Running || j.state == Done && !done:
					refused(err, ErrState)
				default:
					must(err)
					if j.state == Done {
						j.windows = make(map[int]string)
					}
					j.state, j.class, j.result, j.cancelled = Queued, max(j.class, class), "", false
				}
			},
			"drop windows": func(t *rapid.T) {
				key := anyKey.Draw(t, "key")
				must(q.DropWindows(ctx, key))
				if j := m.jobs[key]; j != nil && j.state == Done {
					j.windows = make(map[int]string)
				}
			},
			"remove": func(t *rapid.T) {
				key := anyKey.Draw(t, "key")
				err := q.Remove(ctx, key)
				gone := m.jobs[key]
				if gone == nil {
					refused(err, ErrNotFound)
					return
				}
				must(err)
				delete(m.jobs, key)
				for _, j := range m.jobs {
					if j.after == gone {
						j.after = nil
					}
				}
				if l := m.held[key]; l != nil {
					<-l.Context().Done()
					refused(l.Finish(ctx, nil), ErrLeaseLost)
					delete(m.held, key)
				}
			},
			"reopen": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "really") > 0 {
					t.Skip("it takes long")
				}
				must(q.Close())
				q, err = Open(ctx, o)
				must(err)
				for key := range m.held {
					m.jobs[key].state = Queued
				}
				clear(m.held)
			},
			"": func(t *rapid.T) {
				for i := range 6 {
					key := name(i)
					got, err := q.Get(ctx, key)
					want := m.jobs[key]
					if want == nil {
						refused(err, ErrNotFound)
						continue
					}
					must(err)
					if got.State != want.state || got.Class != want.class || got.Cancelled != want.cancelled {
						t.Fatalf("%s is %s and %s, want %s and %s", key, got.State, got.Class, want.state, want.class)
					}
					if want.state == Done {
						result, err := q.Result(ctx, key)
						must(err)
						if string(result) != want.result {
							t.Fatalf("%s: result of %d bytes, want %d", key, len(result), len(want.result))
						}
						w, all, err := q.Windows(ctx, key)
						must(err)
						if len(w) != len(want.windows) || all != (len(w) > 0) || len(q.Kept("kept/"+key)) != min(len(w), 1) {
							t.Fatalf("%s has kept %v, all of them: %v, want %v", key, w, all, want.windows)
						}
						for i, data := range w {
							if string(data) != want.windows[i] {
								t.Fatalf("%s: kept window %d is %q, want %q", key, i, data, want.windows[i])
							}
						}
					}
				}
				if n := len(q.List(Filter{Kind: kind})); n != len(m.jobs) {
					t.Fatalf("%d jobs listed, want %d", n, len(m.jobs))
				}
			},
		})
		for key := range m.jobs {
			must(q.Remove(ctx, key))
		}
	})
}
