package jobs

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// proxy stands between a queue and its server and can hold everything back, as a network
// that is cut does.
type proxy struct {
	l    net.Listener
	to   string
	wg   sync.WaitGroup
	gate sync.RWMutex // locked while the network is cut
	back sync.RWMutex // locked while only what the server says is held back

	mu    sync.Mutex // guards conns
	conns []net.Conn
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, to: strings.TrimPrefix(to, "nats://")}
	p.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", p.to)
			if err != nil {
				in.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, in, out)
			p.mu.Unlock()
			p.wg.Go(func() { p.copy(in, out, &p.back) })
			p.wg.Go(func() { p.copy(out, in, new(sync.RWMutex)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) copy(dst, src net.Conn, hold *sync.RWMutex) {
	defer dst.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		p.gate.RLock()
		hold.RLock()
		if n > 0 {
			_, _ = dst.Write(buf[:n])
		}
		hold.RUnlock()
		p.gate.RUnlock()
		if err != nil {
			return
		}
	}
}

func (p *proxy) url() string { return "nats://" + p.l.Addr().String() }
