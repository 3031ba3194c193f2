package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/httpfield"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/internal/without"
)

var (
	errBrokeOff = errors.New("the answer broke off")
	// errReplyTooLarge is for an answer that takes more memory than one may.
	errReplyTooLarge = errors.New("the answer is too large")
	// errNoSense is for an answer of 200 or 404 that is not Label Studio's: the login page of a
	// proxy, a notice of maintenance, or a proxy that knows of no Label Studio at the moment.
	errNoSense = errors.New("the answer is not one of Label Studio's API")
)

// Error is a request that Label Studio did not answer as hoped.
type Error struct {
	Op     string // what was to be done
	Method string
	URL    string // without query and secrets
	Status int    // 0 if there was no answer
	Detail string // what Label Studio said
	Hint   string // what a person can do, a sentence
	// RetryAfter is how long Label Studio asks to wait, or zero.
	RetryAfter time.Duration
	Err        error // the cause, if there was no answer or no sense in it
}

// Error says what happened, where, and what to do. What the other side said is written so
// that no terminal acts on it.
func (e *Error) Error() string { return visible.Text(e.text()) }

func (e *Error) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s", e.Op, e.Method, e.URL)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Detail != "" {
		fmt.Fprintf(&b, ": %s", e.Detail)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Hint != "" {
		return strings.TrimRight(b.String(), ".") + ". " + e.Hint
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same request can succeed later, and how long the other
// side asks to wait; zero leaves that to the caller. A cancelled request is not
// retryable; one that ran out of time is.
func Retryable(err error) (time.Duration, bool) {
	e, ok := errors.AsType[*Error](err)
	if !ok || errors.Is(err, context.Canceled) {
		return 0, false
	}
	return e.Retry()
}

// Retry is Retryable of the error.
func (e *Error) Retry() (time.Duration, bool) {
	switch {
	case e.Status == 0, errors.Is(e.Err, errBrokeOff):
		return 0, !errors.Is(e.Err, context.Canceled)
	case errors.Is(e.Err, errNoSense), e.Status >= 300 && e.Status <= 399:
		return e.RetryAfter, true // somebody else answers
	case e.Status == http.StatusRequestTimeout, e.Status == http.StatusTooEarly,
		e.Status == http.StatusTooManyRequests, e.Status >= 500 && e.Status != http.StatusNotImplemented:
		return e.RetryAfter, true
	}
	return 0, false
}

// Outage reports whether an error says that Label Studio as a whole cannot be asked at the
// moment: nobody or somebody else answers, or the token is not accepted. What fails of that is
// as good as before, and succeeds when the outage is over.
func Outage(err error) bool {
	var e *Error
	if !errors.As(err, &e) || errors.Is(err, context.Canceled) {
		return false
	}
	if _, ok := e.Retry(); ok {
		return e.Status != http.StatusTooManyRequests
	}
	return e.Status == http.StatusUnauthorized
}

// Status returns the HTTP status of an error, or zero if Label Studio gave none.
func Status(err error) int {
	if e, ok := errors.AsType[*Error](err); ok && !errors.Is(e.Err, errNoSense) {
		return e.Status
	}
	return 0
}

// noAnswer describes a request that got none.
func (c *Client) noAnswer(q call, target *url.URL, err error) error {
	e := &Error{Op: q.op, Method: q.method, URL: without.Secrets(target), Err: without.URL(err)}
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
	case errors.As(err, &dns):
		e.Hint = fmt.Sprintf("The name %q of %s is not known here.", target.Hostname(), c.options.URLName)
	case errors.Is(err, context.DeadlineExceeded):
		e.Hint = fmt.Sprintf("Label Studio took longer than %v.", c.options.Timeout)
	default:
		e.Hint = fmt.Sprintf("Nothing answers at %s.", c.options.URLName)
		if ip := net.ParseIP(target.Hostname()); target.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			e.Hint += " Inside a container, localhost is the container itself: use the name of Label Studio's container or host.docker.internal."
		}
	}
	return e
}

// refused describes an answer with a bad status.
func (c *Client) refused(q call, target *url.URL, w *http.Response, header string) error {
	e := &Error{Op: q.op, Method: q.method, URL: without.Secrets(target), Status: w.StatusCode,
		RetryAfter: httpfield.RetryAfter(w.Header, time.Now())}
	raw, err := io.ReadAll(io.LimitReader(w.Body, 64<<10))
	if err == nil {
		e.Detail = c.tokens.scrub(detail(raw), header)
	}
	if e.Status == http.StatusNotFound && len(raw) > 0 && !json.Valid(raw) {
		e.Err = errNoSense // the API says it in JSON
	}
	e.Hint = c.hint(e, w)
	return e
}

// detail finds the sentence in an error's body: Label Studio's own JSON, or the start of
// a text. A page for browsers says nothing.
func detail(raw []byte) string {
	const most = 400
	var body struct {
		Detail           string          `json:"detail"`
		ValidationErrors json.RawMessage `json:"validation_errors"`
	}
	text := strings.TrimSpace(string(raw))
	if json.Unmarshal(raw, &body) == nil && body.Detail != "" {
		text = body.Detail
		if v := string(body.ValidationErrors); v != "" && v != "null" && v != "{}" {
			text += " " + v
		}
	} else if strings.HasPrefix(text, "<") {
		return ""
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// hint says what a person can do about a status.
func (c *Client) hint(e *Error, w *http.Response) string {
	detail := strings.ToLower(e.Detail)
	switch {
	case privateRefused(detail):
		return "Label Studio refuses private addresses: set ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false in its environment and restart it."
	case e.Status >= 300 && e.Status <= 399:
		where := ""
		if to, err := w.Location(); err == nil {
			where = " to " + without.Secrets(to)
		}
		return fmt.Sprintf("Label Studio redirects%s; set %s to the address that it is really at.", where, c.options.URLName)
	case e.Status == http.StatusUnauthorized && strings.Contains(detail, "legacy token"):
		return fmt.Sprintf("This Label Studio takes no legacy tokens: put a personal access token (Account & Settings) into %s.", c.options.TokenName)
	case e.Status == http.StatusUnauthorized:
		return fmt.Sprintf("%s holds a %s that this Label Studio does not accept; is it one of %s?", c.options.TokenName, c.tokens.kind, c.base.Host)
	case e.Status == http.StatusForbidden:
		return fmt.Sprintf("The user behind %s may not do this; is the user a member of the project?", c.options.TokenName)
	case e.Status == http.StatusNotFound:
		return fmt.Sprintf("It does not exist or was deleted, or %s lacks the path that Label Studio lives under.", c.options.URLName)
	case e.Status == http.StatusRequestEntityTooLarge:
		return "Label Studio, or the proxy before it, limits the size of requests."
	case e.Status == http.StatusBadGateway || e.Status == http.StatusServiceUnavailable || e.Status == http.StatusGatewayTimeout:
		return "The proxy before Label Studio answers, Label Studio itself does not."
	}
	return ""
}
