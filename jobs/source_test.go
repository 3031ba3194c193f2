package jobs

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asr-backend/asr-backend/internal/testlog"
)

// reopen opens a queue and closes it again; it returns what Open and Close say.
func reopen(t *testing.T, o Options) error {
	t.Helper()
	o.Logger = testlog.New(t)
	q, err := Open(t.Context(), quick(o))
	if err != nil {
		return err
	}
	return q.Close()
}

func TestAStoreBelongsToOneSource(t *testing.T) {
	for name, store := range map[string]struct {
		o    Options
		hint string // the flag that gives another source a store of its own
	}{
		"directory": {Options{Dir: t.TempDir()}, "--data-dir"},
		"cluster":   {Options{URL: serve(t).ClientURL()}, "--nats-prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			with := func(source string, aliases ...string) Options {
				o := store.o
				o.Source, o.Aliases = source, aliases
				return o
			}
			open := func(o Options) {
				t.Helper()
				if err := reopen(t, o); err != nil {
					t.Fatalf("source %q with aliases %q: %v", o.Source, o.Aliases, err)
				}
			}
			refused := func(o Options, stored string) {
				t.Helper()
				err := reopen(t, o)
				wantErr(t, err, ErrSource)
				hint := err.(*Error).Hint()
				if text := err.Error(); !strings.Contains(text, stored) || !strings.Contains(text, o.Source) {
					t.Errorf("the error names no addresses: %v", err)
				}
				if !strings.Contains(hint, "--label-studio-alias http://"+stored) || !strings.Contains(hint, store.hint) {
					t.Errorf("hint: %s", hint)
				}
			}
			open(with("")) // as stores of earlier versions: without a source
			open(with("studio:8080"))
			open(with("studio:8080"))
			open(with("")) // no address is configured: nothing to compare, nothing forgotten
			refused(with("other:8080"), "studio:8080")
			refused(with("studio.example.org", "another.example.org"), "studio:8080")
			open(with("studio.example.org", "another.example.org", "studio:8080")) // it has moved
			open(with("studio.example.org"))                                       // the alias may go
			refused(with("studio:8080"), "studio.example.org")
		})
	}
}

func TestPrefixesKeepSourcesApart(t *testing.T) {
	url := serve(t).ClientURL()
	one := open(t, Options{URL: url, Source: "one"})
	two := open(t, Options{URL: url, Source: "two", Prefix: "two"})
	for _, q := range []*Queue{one, two} {
		enqueue(t, q, spec("the same key"))
		if err := q.Values("7").Set(t.Context(), "k", q.o.Source); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []*Queue{one, two} {
		if got, _, err := q.Values("7").Get(t.Context(), "k"); err != nil || got != q.o.Source {
			t.Errorf("source %s reads %q, %v", q.o.Source, got, err)
		}
		if n := len(q.List(Filter{})); n != 1 {
			t.Errorf("source %s lists %d jobs", q.o.Source, n)
		}
		// What keeps the source is no value of a project.
		if keys, err := q.Values(sourceName).Keys(t.Context()); err != nil || len(keys) != 0 {
			t.Errorf("keys: %v, %v", keys, err)
		}
	}
}

func TestOfTwoSourcesThatOpenANewClusterOneGetsIt(t *testing.T) {
	url := serve(t).ClientURL()
	sources := []string{"a", "b", "c", "d"}
	var opened atomic.Int32
	var wg sync.WaitGroup
	for _, s := range sources {
		wg.Go(func() {
			err := reopen(t, Options{URL: url, Source: s})
			if err == nil {
				opened.Add(1)
			} else if !errors.Is(err, ErrSource) {
				t.Errorf("source %s: %v", s, err)
			}
		})
	}
	wg.Wait()
	if n := opened.Load(); n != 1 {
		t.Errorf("%d sources opened the cluster", n)
	}
	if left := slices.DeleteFunc(sources, func(s string) bool { return reopen(t, Options{URL: url, Source: s}) != nil }); len(left) != 1 {
		t.Errorf("afterwards it opens for %v", left)
	}
}

// A refused process must not change the cluster of others, such as its number of replicas.
func TestAStoreOfAnotherSourceIsLeftAlone(t *testing.T) {
	url := serve(t).ClientURL()
	q := open(t, Options{URL: url, Source: "one", WindowBytes: 8 << 20})
	wantErr(t, reopen(t, Options{URL: url, Source: "two", WindowBytes: 4 << 20}), ErrSource)
	info, err := q.streams[bucketWindows].Info(t.Context())
	if err != nil || info.Config.MaxBytes != 8<<20 {
		t.Errorf("limit of windows: %d, %v", info.Config.MaxBytes, err)
	}
}
