package media

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
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
	netip.MustParsePrefix("2001::/32"),        // Teredo, which hides an IPv4 address
	netip.MustParsePrefix("fec0::/10"),
}

// local are the networks that no recording is in: link-local addresses and those at which
// cloud providers give a machine its credentials. They are refused even where everything is
// allowed.
var local = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"), // most providers' metadata
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("fd00:ec2::/32"),      // Amazon
	netip.MustParsePrefix("fd20:ce::/32"),       // Google
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
}

// metadataNames are names of such addresses. Where a proxy resolves names, nothing else of
// them can be seen.
var metadataNames = map[string]bool{
	"metadata": true, "metadata.google.internal": true, "metadata.goog": true,
	"instance-data": true, "instance-data.ec2.internal": true,
}

// embedding are IPv6 networks that carry an IPv4 address, with the byte it begins at.
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12},
	{netip.MustParsePrefix("::/96"), 12},
}

// innermost returns the address that is reached in the end: an IPv4 address for an IPv6
// address that carries one.
func innermost(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	for _, e := range embedding {
		if e.prefix.Contains(ip) {
			b := ip.As16()
			return netip.AddrFrom4([4]byte(b[e.at : e.at+4]))
		}
	}
	return ip
}

// foreign reports whether an address is out in the world.
func foreign(ip netip.Addr) bool {
	ip = innermost(ip)
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return false
	}
	return !slices.ContainsFunc(inside, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// allowedHost reports whether a name or address may be reached whatever it resolves to.
func (g *guard) allowedHost(host, port string) bool {
	host = strings.ToLower(strings.Trim(host, "[]"))
	return g.hosts[host] || g.hosts[net.JoinHostPort(host, port)] || g.hosts[host+":"+port]
}

// allowedName reports whether a name that is not allowed by option may be reached if its
// address may be.
func (g *guard) allowedName(host string) bool {
	return !metadataNames[strings.TrimSuffix(strings.ToLower(host), ".")]
}

// allowedIP reports whether an address may be reached.
func (g *guard) allowedIP(ip netip.Addr) bool {
	inner := innermost(ip)
	for _, l := range local {
		if l.Contains(inner) {
			// A wide prefix does not mean these.
			return slices.ContainsFunc(g.prefixes, func(p netip.Prefix) bool {
				return p.Contains(ip.Unmap().WithZone("")) && p.Bits() >= l.Bits()
			})
		}
	}
	return g.all || foreign(ip) ||
		slices.ContainsFunc(g.prefixes, func(p netip.Prefix) bool { return p.Contains(ip.Unmap().WithZone("")) })
}

// insideError is a refusal by the guard.
type insideError struct {
	host string
	all  bool // everything else is allowed
}

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
		if !g.allowedName(host) {
			return nil, g.refuse(host)
		}
		d.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !g.allowedIP(at.Addr()) {
				return g.refuse(host)
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, address)
}

func (g *guard) refuse(host string) error { return &insideError{host: host, all: g.all} }

// lookupTime bounds the wait for a name that a proxy resolves and that may be unknown here.
const lookupTime = 5 * time.Second

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
			if !g.allowedName(host) {
				return nil, g.refuse(host)
			}
			ctx, cancel := context.WithTimeout(r.Context(), lookupTime)
			defer cancel()
			ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
			for _, ip := range ips {
				if err == nil && !g.allowedIP(ip) {
					return nil, g.refuse(host)
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
