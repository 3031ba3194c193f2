package fetch_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/diskspace"
	"github.com/asr-backend/asr-backend/internal/download"
	"github.com/asr-backend/asr-backend/models/internal/fetch"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a server of one file, with faults.
type store struct {
	*httptest.Server
	mu      sync.Mutex
	content []byte
	etag    string
	linked  string                       // X-Linked-ETag
	fault   func(*http.Request, int) any // of request n: nil, a status, a count of bytes to send, or a func
	seen    []http.Header
}

// serve starts a store of content with a strong ETag.
func serve(t *testing.T, content []byte) *store {
	t.Helper()
	s := &store{content: content, etag: `"v1"`}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := len(s.seen)
	s.seen = append(s.seen, r.Header.Clone())
	content, etag, linked, fault := s.content, s.etag, s.linked, s.fault
	s.mu.Unlock()
	if etag != "" {
		w.Header().Set("ETag", etag)
	}
	if linked != "" {
		w.Header().Set("X-Linked-Etag", `"`+linked+`"`)
	}
	var what any
	if fault != nil {
		what = fault(r, n)
	}
	switch what := what.(type) {
	case int: // status
		http.Error(w, "no", what)
		return
	case func(http.ResponseWriter):
		what(w)
		return
	case cut:
		w = &cutting{w, int(what)}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// requests returns the headers of the requests so far.
func (s *store) requests() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// cut is an answer that breaks off after so many bytes.
type cut int

type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(b []byte) (int, error) {
	if c.left < len(b) {
		_, _ = c.ResponseWriter.Write(b[:c.left])
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(b)
	return c.ResponseWriter.Write(b)
}

func content(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// client returns a client that does not wait between attempts, and what it would wait.
func client(t *testing.T, o fetch.Options) (*fetch.Client, *[]time.Duration) {
	t.Helper()
	var waits []time.Duration
	o.Pause = func(ctx context.Context, d time.Duration) error {
		waits = append(waits, d)
		return context.Cause(ctx)
	}
	c, err := fetch.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &waits
}

// whole fails the test unless the file at path is b and nothing else is beside it.
func whole(t *testing.T, path string, b []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, b) {
		t.Errorf("got %d bytes (%v), want the %d of the server", len(got), err, len(b))
	}
	if found, _ := filepath.Glob(path + ".*"); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
}

func TestAFileArrivesWhole(t *testing.T) {
	b := content(1 << 20)
	for name, test := range map[string]struct {
		request fetch.Request
		linked  string
		origin  fetch.Origin
	}{
		"with a digest that is known":                {fetch.Request{SHA256: sum(b)}, "", fetch.Known},
		"with a digest that the server publishes":    {fetch.Request{}, sum(b), fetch.Server},
		"with a digest that both have":               {fetch.Request{SHA256: strings.ToUpper(sum(b))}, sum(b), fetch.Known},
		"with a digest that nobody has":              {fetch.Request{}, "", fetch.FirstUse},
		"with a length that is known":                {fetch.Request{Size: 1 << 20}, "", fetch.FirstUse},
		"with an ETag that only looks like a digest": {fetch.Request{}, "0123456789abcdef", fetch.FirstUse},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, b)
			s.linked = test.linked
			c, _ := client(t, fetch.Options{UserAgent: "asr-backend/test"})
			q := test.request
			q.URL, q.Path = s.URL+"/model.onnx", filepath.Join(t.TempDir(), "model.onnx")
			var last, total int64
			q.Progress = func(have, all int64) { last, total = have, all }
			got, err := c.File(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if want := (fetch.Result{Size: 1 << 20, SHA256: sum(b), Origin: test.origin}); *got != want {
				t.Errorf("got %+v, want %+v", *got, want)
			}
			if last != 1<<20 || total != 1<<20 {
				t.Errorf("progress ended with %d of %d", last, total)
			}
			whole(t, q.Path, b)
			if got := s.requests()[0].Get("User-Agent"); got != "asr-backend/test" {
				t.Errorf("User-Agent %q", got)
			}
			if _, err := c.File(t.Context(), q); err != nil || len(s.requests()) != 1 {
				t.Errorf("asked again for a file that is there: %d requests, %v", len(s.requests()), err)
			}
		})
	}
}

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

func TestAServerThatIgnoresIfRangeIsNotBelieved(t *testing.T) {
	old, b := content(2<<20), content(3 << 20)[1<<20:]
	s := serve(t, old)
	s.fault = func(r *http.Request, n int) any {
		if n == 0 {
			return cut(1 << 20)
		}
		r.Header.Del("If-Range")
		s.mu.Lock()
		defer s.mu.Unlock()
		s.content, s.etag = b, `"v2"`
		return func(w http.ResponseWriter) {
			w.Header().Set("ETag", `"v2"`)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
		}
	}
	c, _ := client(t, fetch.Options{})
	q := fetch.Request{URL: s.URL, Path: filepath.Join(t.TempDir(), "m")}
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

func TestWhatPassesIsTriedAgainAndWhatDoesNotIsNot(t *testing.T) {
	b := content(1000)
	for _, test := range []struct {
		code, requests int
		say            string
	}{
		{http.StatusInternalServerError, 6, "500"},
		{http.StatusBadGateway, 6, "502"},
		{http.StatusTooManyRequests, 6, "asked too often"},
		{http.StatusNotFound, 1, "moved or removed"},
		{http.StatusForbidden, 1, "account"},
		{http.StatusUnauthorized, 1, "account"},
		{http.StatusGone, 1, "moved or removed"},
	} {
		t.Run(strconv.Itoa(test.code), func(t *testing.T) {
			s := serve(t, b)
			s.fault = func(*http.Request, int) any { return test.code }
			c, waits := client(t, fetch.Options{})
			q := fetch.Request{URL: s.URL + "/file", Path: filepath.Join(t.TempDir(), "m")}
			_, err := c.File(t.Context(), q)
			if err == nil || !strings.Contains(err.Error(), test.say) || !strings.Contains(err.Error(), q.URL) {
				t.Errorf("got %v, want the address and %q", err, test.say)
			}
			if got := len(s.requests()); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
			for i, w := range *waits {
				if least := time.Second << i; w < least || w > least*5/4 {
					t.Errorf("wait %d of %v, want %v and up to a quarter more", i, w, least)
				}
			}
		})
	}
}

func TestRetryAfterIsKeptUnlessItIsTooLong(t *testing.T) {
	b := content(1000)
	for name, test := range map[string]struct {
		after string
		fails bool
	}{
		"seconds":  {"7", false},
		"an hour":  {"3600", true},
		"nonsense": {"soon", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, b)
			s.fault = func(_ *http.Request, n int) any {
				if n > 0 {
					return nil
				}
				return func(w http.ResponseWriter) {
					w.Header().Set("Retry-After", test.after)
					w.WriteHeader(http.StatusTooManyRequests)
				}
			}
			c, waits := client(t, fetch.Options{})
			_, err := c.File(t.Context(), fetch.Request{URL: s.URL, Path: filepath.Join(t.TempDir(), "m")})
			if (err != nil) != test.fails {
				t.Fatalf("got %v", err)
			}
			if test.fails && !strings.Contains(err.Error(), "1h0m0s") {
				t.Errorf("got %v, want how long", err)
			}
			if name == "seconds" && ((*waits)[0] != 7*time.Second) {
				t.Errorf("waited %v, want 7s", (*waits)[0])
			}
		})
	}
}

func TestABadFileIsRefusedAndThrownAway(t *testing.T) {
	b := content(100_000)
	for name, test := range map[string]struct {
		request fetch.Request
		linked  string
		fault   func(*http.Request, int) any
		want    any
	}{
		"another digest than is known":            {request: fetch.Request{SHA256: sum(nil)}, want: new(*fetch.DigestError)},
		"another digest than the server says":     {linked: sum(nil), want: new(*fetch.DigestError)},
		"the server publishes another":            {request: fetch.Request{SHA256: sum(b)}, linked: sum(nil), want: new(*fetch.DigestError)},
		"longer than is known":                    {request: fetch.Request{Size: 99_999}, want: new(*download.LengthError)},
		"shorter than is known":                   {request: fetch.Request{Size: 100_001}, want: new(*download.LengthError)},
		"larger than any disk":                    {fault: func(*http.Request, int) any { return huge }, want: new(*diskspace.ShortageError)},
		"longer than is known, length not stated": {request: fetch.Request{Size: 99_999}, fault: chunked(b), want: new(*download.LengthError)},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, b)
			s.linked, s.fault = test.linked, test.fault
			c, _ := client(t, fetch.Options{})
			q := test.request
			q.URL, q.Path = s.URL, filepath.Join(t.TempDir(), "m")
			_, err := c.File(t.Context(), q)
			if err == nil || !errors.As(err, test.want) {
				t.Fatalf("got %v, want a %T", err, test.want)
			}
			if _, err := os.Stat(q.Path); err == nil {
				t.Error("the file has its name")
			}
			if info, err := os.Stat(q.Path + ".part"); err == nil && info.Size() > 0 {
				t.Errorf("%d bytes are kept", info.Size())
			}
			if got := len(s.requests()); got != 1 {
				t.Errorf("%d requests, want 1", got)
			}
		})
	}
}

func huge(w http.ResponseWriter) {
	w.Header().Set("Content-Length", strconv.FormatInt(1<<60, 10))
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
}

// chunked sends b without saying how long it is.
func chunked(b []byte) func(*http.Request, int) any {
	return func(*http.Request, int) any {
		return func(w http.ResponseWriter) {
			w.(http.Flusher).Flush()
			_, _ = w.Write(b)
		}
	}
}

func TestAFileOfUnknownLengthArrives(t *testing.T) {
	b := content(100_000)
	s := serve(t, b)
	s.fault = chunked(b)
	c, _ := client(t, fetch.Options{})
	q := fetch.Request{URL: s.URL, Path: filepath.Join(t.TempDir(), "m"), SHA256: sum(b)}
	if _, err := c.File(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	whole(t, q.Path, b)
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
