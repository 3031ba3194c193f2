package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"

	"github.com/gofiber/fiber/v2"
)

// Keys of log attributes.
const (
	keyRequest  = "request_id"
	keyMethod   = "method"
	keyRoute    = "route"
	keyStatus   = "status"
	keyDuration = "duration"
	keyBytesIn  = "bytes_in"
	keyBytesOut = "bytes_out"
	keyError    = "error"
	keyProject  = "project"
	keyTask     = "task"
	keyAction   = "action"
)

const requestHeader = "X-Request-Id"

// observe gives each request an id, turns errors and panics into answers, and writes one
// line to the log.
func (b *Server) observe(c *fiber.Ctx) (err error) {
	start := time.Now()
	id := requestID(c)
	c.Locals(keyRequest, id)
	c.Set(requestHeader, id)
	body := b.openBody(c)
	err = b.guarded(c)
	body.close(c)
	if err != nil {
		if err := b.fail(c, err); err != nil {
			return err
		}
	}
	route, status, took := routeOf(c), c.Response().StatusCode(), time.Since(start)
	b.options.Observe(route, status, took)
	level := slog.LevelInfo
	switch {
	case route == "/ready" && status == http.StatusServiceUnavailable:
		level = slog.LevelDebug // an answer, not a failure
	case status >= 500:
		level = slog.LevelError
	case status >= 400:
		level = slog.LevelWarn
	case slices.Contains(quiet, route):
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String(keyRequest, id), slog.String(keyMethod, strings.Clone(c.Method())),
		slog.String(keyRoute, route), slog.Int(keyStatus, status), slog.Duration(keyDuration, took),
		slog.Int(keyBytesIn, max(c.Request().Header.ContentLength(), 0)), slog.Int(keyBytesOut, len(c.Response().Body())),
	}
	if err != nil {
		attrs = append(attrs, slog.String(keyError, err.Error()))
	}
	b.log.LogAttrs(b.requests, level, "request", attrs...)
	return nil
}

// quiet routes are polled; their success is not worth a line.
var quiet = []string{"/", "/health", "/ready", "/metrics", "/setup"}

// guarded runs the handlers and turns a panic into an error. The log gets the stack, the
// client does not.
func (b *Server) guarded(c *fiber.Ctx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			b.log.Error("panic", keyRequest, c.Locals(keyRequest), keyRoute, routeOf(c),
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = labelstudio.Errorf(http.StatusInternalServerError, "internal error, see the log")
		}
	}()
	return c.Next()
}

// routeOf names the route of a request; unknown paths have one name, so that strangers
// cannot fill the metrics.
func routeOf(c *fiber.Ctx) string {
	if private, ok := c.Locals(keyRoute).(string); ok {
		return private
	}
	path := strings.ToLower(strings.TrimRight(c.Path(), "/"))
	if path == "" {
		return "/"
	}
	for _, route := range known {
		if route == path {
			return route
		}
	}
	return "unknown"
}

// requestID takes over a sender's id if it is one, or makes one up.
func requestID(c *fiber.Ctx) string {
	id := c.Get(requestHeader)
	if len(id) > 0 && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return strings.Clone(id)
	}
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // never fails
	return hex.EncodeToString(raw[:])
}

// fail writes an error as the answer. It is the one place that knows which error has
// which status.
func (b *Server) fail(c *fiber.Ctx, err error) error {
	status, detail := http.StatusInternalServerError, err.Error()
	var chosen *labelstudio.StatusError
	var ours *fiber.Error
	switch {
	case errors.As(err, &chosen):
		if chosen.Status >= 400 && chosen.Status <= 599 {
			status = chosen.Status
		}
	case errors.As(err, &ours):
		status = ours.Code
	}
	id, _ := c.Locals(keyRequest).(string)
	c.Response().Header.SetStatusMessage([]byte(reason(detail)))
	return c.Status(status).JSON(failure{Status: status, Detail: detail, RequestID: id})
}

type failure struct {
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id,omitempty"`
}

// reason makes a text fit for an HTTP status line: one short line of ASCII, which is all
// that Label Studio's client shows without damage.
func reason(detail string) string {
	const most = 240
	b := make([]byte, 0, min(len(detail), most))
	for _, r := range detail {
		switch {
		case len(b) == most:
			return string(b[:most-3]) + "..."
		case r < ' ' || r == 0x7f:
			b = append(b, ' ')
		case r > '~':
			b = append(b, '?')
		default:
			b = append(b, byte(r))
		}
	}
	return string(b)
}
