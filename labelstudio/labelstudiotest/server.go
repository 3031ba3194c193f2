package labelstudiotest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// Defaults of Options.
const (
	DefaultToken   = "0123456789abcdef0123456789abcdef01234567"
	DefaultVersion = "1.23.2"
	// DefaultAccessLifetime is how long an access token lasts.
	DefaultAccessLifetime = 5 * time.Minute
)

// Options are what a Server is made of. The zero value is a server on a free local port.
type Options struct {
	// URL is an address, such as "http://label-studio.test", at which nothing listens:
	// requests come through Transport. In a bubble of testing/synctest a server has to be
	// like this, since a goroutine that waits for the network keeps time from passing.
	URL     string
	Path    string // that the server lives under, such as "/ls"
	Token   string // the user's legacy token; empty: DefaultToken
	Version string // empty: DefaultVersion
	// MediaDir is the folder that holds uploads, below "upload"; empty: a temporary one.
	MediaDir string
	// Documents is the folder of local files; empty: they are not served.
	Documents string
	// Backends is how backends are reached; nil: the network.
	Backends http.RoundTripper
	// AccessLifetime is how long access tokens last, and ClockSkew how far the server's
	// clock is ahead. 0 is DefaultAccessLifetime.
	AccessLifetime, ClockSkew time.Duration
}

// Server is a Label Studio with one user. It is safe for concurrent use.
//
// The list of tasks can be filtered by the columns id, total_predictions,
// total_annotations and predictions_model_versions, and ordered by the first three. Other
// columns fail the test.
type Server struct {
	URL      string // with the path, without a slash at the end
	Token    string // the user's legacy token
	MediaDir string // where uploads are

	tb       testing.TB
	options  Options
	routes   *http.ServeMux
	listener *httptest.Server // nil: there is none
	network  *http.Transport  // to backends; nil: Options.Backends

	mu       sync.Mutex // guards the fields below
	sequence int64
	state
	faults
	requests []Request
}

// faults are what goes wrong.
type faults struct {
	down      bool
	latency   time.Duration
	storing   time.Duration
	intercept func(w http.ResponseWriter, r *http.Request, next http.Handler)
	injected  map[string]http.Handler // by pattern
	answers   *http.ServeMux          // of injected
}

// New returns a server that is closed at the end of the test. What should not happen in a
// test, such as a request without a route, is reported to tb. In an example tb may be nil:
// then it panics, and the caller calls Close.
func New(tb testing.TB, o Options) *Server {
	if tb != nil {
		tb.Helper()
	}
	s := &Server{tb: tb, Token: o.Token, MediaDir: o.MediaDir, routes: http.NewServeMux()}
	if s.Token == "" {
		s.Token = DefaultToken
	}
	if o.Version == "" {
		o.Version = DefaultVersion
	}
	if o.AccessLifetime == 0 {
		o.AccessLifetime = DefaultAccessLifetime
	}
	if o.Backends == nil {
		s.network = &http.Transport{}
		o.Backends = s.network
	}
	s.options, s.state = o, newState()
	s.personal = personalToken(time.Now().Add(o.ClockSkew))
	s.serveEverything()
	if s.URL = strings.TrimSuffix(o.URL, "/") + o.Path; o.URL == "" {
		s.listener = httptest.NewServer(s)
		s.URL = s.listener.URL + o.Path
	}
	if s.MediaDir == "" {
		s.MediaDir = s.tempDir()
	} else if err := os.MkdirAll(s.MediaDir, 0o755); err != nil {
		s.errorf("%v", err)
	}
	if tb != nil {
		tb.Cleanup(s.Close)
	}
	return s
}

// Close ends the server.
func (s *Server) Close() {
	if s.listener != nil {
		s.listener.Close()
	}
	if s.network != nil {
		s.network.CloseIdleConnections()
	}
	if s.tb == nil && s.options.MediaDir == "" {
		_ = os.RemoveAll(s.MediaDir) // a temporary folder
	}
}

func (s *Server) tempDir() string {
	if s.tb != nil {
		return s.tb.TempDir()
	}
	dir, err := os.MkdirTemp("", "labelstudiotest")
	if err != nil {
		panic(err)
	}
	return dir
}

// errorf reports what should not happen.
func (s *Server) errorf(format string, args ...any) {
	message := "labelstudiotest: " + fmt.Sprintf(format, args...)
	if s.tb == nil {
		panic(message)
	}
	s.tb.Helper()
	s.tb.Error(message)
}

// id returns the next identifier, with the lock held.
func (s *Server) id() int64 { s.sequence++; return s.sequence }

// assign gives a thing its identifier, unless it has one, with the lock held.
func (s *Server) assign(id *int64) {
	if *id == 0 {
		*id = s.id()
	}
	s.sequence = max(s.sequence, *id)
}

// Request is a request to the API.
type Request struct {
	Method        string
	URI           string // path and query, with the server's own path
	Authorization string // the header
	Body          string
}

// String returns the method and the URI.
func (r Request) String() string { return r.Method + " " + r.URI }

// Requests returns all requests to the API in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// ServeHTTP serves the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	s.mu.Lock()
	s.requests = append(s.requests, Request{r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), string(body)})
	f := s.faults
	s.mu.Unlock()
	if f.down {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	next := http.Handler(http.HandlerFunc(s.serve))
	if f.intercept != nil {
		f.intercept(w, r, next)
		return
	}
	next.ServeHTTP(w, r)
}

// serve answers a request that nothing has happened to.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, s.options.Path)
	if !ok {
		http.NotFound(w, r) // the proxy's
		return
	}
	s.mu.Lock()
	answers := s.answers
	s.mu.Unlock()
	if answers != nil {
		if _, pattern := answers.Handler(r); pattern != "" {
			answers.ServeHTTP(w, r)
			return
		}
	}
	inner := r.Clone(r.Context())
	inner.URL = &url.URL{Path: strings.TrimSuffix(path, "/"), RawQuery: r.URL.RawQuery}
	if _, pattern := s.routes.Handler(inner); pattern == "" {
		s.errorf("no route for %s %s: answer it with Handle", r.Method, r.URL)
		http.Error(w, "<!doctype html>", http.StatusNotFound)
		return
	}
	s.routes.ServeHTTP(w, inner)
}
