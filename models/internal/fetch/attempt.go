package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/diskspace"
)

// attempt brings the part of q to its end, or as far as it gets. It returns how many
// bytes arrived.
func (c *Client) attempt(ctx context.Context, q Request) (got int64, err error) {
	p, err := openPart(q.Path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.file.Close()) }()
	have, err := p.size()
	if err != nil {
		return 0, err
	}
	if have > 0 && !c.resumable(p, q, have) {
		if err := p.restart(); err != nil {
			return 0, err
		}
		have = 0
	}
	if total := p.total(q); have > 0 && have == total {
		return 0, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(c.o.Stall, func() { cancel(errStalled) })
	defer stalled.Stop()
	answer, linked, err := c.ask(ctx, p, q, have)
	if err != nil {
		return 0, cause(ctx, err)
	}
	defer answer.Body.Close()
	if have, err = p.accept(answer, linked, q, have); err != nil {
		return 0, err
	}
	total := p.total(q)
	if free, err := diskspace.Free(filepath.Dir(q.Path)); err == nil && total-have > free {
		return 0, &SpaceError{filepath.Dir(q.Path), total - have, free}
	}
	got, err = c.receive(q, p, &watched{answer.Body, stalled, c.o.Stall}, have, total)
	return got, cause(ctx, err)
}

// resumable reports whether the bytes that are there are the beginning of what the
// server would send.
func (c *Client) resumable(p *part, q Request, have int64) bool {
	total := p.total(q)
	return p.source.URL == q.URL && (total == 0 || have <= total) && (p.source.validator() != "" || q.SHA256 != "" || p.source.SHA256 != "")
}

// total returns the size of the whole file, or 0 if nobody has said it.
func (p *part) total(q Request) int64 {
	if q.Size > 0 {
		return q.Size
	}
	return p.source.Size
}

// linked is what Hugging Face says of a large file before it redirects to a store that
// does not know it.
type linked struct {
	size   int64
	sha256 string
}

type linkedKey struct{}

// ask sends the request for the bytes from have on.
func (c *Client) ask(ctx context.Context, p *part, q Request, have int64) (*http.Response, linked, error) {
	var l linked
	address, err := c.address(q.URL)
	if err != nil {
		return nil, l, err
	}
	r, err := http.NewRequestWithContext(context.WithValue(ctx, linkedKey{}, &l), http.MethodGet, address, nil)
	if err != nil {
		return nil, l, err
	}
	r.Header.Set("Accept-Encoding", "identity") // what is stored is what is checked
	if c.o.UserAgent != "" {
		r.Header.Set("User-Agent", c.o.UserAgent)
	}
	if have > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		if v := p.source.validator(); v != "" {
			r.Header.Set("If-Range", v)
		}
	}
	answer, err := c.client.Do(r)
	var failed *url.Error // names the address, which after a redirect may hold a signature
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return nil, l, err
	}
	l.read(answer.Header)
	return answer, l, nil
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

// accept checks what is answered, notes it and makes the part ready for the body. It
// returns from which byte on the body is.
func (p *part) accept(answer *http.Response, l linked, q Request, have int64) (int64, error) {
	s := source{URL: q.URL, ETag: answer.Header.Get("ETag"), LastModified: answer.Header.Get("Last-Modified"), SHA256: l.sha256}
	switch answer.StatusCode {
	case http.StatusOK:
		if err := p.restart(); err != nil {
			return 0, err
		}
		have, s.Size = 0, max(answer.ContentLength, 0)
	case http.StatusPartialContent:
		first, size, ok := contentRange(answer.Header.Get("Content-Range"))
		changed := s.validator() != p.source.validator() && q.SHA256 == "" && p.source.SHA256 == ""
		if !ok || first != have || changed {
			return 0, errors.Join(errInsane, p.restart())
		}
		s.SHA256 = cmp.Or(s.SHA256, p.source.SHA256)
		s.Size = size
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, errors.Join(errInsane, p.restart())
	default:
		return 0, &StatusError{answer.StatusCode, retryAfter(answer.Header)}
	}
	if q.SHA256 != "" && l.sha256 != "" && !strings.EqualFold(q.SHA256, l.sha256) {
		return 0, &DigestError{URL: q.URL, Got: l.sha256, Want: q.SHA256, Origin: Known}
	}
	if s.Size == 0 {
		s.Size = l.size
	}
	if l.size > 0 && s.Size != l.size {
		return 0, &LengthError{q.URL, s.Size, l.size}
	}
	if q.Size > 0 && s.Size > 0 && s.Size != q.Size {
		return 0, &LengthError{q.URL, s.Size, q.Size}
	}
	return have, p.from(s)
}

// contentRange reads "bytes first-last/size"; size is 0 if it is "*".
func contentRange(h string) (first, size int64, ok bool) {
	span, whole, ok := strings.Cut(strings.TrimPrefix(h, "bytes "), "/")
	from, to, dash := strings.Cut(span, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	if !ok || !dash || err1 != nil || err2 != nil || first < 0 || last < first {
		return 0, 0, false
	}
	if whole == "*" {
		return first, 0, true
	}
	size, err := strconv.ParseInt(whole, 10, 64)
	return first, size, err == nil && last == size-1
}

// receive writes the body to the part, which holds have bytes, until it has total.
func (c *Client) receive(q Request, p *part, body io.Reader, have, total int64) (got int64, err error) {
	report := func() {
		if q.Progress != nil {
			q.Progress(have+got, total)
		}
	}
	report()
	limit := int64(1) << 40 // of a server that does not say how much it sends
	if total > 0 {
		limit = total - have + 1 // one more would be noticed
	}
	body = io.LimitReader(body, limit)
	buffer := make([]byte, 256<<10)
	for err == nil {
		var n int
		n, err = body.Read(buffer)
		if n > 0 {
			if _, e := p.file.Write(buffer[:n]); e != nil {
				return got, &diskError{e}
			}
			got += int64(n)
			report()
		}
	}
	if e := p.file.Sync(); e != nil {
		return got, &diskError{e}
	}
	switch {
	case !errors.Is(err, io.EOF):
		return got, err
	case total > 0 && have+got < total:
		return got, errCut
	case total > 0 && have+got > total:
		return got, errors.Join(&LengthError{q.URL, have + got, total}, p.restart())
	}
	return got, nil
}

// watched is a body whose silence is noticed.
type watched struct {
	body  io.Reader
	timer *time.Timer
	after time.Duration
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.body.Read(b)
	if n > 0 {
		w.timer.Reset(w.after)
	}
	return n, err
}

// cause returns why ctx ended, if it has, in place of err.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); err != nil && c != nil {
		return c
	}
	return err
}
