package media

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/download"
	"github.com/asr-backend/asr-backend/internal/without"
)

// maxRedirects bounds the hops of one request.
const maxRedirects = 10

// ask requests a route with a header, follows redirects and renews a token that is refused.
// What is neither the content nor a range of it is an error.
func (t *transfer) ask(ctx context.Context, route string, header http.Header) (*http.Response, error) {
	if header.Get("Range") == "" {
		header.Set("Range", "bytes=0-") // without it, Label Studio's uploads state no length
	}
	header.Set("User-Agent", "asr-backend")
	header.Set("Accept", "*/*")
	target, err := t.fetcher.target(t.source, route)
	if err != nil {
		return nil, err
	}
	hop := hop{url: target, own: t.source.own}
	if !hop.own {
		hop.login = target.User
		target.User = nil
		if hop.login == nil && t.request.Login != "" {
			hop.login = url.UserPassword(t.request.Login, t.request.Password.Reveal())
		}
	}
	for range maxRedirects {
		w, err := t.visit(ctx, hop, header)
		if err != nil {
			return nil, fmt.Errorf("GET %s: %w", without.Secrets(hop.url), without.URL(err))
		}
		next := w.Header.Get("Location")
		switch code := w.StatusCode; {
		case code < 300 || code == http.StatusRequestedRangeNotSatisfiable:
			return w, nil
		case code > 399 || next == "":
			defer w.Body.Close()
			return nil, t.refused(w)
		}
		w.Body.Close()
		to, err := hop.url.Parse(next)
		if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
			return nil, download.Refuse(w, errors.New("it redirects to no web address"))
		}
		if hop.own && strings.HasSuffix(strings.TrimRight(to.Path, "/"), "/user/login") {
			return nil, download.Refuse(w, errLogin)
		}
		hop = hop.to(to)
	}
	return nil, &download.Error{URL: without.Secrets(target), Status: http.StatusFound, Err: errLoop}
}

// hop is one request on the way to a recording.
type hop struct {
	url   *url.URL
	own   bool          // to Label Studio, which may get its token
	login *url.Userinfo // for HTTP Basic authentication, or nil
}

// to follows a redirect. Another host, or the way from https to http, costs all
// credentials; a host that is not Label Studio's own is watched by the guard.
func (h hop) to(u *url.URL) hop {
	login := u.User
	u.User, u.Fragment = nil, ""
	same := strings.EqualFold(u.Hostname(), h.url.Hostname()) && sameHost(u, h.url) &&
		!(h.url.Scheme == "https" && u.Scheme == "http")
	if !same {
		return hop{url: u, login: login}
	}
	return hop{url: u, own: h.own, login: h.login}
}

// target returns the address of a route of a source.
func (f *Fetcher) target(s source, route string) (*url.URL, error) {
	u, err := url.Parse(route)
	if err != nil {
		return nil, without.URL(err)
	}
	if !s.own {
		return u, nil
	}
	if len(f.own) == 0 {
		return nil, errNoServer
	}
	base := *f.own[0]
	base.RawQuery = u.RawQuery
	base.RawPath = base.EscapedPath() + u.EscapedPath()
	base.Path += u.Path
	return &base, nil
}

// visit makes the request of one hop, twice if Label Studio refuses the first token.
func (t *transfer) visit(ctx context.Context, h hop, header http.Header) (*http.Response, error) {
	if !h.own || !t.source.token {
		return t.send(ctx, h, header, "")
	}
	server := t.fetcher.options.Server
	token, err := server.Authorization(ctx)
	if err != nil {
		return nil, err
	}
	w, err := t.send(ctx, h, header, token)
	if err != nil || w.StatusCode != http.StatusUnauthorized {
		return w, err
	}
	renewed, ok, err := server.Renew(ctx, token)
	if err != nil || !ok {
		if err != nil {
			w.Body.Close()
		}
		return w, err
	}
	w.Body.Close()
	return t.send(ctx, h, header, renewed)
}

func (t *transfer) send(ctx context.Context, h hop, header http.Header, authorization string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header = header.Clone()
	if h.login != nil {
		password, _ := h.login.Password()
		r.SetBasicAuth(h.login.Username(), password)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if h.own {
		return t.fetcher.ownHTTP.Do(r)
	}
	return t.fetcher.openHTTP.Do(r)
}

// later reports whether a recording may be had at another time, besides what again says.
// Label Studio goes through outages in which it answers, or somebody else does in its place:
// its token has expired, its users cannot log in, a page announces maintenance. So does a
// storage: the address that Label Studio signed has run out, and the next one is good.
func (s source) later(err error) bool {
	if again(err) {
		return true
	}
	var server interface{ Retry() (time.Duration, bool) }
	switch a, ok := errors.AsType[*download.Error](err); {
	case !s.own:
		return false
	case !ok:
		return errors.As(err, &server) && !errors.Is(err, context.Canceled)
	case errors.Is(a.Err, errPage), errors.Is(a.Err, errLoop):
		return true
	case !s.token:
		return false
	case errors.Is(a.Err, errLogin), a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return true
	}
	return false
}

// again reports whether the same request may bring more, in a moment or later.
func again(err error) bool {
	var refused *insideError
	var local *download.FileError
	var disk *os.PathError
	var server interface{ Retry() (time.Duration, bool) }
	switch {
	case errors.As(err, &refused), errors.Is(err, errNoServer), errors.Is(err, errBadData), errors.Is(err, ErrNotKept), errors.Is(err, errOutside),
		errors.Is(err, download.ErrEmpty), errors.Is(err, download.ErrTooLarge):
		return false
	case errors.As(err, &local), errors.As(err, &disk): // full, or gone; later it may be there again
		return true
	case errors.As(err, &server): // Label Studio, asked for a token
		_, ok := server.Retry()
		return ok
	}
	return download.Temporary(err)
}

// refused makes an error of an answer with a bad status.
func (t *transfer) refused(w *http.Response) error {
	e := download.Refuse(w, said(w))
	// Label Studio answers for an upload that it does not have with an error of its own.
	if t.source.kind == Upload && e.Status == http.StatusInternalServerError && e.Err != nil &&
		strings.Contains(e.Err.Error(), "'NoneType' object has no attribute 'has_permission'") {
		e.Status, e.Err = http.StatusNotFound, nil
	}
	return e
}

// said returns what an error's body says to people: the detail of Label Studio's JSON, or
// the start of a text.
func said(w *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(w.Body, 8<<10))
	if err != nil {
		return nil
	}
	var body struct {
		Detail string `json:"detail"`
	}
	text := string(raw)
	if json.Unmarshal(raw, &body) == nil {
		text = body.Detail
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if text == "" || strings.HasPrefix(text, "<") {
		return nil
	}
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return errors.New(text)
}
