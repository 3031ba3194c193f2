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
