package main

import (
	"encoding/json"

	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// configure saves a labelling configuration, with the event that Label Studio sends, and
// returns the one before.
func (s *studio) configure(project int64, config string) (before string) {
	s.ChangeProject(project, func(p *labelstudiotest.Project) { before, p.Config = p.Config, config })
	s.Emit(project, "PROJECT_UPDATED", nil)
	return before
}

// mistake saves extra params with a key that there is not. The error is what the person sees
// who saves them.
func (s *studio) mistake(project int64) error { return s.save(project, `{"modle":"x"}`) }

// correct saves extra params without the mistake.
func (s *studio) correct(project int64) error { return s.save(project, `{}`) }

func (s *studio) save(project int64, params string) error {
	b := s.Backends(project)[0]
	b.ExtraParams = json.RawMessage(params)
	s.AddBackend(b)
	return s.Refresh(project)
}
