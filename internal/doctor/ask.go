package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/asr-backend/asr-backend/internal/without"
)

// health is what answered a GET of /health.
type health struct {
	Status string `json:"status"`
	Class  string `json:"model_class"` // of backends only

	code     int
	location string // of a redirect, without its query
	server   string // the header of that name
}

// studio reports whether that is a Label Studio.
func (h health) studio() bool { return h.code == http.StatusOK && h.Status == "UP" && h.Class == "" }

// backend reports whether that is a backend of Label Studio, ours or another.
func (h health) backend() bool { return h.code == http.StatusOK && h.Class != "" }

// String says who answered.
func (h health) String() string {
	switch {
	case h.studio():
		return "a Label Studio"
	case h.backend():
		return fmt.Sprintf("a machine learning backend (%q)", h.Class)
	case h.server != "":
		return fmt.Sprintf("another program (%s), which answers with %d", h.server, h.code)
	}
	return fmt.Sprintf("another program, which answers with %d", h.code)
}

// ask asks who is at an address.
func ask(ctx context.Context, address string) (health, error) { return askBy(ctx, direct(), address) }

func askBy(ctx context.Context, client *http.Client, address string) (health, error) {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return health{}, without.URL(err)
	}
	w, raw, err := send(ctx, client, r, 64<<10)
	if err != nil {
		return health{}, err
	}
	h := health{code: w.StatusCode, server: w.Header.Get("Server")}
	if to, err := w.Location(); err == nil {
		h.location = without.Secrets(to)
	}
	_ = json.Unmarshal(raw, &h) // somebody else's answer; the fields stay empty
	return h, nil
}

// send sends a request and returns the answer and its body, of which no more than most bytes
// are read.
func send(ctx context.Context, client *http.Client, r *http.Request, most int64) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w, err := client.Do(r.WithContext(ctx))
	if err != nil {
		return nil, nil, without.URL(err)
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(w.Body, most))
	return w, raw, without.URL(err)
}

// noAnswer says what to do if nobody answers at an address that variable names.
func noAnswer(err error, u *url.URL, variable string) string {
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %q is not known here; correct %s, or join the network where it is known", u.Hostname(), variable)
	case errors.As(err, &unknown), errors.As(err, &name):
		return "the certificate is not one that this machine trusts: add its authority to the system's, or name a file with it in SSL_CERT_FILE"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Sprintf("what answers there does not speak TLS: write http:// in %s", variable)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("nothing came back within %v: a firewall, or a wrong address in %s", patience, variable)
	}
	if loopback(u.Hostname()) && inContainer() {
		return "start it; but inside a container, localhost is the container itself: use the name of Label Studio's container, or host.docker.internal"
	}
	return fmt.Sprintf("start it, or correct %s", variable)
}

// loopback reports whether a host is the machine itself.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// inContainer reports whether this process runs in a container, as far as the usual
// runtimes show.
func inContainer() bool {
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return false
}

// getJSON reads what a server answers to a request.
func getJSON(ctx context.Context, client *http.Client, r *http.Request, into any) error {
	w, raw, err := send(ctx, client, r, 64<<20)
	if err == nil && w.StatusCode != http.StatusOK {
		err = errors.New(w.Status)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
