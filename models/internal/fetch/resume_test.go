package fetch_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/models/internal/fetch"
)

func TestACutConnectionGoesOnWhereItWasCut(t *testing.T) {
	b := content(3 << 20)
	s := serve(t, b)
	s.fault = func(_ *http.Request, n int) any {
		if n < 2 {
			return cut(1 << 20)
		}
		return nil
	}
	c, waits := client(t, fetch.Options{})
	q := fetch.Request{URL: s.URL, Path: filepath.Join(t.TempDir(), "m")}
	if _, err := c.File(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	whole(t, q.Path, b)
	seen := s.requests()
	if len(seen) != 3 || len(*waits) != 2 {
		t.Fatalf("%d requests, %d waits, want 3 and 2", len(seen), len(*waits))
	}
	for i, want := range []string{"", "bytes=1048576-", "bytes=2097152-"} {
		if got := seen[i].Get("Range"); got != want {
			t.Errorf("request %d: Range %q, want %q", i, got, want)
		}
		if i > 0 && seen[i].Get("If-Range") != `"v1"` {
			t.Errorf("request %d: If-Range %q", i, seen[i].Get("If-Range"))
		}
	}
}

func TestAFileThatChangedOnTheServerIsFetchedAnew(t *testing.T) {
	old, b := content(2<<20), content(3 << 20)[1<<20:]
	s := serve(t, old)
	s.fault = func(_ *http.Request, n int) any {
		if n == 0 {
			return cut(1 << 20)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.content, s.etag = b, `"v2"`
		return http.StatusServiceUnavailable
	}
	c, _ := client(t, fetch.Options{Attempts: 2})
	q := fetch.Request{URL: s.URL, Path: filepath.Join(t.TempDir(), "m")}
	if _, err := c.File(t.Context(), q); err == nil {
		t.Fatal("no error while the server is down")
	}
	s.mu.Lock()
	s.fault = nil
	s.mu.Unlock()
	if _, err := c.File(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	whole(t, q.Path, b)
}

func TestWithoutAStrongETagOnlyAKnownDigestLetsADownloadGoOn(t *testing.T) {
	b := content(2 << 20)
	for name, test := range map[string]struct {
		etag, sum, want string
	}{
		"weak, digest known":     {`W/"1"`, sum(b), "bytes=1048576-"},
		"weak, digest not known": {`W/"1"`, "", ""},
		"none, digest known":     {"", sum(b), "bytes=1048576-"},
		"none, digest not known": {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, b)
			s.etag = test.etag
			s.fault = func(_ *http.Request, n int) any {
				if n == 0 {
					return cut(1 << 20)
				}
				return nil
			}
			c, _ := client(t, fetch.Options{})
			q := fetch.Request{URL: s.URL, Path: filepath.Join(t.TempDir(), "m"), SHA256: test.sum}
			if _, err := c.File(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			whole(t, q.Path, b)
			if got := s.requests()[1]; got.Get("Range") != test.want || got.Get("If-Range") != "" {
				t.Errorf("Range %q, If-Range %q; want %q and none", got.Get("Range"), got.Get("If-Range"), test.want)
			}
		})
	}
}

func TestCancellingKeepsWhatHasArrived(t *testing.T) {
	b := content(100_000)
	s := serve(t, b)
	arrived := make(chan struct{})
	s.fault = func(r *http.Request, n int) any {
		if n > 0 {
			return nil
		}
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", strconv.Itoa(len(b)))
			_, _ = w.Write(b[:70_000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	c, _ := client(t, fetch.Options{})
	q := fetch.Request{URL: s.URL, Path: filepath.Join(t.TempDir(), "m")}
	q.Progress = func(have, _ int64) {
		if have == 70_000 {
			close(arrived)
		}
	}
	go func() { <-arrived; cancel() }()
	if _, err := c.File(ctx, q); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if info, err := os.Stat(q.Path + ".part"); err != nil || info.Size() != 70_000 {
		t.Fatalf("part: %v, %v", info, err)
	}
	q.Progress = nil
	if _, err := c.File(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	whole(t, q.Path, b)
	if got := s.requests()[1].Get("Range"); got != "bytes=70000-" {
		t.Errorf("went on with Range %q", got)
	}
}

func TestAPartOfAnotherAddressIsNotContinued(t *testing.T) {
	b := content(2 << 20)
	other := serve(t, content(3 << 20)[1<<20:])
	other.fault = func(*http.Request, int) any { return cut(1 << 20) }
	s := serve(t, b)
	path := filepath.Join(t.TempDir(), "m")
	c, _ := client(t, fetch.Options{Attempts: 1})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.File(ctx, fetch.Request{URL: other.URL, Path: path, Progress: func(have, _ int64) {
		if have == 1<<20 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := c.File(t.Context(), fetch.Request{URL: s.URL, Path: path}); err != nil {
		t.Fatal(err)
	}
	whole(t, path, b)
}

func TestAServerThatFallsSilentIsLeft(t *testing.T) {
	b := content(100_000)
	s := serve(t, b)
	s.fault = func(r *http.Request, n int) any {
		if n > 0 {
			return nil
		}
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", strconv.Itoa(len(b)))
			_, _ = w.Write(b[:5000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}
	c, _ := client(t, fetch.Options{Stall: 50 * time.Millisecond})
	q := fetch.Request{URL: s.URL, Path: filepath.Join(t.TempDir(), "m")}
	if _, err := c.File(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	whole(t, q.Path, b)
	if got := s.requests()[1].Get("Range"); got != "bytes=5000-" {
		t.Errorf("went on with Range %q", got)
	}
}
