package labelstudiotest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"time"
)

// Transport returns a way to the API without a network.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Server }

// ErrRefused is what Transport returns while the server is down: what a closed port gives.
var ErrRefused error = &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED}

// RoundTrip answers one request.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.s.mu.Lock()
	down, latency := t.s.down, t.s.latency
	t.s.mu.Unlock()
	if err := sleep(r.Context(), latency); err != nil {
		return nil, err
	}
	if down {
		return nil, ErrRefused
	}
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	t.s.ServeHTTP(w, in)
	out := w.Result()
	out.Request = r
	return out, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
