package service

import (
	"context"
	"errors"
	"net/http"

	"asr-backend/labelstudio"
	"asr-backend/service/projects"
)

// Settings are what a project may choose.
type Settings = projects.Settings

// Setup implements labelstudio.Model: the version of a project, without loading anything.
func (s *Service) Setup(ctx context.Context, p *labelstudio.Project) (labelstudio.Setup, error) {
	r, err := s.projects.Resolve(ctx, p)
	if err != nil {
		s.problems.SetProject(p.ID, err)
		if ctx.Err() != nil {
			return labelstudio.Setup{}, labelstudio.Errorf(http.StatusServiceUnavailable, "%v; try again in a moment", err)
		}
		return labelstudio.Setup{}, labelstudio.Errorf(http.StatusBadRequest, "%v", err)
	}
	if len(r.Plans) == 0 && p.LabelConfig != "" {
		// Label Studio would refuse the connection; its users see the reason at /status.
		s.problems.SetProject(p.ID, errors.New(r.Why))
	} else {
		s.problems.SetProject(p.ID, nil)
	}
	return labelstudio.Setup{ModelVersion: r.Version}, nil
}
