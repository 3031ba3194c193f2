package server

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"slices"

	"github.com/asr-backend/asr-backend/internal/must"
	"github.com/asr-backend/asr-backend/labelstudio"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the description of the routes, as served at /openapi.yaml.
func OpenAPI() []byte { return slices.Clone(openAPI) }

// known are the routes by the names that metrics and logs use.
var known = []string{
	"/", "/health", "/setup", "/predict", "/webhook", "/versions", "/ready", "/metrics", "/status", "/openapi.yaml",
	"/train", "/is_training", "/job_status", "/delete", "/duplicate_model", "/validate",
}

// retired are routes of older SDKs, which Label Studio can still call or be configured to call, and
// answers that keep it going.
var retired = map[string]struct {
	status int
	body   string
}{
	"/train":           {http.StatusCreated, `{}`},
	"/is_training":     {http.StatusOK, `{"is_training":false}`},
	"/job_status":      {http.StatusOK, `{"job_status":"finished","error":"","log":"","created_at":"","finished_at":""}`},
	"/delete":          {http.StatusOK, `{"deleted":0}`},
	"/duplicate_model": {http.StatusOK, `{"status":"ok"}`},
	"/validate":        {http.StatusOK, `{"status":"ok"}`},
}

func (b *Server) routes() {
	b.app.Use(b.strip, b.observe, b.authenticate)
	for _, path := range []string{"/", "/health"} {
		b.app.Get(path, func(c *fiber.Ctx) error { return sendJSON(c, http.StatusOK, b.health) })
	}
	b.app.Post("/setup", b.setup)
	b.app.Post("/predict", b.predict)
	b.app.Post("/webhook", b.requireSecret, b.webhook)
	b.app.Get("/versions", b.sendVersions).Post("/versions", b.sendVersions)
	b.app.Get("/ready", b.ready)
	b.app.Get("/metrics", b.injected(b.options.Metrics, `{}`))
	b.app.Get("/status", b.injected(b.options.Status, string(b.health)))
	b.app.Get("/openapi.yaml", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, "application/yaml")
		return c.Send(openAPI)
	})
	for path, h := range b.options.Private {
		b.app.Get(path, b.private(path, h))
	}
	for path, h := range b.options.Actions {
		b.app.Post(path, b.action(path, h))
	}
	for path, answer := range retired {
		b.app.All(path, func(c *fiber.Ctx) error { return sendJSON(c, answer.status, []byte(answer.body)) })
	}
	b.app.Use(func(c *fiber.Ctx) error {
		if allowed := b.methodOf(c.Path()); allowed != "" {
			c.Set(fiber.HeaderAllow, allowed)
			return labelstudio.Errorf(http.StatusMethodNotAllowed, "This route takes %s only.", allowed)
		}
		if slices.Contains(known, routeOf(c)) {
			return labelstudio.Errorf(http.StatusMethodNotAllowed, "%s does not take %s.", routeOf(c), c.Method())
		}
		return labelstudio.Errorf(http.StatusNotFound, "There is no such route. /openapi.yaml lists those there are.")
	})
}

// injected serves a handler of net/http. The context of its requests is the backend's: the
// server's own is used again for other requests while somebody may still watch it.
func (b *Server) injected(h http.Handler, fallback string) fiber.Handler {
	if h != nil {
		return adaptor.HTTPHandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(b.requests, b.options.SetupTimeout)
			defer cancel()
			h.ServeHTTP(w, r.WithContext(ctx))
		})
	}
	return func(c *fiber.Ctx) error { return sendJSON(c, http.StatusOK, []byte(fallback)) }
}

// private serves a handler to those who have authenticated.
func (b *Server) private(path string, h http.Handler) fiber.Handler {
	serve := adaptor.HTTPHandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(b.requests, b.options.PredictTimeout)
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
	return func(c *fiber.Ctx) error {
		c.Locals(keyRoute, path)
		if b.options.User == "" {
			return labelstudio.Errorf(http.StatusForbidden, "%s shows what people wrote, so it needs authentication: set a user and a password for this backend.", path)
		}
		return serve(c)
	}
}

func sendJSON(c *fiber.Ctx, status int, body []byte) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(status).Send(body)
}

func (b *Server) ready(c *fiber.Ctx) error {
	if err := b.options.Ready(); err != nil {
		return sendJSON(c, http.StatusServiceUnavailable, must.JSON(map[string]string{"status": "STARTING", "detail": err.Error()}))
	}
	return sendJSON(c, http.StatusOK, []byte(`{"status":"READY"}`))
}

func (b *Server) sendVersions(c *fiber.Ctx) error {
	b.mu.Lock()
	body := must.JSON(map[string][]string{"versions": b.versions})
	b.mu.Unlock()
	return sendJSON(c, http.StatusOK, body)
}

// maxVersions bounds how many versions /versions remembers.
const maxVersions = 100

func (b *Server) sawVersion(version string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.Contains(b.versions, version) {
		return
	}
	if b.versions = append(b.versions, version); len(b.versions) > maxVersions {
		b.versions = slices.Delete(b.versions, 0, 1)
	}
}

func storeError(what string, err error) error {
	return fmt.Errorf("%s the project's state: %w", what, err)
}
