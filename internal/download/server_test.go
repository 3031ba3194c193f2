package download_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/download"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// content is n bytes, no two stretches of which are alike.
func content(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		sum := sha256.Sum256(fmt.Append(nil, i))
		b.Write(sum[:])
	}
	return b.Bytes()[:n]
}

// server has one file and behaves as badly as its fields say.
type server struct {
	body []byte
	// noRanges ignores Range. noLength sends no Content-Length where HTTP allows that.
	// noIfRange ignores If-Range. noTotal states no size in Content-Range.
	noRanges, noLength, noIfRange, noTotal bool
	cut                                    int    // ends each answer after so many bytes, as a broken connection
	cutClean                               bool   // and makes it look like the end
	maxRange                               int    // of ranges that do not start at zero
	etag                                   string // empty: none
	promise                                int    // a length to state in place of the real one
	stall                                  int    // stops after so many bytes, once
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
	total := len(s.body)
	promised := total
	if s.promise > 0 {
		promised = s.promise
	}
	start, end, status := 0, promised, http.StatusOK
	match := r.Header.Get("If-Range")
	if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok && !s.noRanges && (match == "" || match == s.etag || s.noIfRange) {
		start, _ = strconv.Atoi(strings.TrimSuffix(from, "-"))
		status = http.StatusPartialContent
		if start >= total {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", total))
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		if s.maxRange > 0 {
			end = min(end, start+s.maxRange)
		}
		size := strconv.Itoa(promised)
		if s.noTotal {
			size = "*"
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%s", start, end-1, size))
	}
	if s.etag != "" {
		w.Header().Set("ETag", s.etag)
	}
	if !s.noLength {
		w.Header().Set("Content-Length", strconv.Itoa(end-start))
	}
	w.WriteHeader(status)
	part := s.body[start:min(end, total)]
	switch {
	case stall > 0:
		w.Write(part[:min(stall, len(part))])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case s.cut > 0 && s.cut < len(part):
		w.Write(part[:s.cut])
		w.(http.Flusher).Flush()
		if !s.cutClean {
			panic(http.ErrAbortHandler)
		}
	default:
		w.Write(part)
	}
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
