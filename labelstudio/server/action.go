package server

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/asr-backend/asr-backend/labelstudio"

	"github.com/gofiber/fiber/v2"
)

// ActionBodyLimit is enough for the ids of ten thousand tasks, and for a book of two thousand pages.
const ActionBodyLimit = 8 << 20

// action serves a handler that changes something to those who have authenticated.
func (b *Server) action(path string, h http.Handler) fiber.Handler {
	var sites http.CrossOriginProtection
	serve := b.private(path, h)
	return func(c *fiber.Ctx) error {
		c.Locals(keyRoute, path)
		if b.options.User == "" {
			return labelstudio.Errorf(http.StatusForbidden, "%s changes what this backend does, so it needs authentication: set a user and a password for this backend.", path)
		}
		from := &http.Request{Method: http.MethodPost, Host: string(c.Context().Host()), URL: &url.URL{Path: path}, Header: http.Header{}}
		for _, name := range []string{"Origin", "Sec-Fetch-Site"} {
			from.Header.Set(name, strings.Clone(c.Get(name)))
		}
		if err := sites.Check(from); err != nil {
			return labelstudio.Errorf(http.StatusForbidden, "%s takes no requests from pages of other sites: %v.", path, err)
		}
		// The adaptor would read all of the body into memory, whatever its size.
		body := c.Locals(keyBody).(*body)
		body.left = min(body.left, ActionBodyLimit)
		var raw []byte
		if err := b.read(c, func(r io.Reader) (err error) {
			raw, err = io.ReadAll(r)
			return err
		}); err != nil {
			return err
		}
		c.Request().SetBody(raw)
		return serve(c)
	}
}

// methodOf returns the method of a private route, empty for other paths.
func (b *Server) methodOf(path string) string {
	path = strings.ToLower(strings.TrimRight(path, "/"))
	if b.options.Actions[path] != nil {
		return http.MethodPost
	}
	for pattern := range b.options.Private {
		if fiber.RoutePatternMatch(path, pattern) {
			return http.MethodGet
		}
	}
	return ""
}
