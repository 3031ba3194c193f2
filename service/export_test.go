package service

import (
	"net/http"
	"time"

	"asr-backend/service/projects"
)

// StartWork is Start without a listener, for tests in fake time: a goroutine that waits
// for the network would keep time from passing.
func (s *Service) StartWork() { s.startWork() }

// Test answers one request without a network.
func (s *Service) Test(r *http.Request) (*http.Response, error) { return s.backend.Test(r) }

// SetStoring says how long Label Studio may take to store an answer. Call it before Start.
func (s *Service) SetStoring(d time.Duration) { s.deliveries.storing = d }

// SettingNames are the names that extra params may have.
var SettingNames = projects.SettingNames
