package labelstudiotest

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"time"
)

// Handle answers a route in place of the server, before tokens are looked at. A pattern is
// one of http.ServeMux, with the server's path in it, such as "POST /api/predictions/".
// The last handler of a pattern counts; nil gives the route back to the server.
func (s *Server) Handle(pattern string, h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := maps.Clone(s.injected)
	if all == nil {
		all = map[string]http.Handler{}
	}
	if all[pattern] = h; h == nil {
		delete(all, pattern)
	}
	mux := http.NewServeMux()
	for p, h := range all {
		mux.Handle(p, h)
	}
	s.injected, s.answers = all, mux
}

// Answer is a handler that answers with a status and a body of JSON.
func Answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// Intercept puts a function before all routes, which may answer a request itself, or pass
// it on as it is. Nil takes it away.
func (s *Server) Intercept(f func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = f
}

// Lose lets a handler do its work and answers with a status of its own, as a proxy does
// that has waited too long.
func Lose(status int, w http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	w.WriteHeader(status)
}

// SetDown takes the server from the network, or puts it back: connections are refused, or
// end without an answer where it listens itself.
func (s *Server) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// SetLatency makes each request through Transport take a time.
func (s *Server) SetLatency(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = d
}

// SetStoring makes it take a time to store what /predict answers.
func (s *Server) SetStoring(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.storing = d
}
