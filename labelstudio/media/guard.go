package media

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// guard decides which hosts foreign addresses may reach. It looks at the address that a
// name has resolved to, at the moment of connecting, so that a name cannot mean one host
// when it is checked and another when it is used.
type guard struct {
	all      bool
	hosts    map[string]bool // names and addresses, with and without port, in lower case
	prefixes []netip.Prefix
	// proxies are those that the transport chose; connecting to them is no one's request.
	proxies sync.Map // host:port
}

func newGuard(allow []string, all bool) (*guard, error) {
	g := &guard{all: all, hosts: map[string]bool{}}
	for _, a := range allow {
		a = strings.ToLower(strings.TrimSpace(a))
		if p, err := netip.ParsePrefix(a); err == nil {
			g.prefixes = append(g.prefixes, p)
			continue
		}
		if strings.ContainsAny(a, "/ ") || a == "" {
			return nil, fmt.Errorf("allowed host %q is no name, address or prefix such as 10.1.0.0/16", a)
		}
		g.hosts[strings.Trim(a, "[]")] = true
	}
	return g, nil
}

// inside are the networks that the world cannot reach, beside those that netip knows.
// References: RFC 6890 and the metadata services of cloud providers.
var inside = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),    // carriers; Alibaba's metadata
	netip.MustParsePrefix("192.0.0.0/24"),     // Oracle's metadata
	netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
	netip.MustParsePrefix("240.0.0.0/4"),      // reserved, broadcast
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's host
	netip.MustParsePrefix("fec0::/10"),
}

// embedding are IPv6 networks that carry an IPv4 address, with the byte it begins at.
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
	{netip.MustParsePrefix("::/96"), 12},
}

// foreign reports whether an address is out in the world.
func foreign(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range inside {
		if p.Contains(ip) {
			return false
		}
	}
	for _, e := range embedding {
		if e.prefix.Contains(ip) {
			b := ip.As16()
			return foreign(netip.AddrFrom4([4]byte(b[e.at : e.at+4])))
		}
	}
	return true
}

// allowedHost reports whether a name or address may be reached whatever it resolves to.
func (g *guard) allowedHost(host, port string) bool {
	host = strings.ToLower(strings.Trim(host, "[]"))
	return g.all || g.hosts[host] || g.hosts[net.JoinHostPort(host, port)] || g.hosts[host+":"+port]
}

func (g *guard) allowedIP(ip netip.Addr) bool {
	if g.all || foreign(ip) {
		return true
	}
	for _, p := range g.prefixes {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

// insideError is a refusal by the guard.
type insideError struct{ host string }

func (e *insideError) Error() string { return fmt.Sprintf("%s is inside the network", e.host) }

// dial connects to hosts that may be reached.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	_, proxy := g.proxies.Load(address)
	if !proxy && !g.allowedHost(host, port) {
		d.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !g.allowedIP(at.Addr()) {
				return &insideError{host: host}
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, address)
}

// proxied checks a request that a proxy will make for us, as far as its name resolves
// here, and lets the dialer connect to the proxy.
func (g *guard) proxied(choose func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		proxy, err := choose(r)
		if proxy == nil || err != nil {
			return nil, err
		}
		host, port := r.URL.Hostname(), r.URL.Port()
		if !g.allowedHost(host, port) {
			ips, err := net.DefaultResolver.LookupNetIP(r.Context(), "ip", host)
			for _, ip := range ips {
				if err == nil && !g.allowedIP(ip) {
					return nil, &insideError{host: host}
				}
			}
		}
		port = proxy.Port()
		if port == "" {
			port = cmp.Or(map[string]string{"https": "443", "socks5": "1080"}[proxy.Scheme], "80")
		}
		g.proxies.Store(net.JoinHostPort(proxy.Hostname(), port), true)
		return proxy, nil
	}
}

// newClient returns an HTTP client that follows no redirects. A nil guard reaches
// everything.
func newClient(o Options, g *guard) *http.Client {
	t := o.Transport
	if t == nil {
		t = http.DefaultTransport.(*http.Transport)
	}
	t = t.Clone()
	t.DisableCompression = true // the bytes themselves, with their length
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	if g != nil {
		t.DialContext = g.dial
		if t.Proxy != nil {
			t.Proxy = g.proxied(t.Proxy)
		}
	}
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
