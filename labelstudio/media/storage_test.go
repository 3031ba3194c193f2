package media_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/download/downloadtest"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/labelstudio/media"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// storage is a host of one recording that behaves as badly as its fields say; they are those
// of downloadtest.File.
type storage struct {
	body               []byte
	etag               string
	noRanges, noLength bool
	cut                int
	cutClean           bool
	stall              int // once
	// before may answer in place of the storage; it reports whether it did.
	before func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex // guards the fields below
	requests []*http.Request
}

func (s *storage) seen() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.requests...)
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r)
	stall := s.stall
	s.stall = 0
	s.mu.Unlock()
	if s.before != nil && s.before(w, r) {
		return
	}
	w.Header().Set("Content-Type", "audio/wav")
	downloadtest.File{Body: s.body, ETag: s.etag, NoRanges: s.noRanges, NoLength: s.noLength, Cut: s.cut, CutClean: s.cutClean, Stall: stall}.ServeHTTP(w, r)
}

// newStudio returns a Label Studio below a path, and a client with its legacy token.
func newStudio(t testing.TB, below string) (*labelstudiotest.Server, *api.Client) {
	t.Helper()
	ls := labelstudiotest.New(t, labelstudiotest.Options{Path: below})
	return ls, client(t, ls.URL, ls.Token)
}

func client(t testing.TB, url, token string) *api.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := api.New(api.Options{URL: url, Token: labelstudio.NewSecret(token), Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// asked returns what Label Studio was asked for, and with what token.
func asked(ls *labelstudiotest.Server) []string {
	var out []string
	for _, r := range ls.Requests() {
		if r.Method == "GET" {
			out = append(out, r.URI+" "+r.Authorization)
		}
	}
	return out
}

// host serves a handler for the time of a test.
func host(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// fetcher returns one with short waits and its own cache.
func fetcher(t testing.TB, o media.Options) *media.Fetcher {
	t.Helper()
	if o.CacheDir == "" {
		o.CacheDir = t.TempDir()
	}
	if o.Backoff == 0 {
		o.Backoff = time.Millisecond
	}
	if o.StallTime == 0 {
		o.StallTime = 10 * time.Second
	}
	f, err := media.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// get fetches and reads a recording.
func get(t testing.TB, f *media.Fetcher, r media.Request) (*media.File, []byte, error) {
	t.Helper()
	file, err := f.Fetch(t.Context(), r)
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(file.Close)
	raw, err := os.ReadFile(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(raw)) != file.Size {
		t.Errorf("%d bytes on disk, the file says %d", len(raw), file.Size)
	}
	return file, raw, nil
}

func status(code int, headers ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		io.WriteString(w, "<html>not for people")
		return true
	}
}

// times lets an answer happen so often, and the storage answer then.
func times(n int, f func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		n--
		left := n
		mu.Unlock()
		return left >= 0 && f(w, r)
	}
}

// TestStorage meets the ways of a storage to fail with their documented outcome. Package
// download has those that are no matter of recordings.
func TestStorage(t *testing.T) {
	const size = 300_000
	body := downloadtest.Content(size)
	for _, c := range []struct {
		name     string
		storage  *storage
		options  media.Options
		requests int    // 0: any number
		err      string // empty: the recording comes whole
		retry    bool
		warning  bool
	}{
		{"all is well", &storage{etag: `"1"`}, media.Options{}, 1, "", false, false},
		{"cut again and again, resumed with If-Range", &storage{etag: `"1"`, cut: 70_000}, media.Options{}, 5, "", false, false},
		{"cut again and again, without a validator", &storage{cut: 70_000}, media.Options{}, 5, "", false, false},
		{"no length, no ranges", &storage{noRanges: true, noLength: true}, media.Options{}, 2, "", false, true},
		{"no ranges and always cut", &storage{noRanges: true, cut: 100_000}, media.Options{}, 5, "it always starts over", true, false},
		{"cut so that it looks like the end", &storage{noLength: true, cut: 100_000, cutClean: true, etag: `"1"`}, media.Options{}, 3, "", false, false},
		{"stalls once", &storage{etag: `"1"`, stall: 5000}, media.Options{StallTime: 50 * time.Millisecond}, 2, "", false, false},
		{"too large, and says so", &storage{}, media.Options{MaxBytes: 1000}, 1, "it is too large: 300000 bytes. The limit is 1000 bytes.", false, false},
		{"401", &storage{before: status(401)}, media.Options{}, 1, "401 Unauthorized. The server wants other credentials.", false, false},
		{"403", &storage{before: status(403)}, media.Options{}, 1, "403 Forbidden. The server wants other credentials.", false, false},
		{"404", &storage{before: status(404)}, media.Options{}, 1, "404 Not Found. The recording is not there any more", false, false},
		{"410", &storage{before: status(410)}, media.Options{}, 1, "410 Gone. The recording is not there any more", false, false},
		{"424 for ever", &storage{before: status(424)}, media.Options{Tries: 3}, 3, "424 Failed Dependency", true, false},
		{"429 for a moment", &storage{before: times(2, status(429))}, media.Options{}, 3, "", false, false},
		{"429 for an hour", &storage{before: status(429, "Retry-After", "3600")}, media.Options{}, 1, "429 Too Many Requests", true, false},
		{"500 for ever", &storage{before: status(500)}, media.Options{Tries: 2}, 2, "500 Internal Server Error", true, false},
		{"503 for a moment", &storage{before: times(3, status(503, "Retry-After", "0"))}, media.Options{}, 4, "", false, false},
		{"a page in place of a recording", &storage{before: status(200, "Content-Type", "text/html; charset=utf-8")}, media.Options{}, 1, "web page, not a recording", false, false},
		{"nothing", &storage{before: func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(200); return true }}, media.Options{}, 1, "it is empty", false, false},
		{"redirects for ever", &storage{before: status(302, "Location", "/again.wav")}, media.Options{}, 10, "too many redirects", false, false},
		{"redirects to another kind of address", &storage{before: status(302, "Location", "file:///etc/passwd")}, media.Options{}, 1, "redirects to no web address", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.storage
			s.body = body
			address := host(t, s)
			c.options.AllowPrivate = true
			var observed error
			c.options.Observe = func(_ media.Kind, _ int64, err error) { observed = err }
			f := fetcher(t, c.options)
			file, got, err := get(t, f, media.Request{Value: address + "/dir/call.wav?signature=topsecret", Task: 7})
			if c.requests > 0 && len(s.seen()) != c.requests {
				t.Errorf("%d requests, want %d", len(s.seen()), c.requests)
			}
			if observed != err {
				t.Errorf("observed %v", observed)
			}
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want one with %q", err, c.err)
				}
				if strings.Contains(err.Error(), "topsecret") || strings.Contains(err.Error(), "not for people") || !strings.Contains(err.Error(), "/dir/call.wav") {
					t.Errorf("error %v", err)
				}
				if wait, retry := media.Retryable(err); retry != c.retry || strings.Contains(c.name, "hour") != (wait == time.Hour) {
					t.Errorf("retry %v after %v, want %v: %v", retry, wait, c.retry, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, body) || file.Name != "call.wav" || (len(file.Warnings) > 0) != c.warning {
				t.Errorf("%d of %d bytes as %q with warnings %q", len(got), len(body), file.Name, file.Warnings)
			}
			if !strings.HasSuffix(file.Path, "-call.wav") {
				t.Errorf("path %s", file.Path)
			}
		})
	}
}

func TestRequestsForBytes(t *testing.T) {
	s := &storage{body: downloadtest.Content(1000), etag: `"v1"`, cut: 600}
	f := fetcher(t, media.Options{AllowPrivate: true})
	if _, _, err := get(t, f, media.Request{Value: host(t, s) + "/a.wav"}); err != nil {
		t.Fatal(err)
	}
	want := []string{"bytes=0- ", `bytes=600- "v1"`}
	for i, r := range s.seen() {
		if got := r.Header.Get("Range") + " " + r.Header.Get("If-Range"); got != want[i] || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("request %d: %q, want %q; accepts %q", i, got, want[i], r.Header.Get("Accept-Encoding"))
		}
	}
}

func TestTimeLimit(t *testing.T) {
	s := &storage{body: downloadtest.Content(5000), stall: 100}
	f := fetcher(t, media.Options{AllowPrivate: true, MaxTime: 50 * time.Millisecond})
	_, _, err := get(t, f, media.Request{Value: host(t, s) + "/a.wav"})
	if _, retry := media.Retryable(err); !retry || !strings.Contains(err.Error(), "it took too long: more than 50ms") {
		t.Errorf("error %v", err)
	}
}

func TestCredentialsOfDirectAddresses(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]string{}
	note := func(name string, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			mu.Lock()
			seen[name+r.URL.Path] = user + ":" + password
			mu.Unlock()
			next.ServeHTTP(w, r)
		})
	}
	second := host(t, note("second", &storage{body: downloadtest.Content(10)}))
	first := host(t, note("first", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away.wav" {
			http.Redirect(w, r, second+"/b.wav", http.StatusSeeOther)
			return
		}
		(&storage{body: downloadtest.Content(10)}).ServeHTTP(w, r)
	})))
	f := fetcher(t, media.Options{AllowPrivate: true})
	login := media.Request{Login: "user", Password: labelstudio.NewSecret("pass word"), Project: 3}
	for _, value := range []string{first + "/a.wav", first + "/away.wav", strings.Replace(first, "http://", "http://own:pw@", 1) + "/c.wav"} {
		login.Value = value
		if _, _, err := get(t, f, login); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"first/a.wav": "user:pass word", "first/away.wav": "user:pass word", "second/b.wav": ":", "first/c.wav": "own:pw"}
	for at, credentials := range want {
		if seen[at] != credentials {
			t.Errorf("%s got %q, want %q", at, seen[at], credentials)
		}
	}
	// What was fetched with credentials is not handed to those who have none.
	n := len(seen)
	delete(seen, "first/a.wav")
	if _, _, err := get(t, f, media.Request{Value: first + "/a.wav", Project: 4}); err != nil || len(seen) != n || seen["first/a.wav"] != ":" {
		t.Errorf("%v; requests %v", err, seen)
	}
}
