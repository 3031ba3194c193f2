package service

import (
	"context"
	"net/http"
	"time"

	"github.com/asr-backend/asr-backend/service/control"
	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/projects"
)

// StartWork is Start without a listener, for tests in fake time: a goroutine that waits
// for the network would keep time from passing.
func (s *Service) StartWork() { s.startWork() }

// Test answers one request without a network.
func (s *Service) Test(r *http.Request) (*http.Response, error) { return s.server.Test(r) }

// Status gathers what /status says, of all projects or, unless it is zero, of one.
func (s *Service) Status(ctx context.Context, project int64) Status {
	return s.gather(ctx, asked{project: project, plain: true})
}

// Kept returns the correction of an annotation, or nil.
func (s *Service) Kept(ctx context.Context, project, annotation int64) (*corrections.Correction, error) {
	return s.corrections.Load(ctx, project, annotation)
}

// Control does something with tasks, as POST /jobs/... does.
func (s *Service) Control(ctx context.Context, action control.Action, tasks ...int64) (*control.Report, error) {
	return s.control.Do(ctx, action, control.Selection{Tasks: tasks})
}

// Controls is what controls the service's tasks.
func (s *Service) Controls() *control.Control { return s.control }

// Measured keeps the length of a recording of a project, as when a transcript was made of it.
func (s *Service) Measured(ctx context.Context, project int64, length time.Duration) error {
	return s.projects.Measured(ctx, project, length)
}

// MostListed is how many tasks of each project /status lists.
var MostListed = mostListed

// SettingNames are the names that extra params may have.
var SettingNames = projects.SettingNames

// StudioForBrowsers is where browsers find Label Studio.
var StudioForBrowsers = studioForBrowsers
