package media

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestAddressesInsideTheNetwork(t *testing.T) {
	for ip, want := range map[string]bool{
		"8.8.8.8": true, "93.184.216.34": true, "2606:4700::1111": true, "172.32.0.1": true, "100.128.0.1": true,
		"127.0.0.1": false, "127.8.9.1": false, "0.0.0.0": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.100.100.200": false, "192.0.0.192": false, "168.63.129.16": false, "198.18.0.1": false,
		"224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false,
		"::": false, "::1": false, "fe80::1%eth0": false, "fd00:ec2::254": false, "ff02::1": false, "fec0::1": false,
		"::ffff:127.0.0.1": false, "::ffff:8.8.8.8": true, "::7f00:1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::808:808": true, "2002:7f00:1::": false, "2002:a9fe:a9fe::1": false, "2002:808:808::": true,
		"64:ff9b:1::a00:1": false, "::ffff:0:7f00:1": false, "::ffff:0:808:808": true, "2001:0:4136:e378:8000:63bf:3fff:fdd2": false,
	} {
		if got := foreign(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s is foreign: %v, want %v", ip, got, want)
		}
	}
}

// metadata are addresses at which cloud providers give out credentials, and other link-local
// ones, in every form in which an address can carry them.
var metadata = []string{
	"169.254.169.254", "169.254.170.2", "169.254.0.1", "fe80::1", "fe80::1%lo", "fd00:ec2::254", "fd20:ce::254",
	"100.100.100.200", "192.0.0.192", "168.63.129.16",
	"::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1", "::ffff:0:a9fe:a9fe",
}

func TestMetadataServicesAreRefusedEvenWhereAllIsAllowed(t *testing.T) {
	all, err := newGuard([]string{"0.0.0.0/0", "::/0"}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, ip := range metadata {
		if all.allowedIP(netip.MustParseAddr(ip)) {
			t.Errorf("%s is allowed", ip)
		}
	}
	for _, ip := range []string{"127.0.0.1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "fec0::1", "8.8.8.8", "64:ff9b::a00:1"} {
		if !all.allowedIP(netip.MustParseAddr(ip)) {
			t.Errorf("%s is refused", ip)
		}
	}
	named, err := newGuard([]string{"169.254.0.0/16", "fd00:ec2::254/128"}, false)
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]bool{"169.254.169.254": true, "::ffff:169.254.1.1": true, "fd00:ec2::254": true, "fd00:ec2::253": false, "fe80::1": false} {
		if got := named.allowedIP(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s, by prefix: %v, want %v", ip, got, want)
		}
	}
}

func TestMetadataServicesAreNotDialled(t *testing.T) {
	g, err := newGuard(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(Options{}, g)
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for _, host := range []string{"169.254.169.254", "[fd00:ec2::254]", "[::ffff:a9fe:a9fe]", "[fe80::1%25lo]", "metadata.google.internal", "Metadata.Google.Internal.", "instance-data"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/latest/meta-data", nil)
		if err != nil {
			t.Fatal(err)
		}
		var refused *insideError
		if w, err := client.Do(r); !errors.As(err, &refused) || !refused.all {
			t.Errorf("%s: %v, %v", host, w, err)
		}
	}
}

func FuzzGuard(f *testing.F) {
	for _, ip := range metadata {
		f.Add(netip.MustParseAddr(ip).AsSlice())
	}
	all, err := newGuard(nil, true)
	if err != nil {
		f.Fatal(err)
	}
	none, err := newGuard(nil, false)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ip, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		if none.allowedIP(ip) && !all.allowedIP(ip) {
			t.Fatalf("%s is allowed only where less is", ip)
		}
		if (ip.Unmap().IsLinkLocalUnicast() || ip.IsLoopback()) && none.allowedIP(ip) || ip.Unmap().IsLinkLocalUnicast() && all.allowedIP(ip) {
			t.Fatalf("%s is allowed", ip)
		}
	})
}

func TestGuardWatchesTheDial(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	port := server.Listener.Addr().(*net.TCPAddr).Port
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		allow []string
		all   bool
		host  string
		ok    bool
	}{
		{"an address", nil, false, "127.0.0.1", false},
		{"a name that resolves to it", nil, false, "localhost", false},
		{"written as IPv6", nil, false, "[::ffff:127.0.0.1]", false},
		{"everything is allowed", nil, true, "127.0.0.1", true},
		{"everything is allowed, by name", nil, true, "localhost", true},
		{"the address is allowed", []string{"127.0.0.1"}, false, "127.0.0.1", true},
		{"the address with its port is allowed", []string{u.Host}, false, "127.0.0.1", true},
		{"another port is allowed", []string{"127.0.0.1:1"}, false, "127.0.0.1", false},
		{"the name is allowed", []string{" LocalHost "}, false, "localhost", true},
		{"the name is allowed, not the address", []string{"localhost"}, false, "127.0.0.1", false},
		{"its network is allowed", []string{"127.0.0.0/8", "::1/128"}, false, "localhost", true},
		{"another network is allowed", []string{"10.0.0.0/8"}, false, "127.0.0.1", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := newGuard(c.allow, c.all)
			if err != nil {
				t.Fatal(err)
			}
			client := newClient(Options{}, g)
			defer client.CloseIdleConnections()
			target := url.URL{Scheme: "http", Host: c.host + ":" + u.Port()}
			w, err := client.Get(target.String())
			if err == nil {
				w.Body.Close()
			}
			var refused *insideError
			if (err == nil) != c.ok || !c.ok && !errors.As(err, &refused) {
				t.Errorf("port %d: %v", port, err)
			}
		})
	}
	for _, bad := range []string{"", "http://host", "a b", "10.0.0.0/99"} {
		if _, err := newGuard([]string{bad}, false); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestGuardBehindAProxy(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
	}))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGuard(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(Options{Transport: &http.Transport{Proxy: http.ProxyURL(at)}}, g)
	defer client.CloseIdleConnections()
	get := func(target string) error {
		w, err := client.Get(target)
		if err == nil {
			w.Body.Close()
		}
		return err
	}
	if err := get("http://8.8.8.8/x.wav"); err != nil {
		t.Error(err)
	}
	var refused *insideError
	for _, inside := range []string{"http://127.0.0.1/x", "http://169.254.169.254/latest/meta-data", "http://localhost/x"} {
		if err := get(inside); !errors.As(err, &refused) {
			t.Errorf("%s: %v", inside, err)
		}
	}
	if len(asked) != 1 || asked[0] != "http://8.8.8.8/x.wav" {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

func FuzzClassify(f *testing.F) {
	for _, v := range []string{
		"https://u:p@h/x.wav?q#f", "/data/upload/45/x.wav", "upload/45/x", "/data/local-files/?d=a/../b", "s3://b/k", "gs://",
		"/tasks/1/resolve/?fileuri=czM6Ly9iL2s=", "/storage-data/uploaded/?filepath=upload/1/x", "data:audio/wav;base64,AA==",
		"http://ls/sub/data/upload/1/x", "http://localhost:9/data/upload/../x", "//host/x", "a:b", "%", "..", "/sub", "http://[::1",
		"http://h/a%00.wav", "/data/upload/1/%1b[31m.wav", "/data/local-files/?d=%C2%9B", "/data/upload/1/gpj%E2%80%AE.wav", "http://h/caf%E9.wav",
		"/tasks/1/resolve/?fileuri=czM6Ly9iL2EAYg==", "/data/local-files/?d=%2e%2e%2fx%00", "/storage-data/uploaded/?filepath=upload/1/%0a", "/x?a=%7f",
	} {
		f.Add(v)
	}
	base, err := url.Parse("http://ls/sub")
	if err != nil {
		f.Fatal(err)
	}
	fetcher := &Fetcher{own: []*url.URL{base}}
	f.Fuzz(func(t *testing.T, value string) {
		s, err := fetcher.classify(Request{Value: value, Task: 1, Project: 2})
		if err != nil {
			if len(err.Error()) > 1500 {
				t.Fatalf("%d bytes of error", len(err.Error()))
			}
			return
		}
		if s.key == "" || s.name == "" || strings.Contains(s.name, "/") || s.name == ".." || !harmless(s.name) {
			t.Fatalf("source %+v", s)
		}
		if strings.ContainsAny(fileName(s.name), "/\\\x00 ") {
			t.Fatalf("file name %q", fileName(s.name))
		}
		for _, route := range s.routes {
			u, err := fetcher.target(s, route)
			if err != nil {
				t.Fatalf("route %q of %q: %v", route, value, err)
			}
			if s.own && (u.Scheme != "http" || u.Host != "ls" || !strings.HasPrefix(u.Path, "/sub/")) {
				t.Fatalf("route %q of %q leaves Label Studio: %s", route, value, u)
			}
			if strings.Contains("/"+u.Path+"/", "/../") && s.own {
				t.Fatalf("route %q of %q has dots in it", route, value)
			}
			if s.token && !tokenRoute(u.Path) {
				t.Fatalf("%q sends the token to %s", value, u)
			}
			if _, err := http.NewRequestWithContext(context.Background(), http.MethodGet, u.String(), nil); err != nil {
				t.Fatalf("route %q of %q: %v", route, value, err)
			}
		}
		if hasControls(s.document + s.upload) {
			t.Fatalf("%q has control characters: %+v", value, s)
		}
		if leaves(s.document) || s.upload != "" && leaves(s.upload) {
			t.Fatalf("%q leaves its folder: %+v", value, s)
		}
	})
}

// harmless reports whether a name can be shown: it has no
// control characters, nothing that turns the direction of text, no broken text.
func harmless(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
	})
}

// tokenRoute says independently of the code which paths may get the token.
func tokenRoute(p string) bool {
	p = strings.TrimPrefix(p, "/sub")
	for _, prefix := range []string{"/data/upload/", "/data/local-files/", "/storage-data/uploaded"} {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	parts := strings.Split(strings.Trim(p, "/"), "/")
	return len(parts) == 3 && (parts[0] == "tasks" || parts[0] == "projects") &&
		(parts[2] == "resolve" || parts[2] == "presign" || parts[2] == "file-proxy")
}
