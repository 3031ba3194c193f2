// Package remote asks a running service, for commands that control it, and says in its errors what
// a person can do.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/internal/without"
	"github.com/asr-backend/asr-backend/labelstudio"
)

// Options say where the service is.
type Options struct {
	// URL is its address. If it is empty, Host and Port are where it listens on this machine; an
	// empty Host is all addresses.
	URL      string
	Host     string
	Port     int
	User     string
	Password labelstudio.Secret
	Timeout  time.Duration // of a request; 0: a minute and a half
}

// Client asks a service.
type Client struct {
	base     *url.URL
	user     string
	password labelstudio.Secret
	http     *http.Client
}

// Error is an answer that is no good.
type Error struct {
	Status int
	What   string
	Advice string
}

func (e *Error) Error() string { return e.What }

// Hint says what to do about it.
func (e *Error) Hint() string { return e.Advice }

// mostAnswer bounds what is read of an answer, in bytes.
const mostAnswer = 16 << 20

// Address parses the address of a service, or if it is empty makes that of one which listens on a
// host and a port of this machine; an empty host is all addresses. It is not ok unless it is one with
// http:// or https://.
func Address(address, host string, port int) (u *url.URL, ok bool) {
	if address == "" {
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1" // a container need not know the name localhost
		}
		address = "http://" + net.JoinHostPort(host, strconv.Itoa(port))
	}
	u, err := url.Parse(address)
	return u, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// New returns a Client. The address may have a user and a password in it.
func New(o Options) (*Client, error) {
	u, ok := Address(o.URL, o.Host, o.Port)
	if !ok {
		return nil, errors.New("the address of the service is none with http:// or https://")
	}
	c := &Client{base: u, user: o.User, password: o.Password, http: &http.Client{Timeout: o.Timeout}}
	if c.http.Timeout == 0 {
		c.http.Timeout = 90 * time.Second
	}
	// A POST that is redirected becomes a GET.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if u.User != nil {
		password, _ := u.User.Password()
		c.user, c.password = u.User.Username(), labelstudio.NewSecret(password)
		u.User = nil
	}
	u.RawQuery, u.Fragment = "", ""
	return c, nil
}

// Get reads the JSON of a route into out.
func (c *Client) Get(ctx context.Context, route string, query url.Values, out any) error {
	u := c.base.JoinPath(route)
	u.RawQuery = query.Encode()
	return c.do(ctx, http.MethodGet, u, nil, out)
}

// Text reads the text of a route.
func (c *Client) Text(ctx context.Context, route string, query url.Values) (text string, err error) {
	u := c.base.JoinPath(route)
	u.RawQuery = query.Encode()
	err = c.do(ctx, http.MethodGet, u, nil, &text)
	return text, err
}

// Post sends JSON to a route and reads the answer into out.
func (c *Client) Post(ctx context.Context, route string, in, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, c.base.JoinPath(route), raw, out)
}

// do reads the answer to a request into out: JSON, or of a *string the text.
func (c *Client) do(ctx context.Context, method string, u *url.URL, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept", "application/json")
	if c.user != "" {
		r.SetBasicAuth(c.user, c.password.Reveal())
	}
	w, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &Error{What: fmt.Sprintf("the service does not answer at %s: %v", c.base, without.URL(err)),
			Advice: "start it with asr-backend serve, or give its address with --url"}
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(w.Body, mostAnswer))
	if err != nil {
		return &Error{What: fmt.Sprintf("the answer of %s broke off: %v", c.base, without.URL(err))}
	}
	if w.StatusCode != http.StatusOK {
		return c.refused(w, raw)
	}
	if text, ok := out.(*string); ok {
		*text = string(raw)
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return &Error{Status: w.StatusCode, What: fmt.Sprintf("the answer of %s is not that of asr-backend", c.base), Advice: "check the address"}
	}
	return nil
}

// refused explains an answer.
func (c *Client) refused(w *http.Response, raw []byte) error {
	var answer struct {
		Detail string `json:"detail"`
	}
	ours := json.Unmarshal(raw, &answer) == nil && answer.Detail != ""
	e := &Error{Status: w.StatusCode, What: fmt.Sprintf("%s: %s", c.base, w.Status)}
	switch {
	case w.StatusCode == http.StatusUnauthorized && c.user == "":
		e.What = fmt.Sprintf("the service at %s asks for a user and a password", c.base)
		e.Advice = "set BASIC_AUTH_USER and BASIC_AUTH_PASS to those of the service"
	case w.StatusCode == http.StatusUnauthorized:
		e.What = fmt.Sprintf("the service at %s does not accept the user and the password", c.base)
		e.Advice = "set BASIC_AUTH_USER and BASIC_AUTH_PASS to those of the service"
	case w.StatusCode == http.StatusForbidden && ours && strings.Contains(answer.Detail, "needs authentication"):
		e.What = fmt.Sprintf("the service at %s has no password, and without one nobody may control its jobs", c.base)
		e.Advice = "start it with BASIC_AUTH_USER and BASIC_AUTH_PASS set"
	case w.StatusCode >= 300 && w.StatusCode < 400:
		to, err := w.Location()
		if err == nil {
			e.What = fmt.Sprintf("%s redirects to %s", c.base, without.Secrets(to))
		}
		e.Advice = "give the address of the service itself with --url"
	case ours && w.StatusCode == http.StatusNotFound && strings.HasPrefix(answer.Detail, "There is no such route"):
		e.What = fmt.Sprintf("the service at %s cannot do this", c.base)
		e.Advice = "it is older than this program: update it"
	case ours:
		e.What = visible.Text(answer.Detail)
	}
	return e
}
