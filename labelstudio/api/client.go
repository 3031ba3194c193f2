// Package api asks Label Studio: a client of the part of its REST API that a machine
// learning backend needs.
//
// # Tokens
//
// There are two kinds, distinguished by their form:
//
//	legacy                 40 letters and digits; sent as "Authorization: Token <it>"
//	personal access token  a JWT that lasts for centuries and opens nothing by itself: it is
//	                       exchanged at /api/token/refresh/ for an access token of five
//	                       minutes, sent as "Authorization: Bearer <access>"
//
// Label Studio refuses legacy tokens unless its organisation allows them. Access tokens
// are renewed before they end, by one request at a time, and once more when a request is
// answered with 401 all the same.
//
// # What to keep away from
//
// GET /api/tasks/<id>/ makes Label Studio ask its backend for predictions if the task has
// none: a backend that calls it while it predicts calls itself. Tasks are read through
// the list route instead, which never does that. Replacing a task's data replaces all of
// it, so the caller passes the whole.
//
// # Errors
//
// An Error names the operation, the address without secrets, the status and what to do
// about it. Retryable reports whether a retry can help. Requests are not repeated
// here, except for the one renewal of a token: whoever has a queue knows better.
//
// Reference: https://api.labelstud.io, tried with Label Studio 1.23.2.
package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/jsonerr"
	"github.com/asr-backend/asr-backend/internal/without"
	"github.com/asr-backend/asr-backend/labelstudio"
)

// Defaults of Options.
const (
	// DefaultTimeout bounds one request. Importing five thousand regions takes Label
	// Studio more than ten seconds.
	DefaultTimeout   = 2 * time.Minute
	DefaultURLName   = "LABEL_STUDIO_URL"
	DefaultTokenName = "LABEL_STUDIO_API_KEY"
	// maxReply bounds what is read of a reply, in bytes.
	maxReply = 512 << 20
)

// Options are what a Client is made of. URL and Token are required.
type Options struct {
	// URL is where Label Studio is, with a path if it lives under one.
	URL   string
	Token labelstudio.Secret
	// URLName and TokenName are what a person would change, for messages; default
	// DefaultURLName and DefaultTokenName.
	URLName, TokenName string
	Transport          http.RoundTripper // nil: http.DefaultTransport
	Timeout            time.Duration     // of a request; 0: DefaultTimeout
	UserAgent          string            // empty: "asr-backend"
}

// Client talks to one Label Studio as one user. It is safe for concurrent use.
type Client struct {
	options Options
	base    *url.URL
	http    *http.Client
	tokens  *tokens
}

// New returns a client. It talks to nobody yet, but rejects a token that cannot work.
func New(o Options) (*Client, error) {
	or(&o.URLName, DefaultURLName)
	or(&o.TokenName, DefaultTokenName)
	or(&o.Timeout, DefaultTimeout)
	or(&o.UserAgent, "asr-backend")
	base, err := ParseURL(o.URL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.URLName, err)
	}
	c := &Client{options: o, base: base}
	c.http = &http.Client{
		Transport: o.Transport,
		// A redirected POST would become a GET, and a token could leave its host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.tokens, err = newTokens(o.Token, c); err != nil {
		return nil, fmt.Errorf("%s: %w", o.TokenName, err)
	}
	return c, nil
}

func or[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}

// ParseURL reads the address of a Label Studio, as people write it.
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	switch {
	case s == "":
		return nil, errors.New("no address is given; it looks like http://localhost:8080")
	case err != nil:
		return nil, errors.New("this is no address; one looks like http://localhost:8080")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("%q is no address with http:// or https://", without.Secrets(u))
	case u.User != nil:
		return nil, errors.New("the address has a user or a password in it, which Label Studio does not take")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}, nil
}

// Base returns the address of Label Studio, without a slash at the end.
func (c *Client) Base() *url.URL {
	u := *c.base
	return &u
}

// call is one request to the API.
type call struct {
	op     string // what it does, for errors: "list tasks"
	method string
	path   string // below the base, with a slash in front
	query  url.Values
	body   any   // to JSON, or nil
	reply  any   // from JSON, or nil
	most   int64 // of the reply, in bytes; 0: maxReply
	stream io.Writer
}

// do makes a call. An answer of 401 is tried again once with a new token, if there can be
// one.
func (c *Client) do(ctx context.Context, q call) error {
	var body []byte
	if q.body != nil {
		var err error
		if body, err = json.Marshal(q.body); err != nil {
			return fmt.Errorf("%s: %w", q.op, err)
		}
	}
	header, err := c.tokens.header(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", q.op, err)
	}
	err = c.once(ctx, q, body, header)
	failed, ok := errors.AsType[*Error](err)
	if !ok || failed.Status != http.StatusUnauthorized {
		return err
	}
	renewed, ok, renewErr := c.tokens.renew(ctx, header)
	switch {
	case renewErr != nil:
		return fmt.Errorf("%s: %w", q.op, renewErr)
	case !ok:
		return err
	}
	return c.once(ctx, q, body, renewed)
}

// once makes a call with the given Authorization header; empty sends none.
func (c *Client) once(ctx context.Context, q call, body []byte, header string) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	target := *c.base
	target.Path += q.path
	target.RawQuery = q.query.Encode()
	r, err := http.NewRequestWithContext(ctx, q.method, target.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", q.op, err)
	}
	r.Header.Set("User-Agent", c.options.UserAgent)
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if header != "" {
		r.Header.Set("Authorization", header)
	}
	w, err := c.http.Do(r)
	if err != nil {
		return c.noAnswer(q, &target, err)
	}
	defer w.Body.Close()
	if w.StatusCode < 200 || w.StatusCode > 299 {
		return c.refused(q, &target, w, header)
	}
	return c.read(q, &target, w)
}

// read takes in the body of a good answer.
func (c *Client) read(q call, target *url.URL, w *http.Response) error {
	fail := func(err error) error {
		return &Error{Op: q.op, Method: q.method, URL: without.Secrets(target), Status: w.StatusCode, Err: without.URL(err)}
	}
	switch {
	case q.stream != nil:
		_, err := io.Copy(q.stream, w.Body)
		if own := new(fs.PathError); errors.As(err, &own) {
			// The name is the caller's business, and may be that of a temporary file.
			return fail(fmt.Errorf("keep the answer: %w", own.Err))
		}
		if err != nil {
			return fail(fmt.Errorf("%w: %w", errBrokeOff, err))
		}
	case q.reply != nil:
		most := cmp.Or(q.most, maxReply)
		if w.ContentLength > most {
			return fail(fmt.Errorf("%w: %d bytes, at most %d are read", errReplyTooLarge, w.ContentLength, most))
		}
		raw, err := io.ReadAll(io.LimitReader(w.Body, most+1))
		if err != nil {
			return fail(fmt.Errorf("%w: %w", errBrokeOff, err))
		}
		if int64(len(raw)) > most {
			return fail(fmt.Errorf("%w: more than %d bytes", errReplyTooLarge, most))
		}
		if err := json.Unmarshal(raw, q.reply); err != nil {
			e := &Error{Op: q.op, Method: q.method, URL: without.Secrets(target), Status: w.StatusCode, Err: fmt.Errorf("%w: %w", errNoSense, jsonerr.Explain(err))}
			e.Hint = fmt.Sprintf("Is this a Label Studio, or does a proxy before it ask to log in? Check %s.", c.options.URLName)
			return e
		}
	}
	return nil
}
