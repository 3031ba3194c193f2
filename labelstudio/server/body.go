package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/internal/jsonerr"
	"github.com/asr-backend/asr-backend/labelstudio"

	"github.com/gofiber/fiber/v2"
)

// Bodies are read as streams, after authentication: what a stranger sends is never held in
// memory before it is known whether anybody wants it. fasthttp reads 8 KiB ahead, does not
// limit a stream, and does not skip what a handler left unread, which would then be taken for
// the next request. So body does all three.

const (
	// OpenBodyLimit bounds the body of a request without credentials on an open route, in
	// bytes: five thousand tasks are 1 MB, and the annotation of ten hours is below 10.
	OpenBodyLimit = 16 << 20
	// largeBody is from where on bodies without credentials wait for their turn, and
	// largeBodies how many of them are read at once.
	largeBody   = 1 << 20
	largeBodies = 2
	// largeWithin bounds the reading of a large body without credentials, with the wait for
	// its turn.
	largeWithin = 20 * time.Second
	// leftover is how much of an unread body is skipped to keep a connection.
	leftover = 256 << 10
	// giveBack is from which size on the memory that a body took is returned to the system.
	giveBack = 32 << 20
)

// body is the body of one request.
type body struct {
	stream io.Reader
	left   int64 // of the limit
	err    error // of the last Read; io.EOF once everything was read
	closed bool
}

var errBodyTooLarge = errors.New("the body is too large")

// Read implements io.Reader.
func (b *body) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	// One byte more than the limit distinguishes a body of that size from a larger one.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, b.err = b.stream.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, b.err = n-1, errBodyTooLarge
	}
	return n, b.err
}

// keyBody is where observe leaves the body for handlers.
const keyBody = "body"

// openBody limits the body of a request and leaves it for the handler. The caller closes it.
// Requests that only ask lose theirs here: the adaptor of net/http's handlers would read all
// of it into memory.
func (b *Server) openBody(c *fiber.Ctx) *body {
	out := &body{stream: c.Context().RequestBodyStream(), left: int64(b.options.BodyLimit)}
	if b.stranger(c) {
		out.left = min(out.left, OpenBodyLimit)
	}
	if out.stream == nil {
		out.err = io.EOF
	}
	if c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead {
		out.close(c)
		c.Request().ResetBody()
	}
	c.Locals(keyBody, out)
	return out
}

// close skips what the handler left, or has the connection closed after the answer. What is
// beyond the limit is skipped too: a client that still sends when the connection is closed may
// not see the answer.
func (b *body) close(c *fiber.Ctx) {
	if b.closed {
		return
	}
	b.closed = true
	if b.err == nil || errors.Is(b.err, errBodyTooLarge) {
		b.left, b.err = leftover, nil
		_, _ = io.CopyN(io.Discard, b, leftover) // what is wrong with it stands in b.err
	}
	if b.err == nil {
		b.err = errBodyTooLarge // nobody may read on
	}
	if !errors.Is(b.err, io.EOF) {
		c.Context().SetConnectionClose()
	}
}

// stranger reports whether a request came without valid credentials to a route that is open.
// Without a password every route is, but only webhooks come from programs that know none.
func (b *Server) stranger(c *fiber.Ctx) bool {
	route := routeOf(c)
	if b.options.User == "" {
		return route == "/webhook"
	}
	return slices.Contains(b.options.Open, route) && !b.authentic(c.Get(fiber.HeaderAuthorization))
}

// read calls parse with the body of a request, which is JSON. A compressed one is refused:
// nothing bounds what comes out.
func (b *Server) read(c *fiber.Ctx, parse func(io.Reader) error) error {
	if encoding := c.Get(fiber.HeaderContentEncoding); encoding != "" && encoding != "identity" {
		return labelstudio.Errorf(http.StatusUnsupportedMediaType, "The body is %s encoded; send it plain.", encoding)
	}
	body := c.Locals(keyBody).(*body)
	limit := body.left
	length := int64(c.Request().Header.ContentLength()) // -1 if chunked
	if length > limit {
		return tooLarge(limit)
	}
	if (length < 0 || length > largeBody) && b.stranger(c) {
		done, err := b.turn(c)
		if err != nil {
			return err
		}
		defer done()
	}
	err := parse(body)
	if limit-max(body.left, 0) > giveBack {
		b.tidy.Reset(giveBackAfter)
	}
	switch {
	case errors.Is(body.err, errBodyTooLarge):
		return tooLarge(limit)
	case err != nil && body.err != nil && !errors.Is(body.err, io.EOF):
		return labelstudio.Errorf(http.StatusBadRequest, "The body broke off.")
	case err != nil:
		return labelstudio.Errorf(http.StatusBadRequest, "The body is not the JSON that %s takes: %v.", routeOf(c), jsonerr.Explain(err))
	}
	return nil
}

func tooLarge(limit int64) error {
	return labelstudio.Errorf(http.StatusRequestEntityTooLarge, "The request is larger than %d bytes.", limit)
}

// turn waits until a large body may be read.
func (b *Server) turn(c *fiber.Ctx) (done func(), err error) {
	deadline := time.Now().Add(largeWithin)
	wait := time.NewTimer(largeWithin)
	defer wait.Stop()
	select {
	case b.large <- struct{}{}:
	case <-wait.C:
		return nil, labelstudio.Errorf(http.StatusServiceUnavailable, "Other large requests are being read; send it again later.")
	case <-b.requests.Done():
		return nil, labelstudio.Errorf(http.StatusServiceUnavailable, "The server is shutting down.")
	}
	// A slow sender must not keep the others waiting.
	if err := c.Context().Conn().SetReadDeadline(deadline); err != nil {
		<-b.large
		return nil, fmt.Errorf("limit the reading of a body: %w", err)
	}
	return func() { <-b.large }, nil
}

// decode reads a JSON body.
func (b *Server) decode(c *fiber.Ctx, v any) error {
	return b.read(c, func(r io.Reader) error {
		var raw []byte
		if n := c.Request().Header.ContentLength(); n >= 0 {
			raw = make([]byte, n)
			if _, err := io.ReadFull(r, raw); err != nil {
				return err
			}
		} else {
			var err error
			if raw, err = io.ReadAll(r); err != nil {
				return err
			}
		}
		return json.Unmarshal(raw, v)
	})
}

// giveBackAfter is when memory is returned that a large body took: by then the request has
// usually ended.
const giveBackAfter = 3 * time.Second

// returnMemory returns what is free to the system. The runtime does so by itself, over minutes.
func returnMemory() { debug.FreeOSMemory() }
