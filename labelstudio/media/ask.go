package media

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// maxRedirects bounds the hops of one request.
const maxRedirects = 10

// ask requests a route from byte d.have on, follows redirects and renews a token that is
// refused. It returns the last answer and the address it came from, for messages.
func (d *download) ask(ctx context.Context, route string) (*http.Response, string, error) {
	target, err := d.target(route)
	if err != nil {
		return nil, "", err
	}
	hop := hop{url: target, own: d.source.own}
	if !hop.own {
		hop.login = target.User
		target.User = nil
		if hop.login == nil && d.request.Login != "" {
			hop.login = url.UserPassword(d.request.Login, d.request.Password.Reveal())
		}
	}
	for range maxRedirects {
		w, err := d.visit(ctx, hop)
		if err != nil {
			return nil, "", fmt.Errorf("GET %s: %w", redact(hop.url), stripURL(err))
		}
		next := w.Header.Get("Location")
		if w.StatusCode < 300 || w.StatusCode > 399 || next == "" {
			return w, redact(hop.url), nil
		}
		w.Body.Close()
		to, err := hop.url.Parse(next)
		if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
			return nil, "", &answerError{url: redact(hop.url), status: w.StatusCode, err: errors.New("it redirects to no web address")}
		}
		if hop.own && strings.HasSuffix(strings.TrimRight(to.Path, "/"), "/user/login") {
			return nil, "", &answerError{url: redact(hop.url), status: w.StatusCode, err: errPage}
		}
		hop = hop.to(to)
	}
	return nil, "", &answerError{url: redact(target), status: http.StatusFound, err: errLoop}
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

func (d *download) target(route string) (*url.URL, error) {
	u, err := url.Parse(route)
	if err != nil {
		return nil, stripURL(err)
	}
	if !d.source.own {
		return u, nil
	}
	if len(d.fetcher.own) == 0 {
		return nil, errNoServer
	}
	base := *d.fetcher.own[0]
	base.RawQuery = u.RawQuery
	base.RawPath = base.EscapedPath() + u.EscapedPath()
	base.Path += u.Path
	return &base, nil
}

// visit makes the request of one hop, twice if Label Studio refuses the first token.
func (d *download) visit(ctx context.Context, h hop) (*http.Response, error) {
	if !h.own || !d.source.token {
		return d.send(ctx, h, "")
	}
	server := d.fetcher.options.Server
	header, err := server.Authorization(ctx)
	if err != nil {
		return nil, err
	}
	w, err := d.send(ctx, h, header)
	if err != nil || w.StatusCode != http.StatusUnauthorized {
		return w, err
	}
	renewed, ok, err := server.Renew(ctx, header)
	if err != nil || !ok {
		if err != nil {
			w.Body.Close()
		}
		return w, err
	}
	w.Body.Close()
	return d.send(ctx, h, renewed)
}

func (d *download) send(ctx context.Context, h hop, authorization string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "asr-backend")
	r.Header.Set("Accept", "*/*")
	r.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.have))
	if d.have > 0 && d.validator != "" {
		r.Header.Set("If-Range", d.validator)
	}
	if h.login != nil {
		password, _ := h.login.Password()
		r.SetBasicAuth(h.login.Username(), password)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if h.own {
		return d.fetcher.ownHTTP.Do(r)
	}
	return d.fetcher.openHTTP.Do(r)
}

// again reports whether the same request may bring more, soon or later.
func again(err error) bool {
	var a *answerError
	if errors.As(err, &a) {
		switch a.status {
		case http.StatusOK, http.StatusPartialContent:
			return errors.Is(a.err, errCut)
		case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusFailedDependency:
			return true
		}
		return a.status >= 500 && a.status != http.StatusNotImplemented
	}
	return passing(err)
}

// passing reports whether an error that is no answer may be gone later.
func passing(err error) bool {
	var refused *insideError
	var dns *net.DNSError
	var disk *os.PathError
	var other interface{ Retry() (time.Duration, bool) }
	switch {
	case errors.As(err, &refused):
		return false
	case errors.As(err, &disk): // full, or gone; later it may be there again
		return true
	case errors.Is(err, errNoServer), errors.Is(err, errBadData), errors.Is(err, errEmpty), errors.Is(err, errTooLarge), errors.Is(err, errOutside):
		return false
	case errors.As(err, &dns):
		return !dns.IsNotFound
	case errors.As(err, &other): // Label Studio, asked for a token
		_, ok := other.Retry()
		return ok
	}
	return !errors.Is(err, context.Canceled)
}

// cause prefers the reason for which a request was given up.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil && !errors.Is(c, context.Canceled) {
		return c
	}
	return stripURL(err)
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

// missingUpload recognises how Label Studio answers for an upload that it does not have:
// with an error of its own.
func missingUpload(kind Kind, status int, err error) bool {
	return kind == Upload && status == http.StatusInternalServerError && err != nil &&
		strings.Contains(err.Error(), "'NoneType' object has no attribute 'has_permission'")
}

func retryAfter(h http.Header) time.Duration {
	// Dates are rare here and not worth trusting two clocks for.
	s, err := time.ParseDuration(strings.TrimSpace(h.Get("Retry-After")) + "s")
	if err != nil {
		return 0
	}
	return min(max(s, 0), time.Hour)
}
