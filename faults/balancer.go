package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// balancer passes requests for the backend on to the nodes in turns. It is safe for
// concurrent use.
type balancer struct {
	mu    sync.Mutex // guards the fields below
	nodes []*node
	next  int
	// storing is how long Label Studio takes until it stores an answer; nil: no time.
	storing func() time.Duration
}

func (b *balancer) set(nodes ...*node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = nodes
}

// RoundTrip implements http.RoundTripper. A node that takes no connection is passed over.
func (b *balancer) RoundTrip(r *http.Request) (w *http.Response, err error) {
	b.mu.Lock()
	nodes, storing := append(append([]*node{}, b.nodes[b.next%len(b.nodes):]...), b.nodes[:b.next%len(b.nodes)]...), b.storing
	b.next++
	b.mu.Unlock()
	for _, n := range nodes {
		one := r.Clone(r.Context())
		one.URL.Host = strings.TrimPrefix(n.url, "http://")
		if r.GetBody != nil {
			if one.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
		w, err = client.Transport.RoundTrip(one)
		if refused := new(net.OpError); errors.As(err, &refused) && refused.Op == "dial" {
			continue
		}
		break
	}
	if err != nil || storing == nil || r.URL.Path != "/predict" {
		return w, err
	}
	// The backend is done with the request, and Label Studio has stored nothing yet.
	body, err := io.ReadAll(w.Body)
	w.Body.Close()
	w.Body = io.NopCloser(strings.NewReader(string(body)))
	time.Sleep(storing())
	return w, err
}
