package fetch

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/asr-backend/asr-backend/internal/without"
)

// linked is what Hugging Face says of a large file before it redirects to a store that
// does not know it.
type linked struct {
	size   int64
	sha256 string
}

type linkedKey struct{}

// get asks for the bytes of a part with a header, and notes what redirecting servers say.
func (c *Client) get(ctx context.Context, p *part, h http.Header) (*http.Response, error) {
	p.linked = linked{}
	address, err := c.address(p.request.URL)
	if err != nil {
		return nil, without.URL(err)
	}
	r, err := http.NewRequestWithContext(context.WithValue(ctx, linkedKey{}, &p.linked), http.MethodGet, address, nil)
	if err != nil {
		return nil, without.URL(err)
	}
	r.Header = h
	h.Set("Accept-Encoding", "identity") // what is stored is what is checked
	if c.o.UserAgent != "" {
		h.Set("User-Agent", c.o.UserAgent)
	}
	w, err := c.client.Do(r)
	if err != nil {
		return nil, without.URL(err) // an address after a redirect may hold a signature
	}
	p.linked.read(w.Header)
	return w, nil
}

// address applies the mirror.
func (c *Client) address(original string) (string, error) {
	u, err := url.Parse(original)
	if err != nil {
		return "", err
	}
	switch {
	case c.o.Mirror != "":
		return strings.TrimSuffix(c.o.Mirror, "/") + "/" + u.Host + u.RequestURI(), nil
	case c.o.HuggingFace != "" && u.Host == "huggingface.co":
		return strings.TrimSuffix(c.o.HuggingFace, "/") + u.RequestURI(), nil
	}
	return original, nil
}

// checkRedirect follows redirects to other hosts, as stores of large files need, but
// never from https to http. It picks up what the redirecting server says of the file.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return &redirectError{"the server redirects without end"}
	}
	if via[len(via)-1].URL.Scheme == "https" && r.URL.Scheme != "https" {
		return &redirectError{"the server redirects from https to " + r.URL.Scheme + ", where anybody could change the file"}
	}
	if l, ok := r.Context().Value(linkedKey{}).(*linked); ok && r.Response != nil {
		l.read(r.Response.Header)
	}
	return nil
}

var hexDigest = regexp.MustCompile(`^"?([0-9a-f]{64})"?$`)

func (l *linked) read(h http.Header) {
	if m := hexDigest.FindStringSubmatch(h.Get("X-Linked-Etag")); m != nil {
		l.sha256 = m[1]
	}
	if n, err := strconv.ParseInt(h.Get("X-Linked-Size"), 10, 64); err == nil && n > 0 {
		l.size = n
	}
}
