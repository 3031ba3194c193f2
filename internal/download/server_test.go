package download_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/download"
	"github.com/asr-backend/asr-backend/internal/download/downloadtest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server has one file and behaves as badly as its fields say; they are those of
// downloadtest.File.
type server struct {
	body                                   []byte
	etag                                   string
	noRanges, noLength, noIfRange, noTotal bool
	promise, maxRange, cut                 int
	cutClean                               bool
	stall                                  int // once
	// before may answer request n in place of the server, or change it; it reports whether it
	// answered.
	before func(n int, w http.ResponseWriter) bool

	mu       sync.Mutex // guards the fields below, and during before those above
	requests []string   // "RANGE IF-RANGE"
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, strings.TrimSpace(r.Header.Get("Range")+" "+r.Header.Get("If-Range")))
	if s.before != nil && s.before(len(s.requests)-1, w) {
		s.mu.Unlock()
		return
	}
	stall := s.stall
	s.stall = 0
	s.mu.Unlock()
	downloadtest.File{Body: s.body, ETag: s.etag, NoRanges: s.noRanges, NoIfRange: s.noIfRange, NoLength: s.noLength, NoTotal: s.noTotal,
		Promise: s.promise, MaxRange: s.maxRange, Cut: s.cut, CutClean: s.cutClean, Stall: stall}.ServeHTTP(w, r)
}

// at serves s for the time of a test, and returns options that download from it into a new
// file and pause for no time. Pauses are added to waits.
func at(t *testing.T, s http.Handler, waits *[]time.Duration) download.Options {
	t.Helper()
	host := httptest.NewServer(s)
	t.Cleanup(host.Close)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(client.CloseIdleConnections)
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return download.Options{
		File:  f,
		Start: download.State{Unmixed: true},
		Get: func(ctx context.Context, h http.Header) (*http.Response, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, host.URL+"/dir/file?signature=secret", nil)
			if err != nil {
				return nil, err
			}
			r.Header = h
			return client.Do(r)
		},
		Pause: func(ctx context.Context, d time.Duration) error {
			*waits = append(*waits, d)
			return context.Cause(ctx)
		},
	}
}

// holds fails the test unless the file of a download holds b.
func holds(t *testing.T, o download.Options, b []byte) {
	t.Helper()
	got, err := os.ReadFile(o.File.Name())
	if err != nil || !bytes.Equal(got, b) {
		t.Errorf("got %d bytes (%v), want the %d of the server", len(got), err, len(b))
	}
}
