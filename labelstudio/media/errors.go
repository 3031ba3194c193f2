package media

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/asr-backend/asr-backend/internal/download"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/internal/without"
)

// Error is a recording that could not be had. Its text is for a person: what was asked
// for, what happened where, and what to do. It has no secrets in it.
type Error struct {
	Kind   Kind
	Value  string // as the task has it, without query and credentials
	URL    string // of the request that failed, without query and credentials
	Status int    // of its answer, or 0
	Hint   string // a sentence
	// RetryAfter is how long the other side asks to wait, or zero.
	RetryAfter time.Duration
	Err        error
	retry      bool
}

// Error writes all that is known. Names and answers from outside are written so that no
// terminal acts on them.
func (e *Error) Error() string { return visible.Text(e.text()) }

func (e *Error) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "recording %s", e.Value)
	if e.URL != "" {
		fmt.Fprintf(&b, ": GET %s", e.URL)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	switch {
	case e.Hint == "":
		return b.String()
	case e.URL == "" && e.Err == nil:
		return b.String() + ": " + e.Hint
	}
	return strings.TrimRight(b.String(), ".") + ". " + e.Hint
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the recording may be had later without a change by a person,
// and how long the other side asks to wait; zero leaves that to the caller.
func Retryable(err error) (time.Duration, bool) {
	var e *Error
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.RetryAfter, e.retry
}

// ErrNotKept: the data URI that a reference names is not in the cache.
var ErrNotKept = errors.New("the recording stood in the task's data and is no longer kept here")

// Causes of errors.
var (
	errClosed   = errors.New("the fetcher is closed")
	errTooLong  = errors.New("it took too long")
	errPage     = errors.New("the answer is a web page, not a recording")
	errLogin    = errors.New("the answer is a page to log in, not a recording")
	errOutside  = errors.New("the path leaves its folder")
	errBadData  = errors.New("the data URI does not decode")
	errNoServer = errors.New("it is on Label Studio's host, which is not known: set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY")
	errLoop     = errors.New("too many redirects")
)

// explain makes an Error of what went wrong with a download.
func (f *Fetcher) explain(ctx context.Context, r Request, s source, err error) error {
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), errTooLong) {
		err = fmt.Errorf("%w: more than %v", errTooLong, f.options.MaxTime)
	} else if ctx.Err() != nil && f.life.Err() != nil {
		err = errClosed
	}
	e := &Error{Kind: s.kind, Value: shown(r.Value), Err: stripPath(without.URL(err)), retry: s.later(err)}
	if refused, ok := errors.AsType[*download.Error](err); ok {
		e.URL, e.Status, e.RetryAfter, e.Err = refused.URL, refused.Status, refused.RetryAfter, refused.Err
	}
	e.Hint = f.hint(s, e)
	return e
}

// hint says what a person can do.
func (f *Fetcher) hint(s source, e *Error) string {
	var refused *insideError
	var dns *net.DNSError
	switch {
	case errors.As(e.Err, &refused) && refused.all:
		return "Link-local addresses and those of cloud metadata services are refused even with --allow-private. If this one is meant to be reached, allow it with --allow-host."
	case errors.As(e.Err, &refused):
		return "Tasks may not reach addresses inside the network. If this one is meant to be reached, allow it with --allow-host."
	case errors.As(e.Err, &dns):
		return fmt.Sprintf("The name %q is not known here.", dns.Name)
	case errors.Is(e.Err, syscall.ENOSPC):
		return fmt.Sprintf("The disk of the cache folder %s is full.", f.options.CacheDir)
	case errors.Is(e.Err, ErrNotKept):
		return "Ask for the task again, for example by Retrieve Predictions. Recordings in storage or under an address have no such limits."
	case errors.Is(e.Err, download.ErrTooLarge) && s.kind == Inline:
		return "Upload the recording, or put it into a storage or under an address."
	case errors.Is(e.Err, download.ErrTooLarge):
		return fmt.Sprintf("The limit is %d bytes.", f.options.MaxBytes)
	case errors.Is(e.Err, errLogin) && !s.token:
		return noToken
	case errors.Is(e.Err, errLogin):
		return "Label Studio asks to log in: check LABEL_STUDIO_API_KEY."
	case errors.Is(e.Err, errPage) && s.own:
		return "Label Studio is under maintenance, or a proxy in front of it asks to log in."
	case s.own && f.abroad(e) && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden):
		return "The storage refuses the address that Label Studio signed. If the next one is refused too, check the storage's credentials under Settings, Cloud Storage."
	}
	if !s.own {
		switch e.Status {
		case http.StatusUnauthorized, http.StatusForbidden:
			return "The server wants other credentials. They are the project's task data login, or part of the address; a signed address may have run out."
		case http.StatusNotFound, http.StatusGone:
			return "The recording is not there any more, or the address is wrong."
		}
		return ""
	}
	switch e.Status {
	case http.StatusUnauthorized:
		if !s.token {
			return noToken
		}
		return "Label Studio does not accept the token: check LABEL_STUDIO_API_KEY."
	case http.StatusForbidden:
		if s.kind == Cloud || s.kind == Resolved {
			return "The storage or Label Studio refuses: is the user behind LABEL_STUDIO_API_KEY a member of the project, and are the storage's credentials good?"
		}
		if s.kind == LocalFile && e.Err != nil && strings.Contains(e.Err.Error(), "LOCAL_FILES_SERVING_ENABLED") {
			return "Label Studio serves local files only with LOCAL_FILES_SERVING_ENABLED=true in its environment."
		}
		return "Is the user behind LABEL_STUDIO_API_KEY a member of the project?"
	case http.StatusNotFound:
		switch s.kind {
		case Cloud, Resolved:
			return "No storage of the project matches this address: check the bucket and prefix under Settings, Cloud Storage."
		case LocalFile:
			return "Label Studio serves no such local file: check LOCAL_FILES_SERVING_ENABLED and LOCAL_FILES_DOCUMENT_ROOT, and that a Local Files storage covers the folder."
		case Upload:
			return "Label Studio does not have the upload (any more)."
		}
		return "Label Studio has no such path; does LABEL_STUDIO_URL lack a part?"
	case http.StatusFailedDependency:
		return "Label Studio cannot reach the storage: check its credentials under Settings, Cloud Storage."
	}
	return ""
}

const noToken = "This path on Label Studio's host is none of those for media, so it was asked without the token."

// abroad reports whether an answer came from another host than Label Studio's, to which it had
// redirected.
func (f *Fetcher) abroad(e *Error) bool {
	u, err := url.Parse(e.URL)
	return err == nil && u.Host != "" && len(f.own) > 0 && !sameHost(u, f.own[0])
}

// shown is a value as it may stand in messages: no query, no credentials, no megabytes.
func shown(value string) string {
	const most = 200
	if _, after, ok := cutFold(strings.TrimSpace(value), "data:"); ok {
		kind, _, _ := strings.Cut(after, ",")
		value = "data:" + kind[:min(len(kind), 40)] + ",..."
	} else if u, err := url.Parse(value); err == nil && u.Host != "" {
		value = without.Secrets(u)
	} else if path, query, ok := strings.Cut(value, "?"); ok {
		// What stands behind d= and filepath= is a path, and the only thing that shows it.
		values, _ := url.ParseQuery(query)
		value = path
		for _, key := range []string{"d", "filepath"} {
			if v := values.Get(key); v != "" {
				value += "?" + key + "=" + v
			}
		}
	}
	if value = strings.ToValidUTF8(value, "?"); len(value) > most {
		value = strings.ToValidUTF8(value[:most], "") + "..."
	}
	return fmt.Sprintf("%q", value)
}

// stripPath takes the name out of an error about a file of the cache: it is of no use to
// anybody, and another one the next time.
func stripPath(err error) error {
	if reason := without.Path(err); reason != err {
		return fmt.Errorf("media cache: %w", reason)
	}
	return err
}
