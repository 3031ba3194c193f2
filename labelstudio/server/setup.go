package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/asr-backend/asr-backend/internal/must"
	"github.com/asr-backend/asr-backend/labelstudio"

	"github.com/gofiber/fiber/v2"
)

// setup answers POST /setup: it remembers what Label Studio says of the project and
// returns the model's version.
func (b *Server) setup(c *fiber.Ctx) error {
	var r labelstudio.SetupRequest
	if err := b.decode(c, &r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(b.requests, b.options.SetupTimeout)
	defer cancel()
	id := r.Project.ID()
	p := labelstudio.NewProject(id, r.Schema, b.options.Store)
	p.ExtraParams, p.Hostname, p.AccessToken = r.ExtraParams, r.Hostname, r.AccessToken
	// What was typed is kept before the model judges it: a mistake stays one until it is
	// corrected, however often Label Studio asks in between.
	err := b.remember(ctx, p, labelstudio.KeyLabelConfig, r.Schema)
	if err == nil && r.ExtraParams != nil {
		err = b.remember(ctx, p, labelstudio.KeyExtraParams, string(r.ExtraParams))
	}
	if err == nil {
		err = p.LoadExtraParams(ctx)
	}
	if err != nil {
		return err
	}
	version, err := b.version(ctx, p)
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, must.JSON(labelstudio.Setup{ModelVersion: version}))
}

// version asks the model which version it predicts with for the project, now, and keeps the
// model's state for Predict.
func (b *Server) version(ctx context.Context, p *labelstudio.Project) (string, error) {
	s, err := b.options.Model.Setup(ctx, p)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "", labelstudio.Errorf(http.StatusServiceUnavailable, "The model took too long to say its version. Try again.")
	case err != nil:
		return "", err
	case s.ModelVersion == "":
		return "", labelstudio.Errorf(http.StatusInternalServerError, "The model has no version, without which Label Studio refuses its predictions.")
	}
	p.State = s.State
	b.sawVersion(s.ModelVersion)
	return s.ModelVersion, b.remember(ctx, p, labelstudio.KeyModelVersion, s.ModelVersion)
}

// remember stores a value unless it is stored already: a write costs a sync to disk, and
// Label Studio says the same thing before every batch.
func (b *Server) remember(ctx context.Context, p *labelstudio.Project, key, value string) error {
	old, ok, err := p.Get(ctx, key)
	if err != nil {
		return storeError("read", err)
	}
	if ok && old == value {
		return nil
	}
	if err := p.Set(ctx, key, value); err != nil {
		return storeError("write", err)
	}
	return nil
}
