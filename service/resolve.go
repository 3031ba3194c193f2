package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"asr-backend/labelstudio"
	"asr-backend/labelstudio/labelconfig"
	"asr-backend/transcribe"
)

// resolved is what a project's configuration and settings come to.
type resolved struct {
	settings Settings
	plans    []*labelconfig.Plan
	why      string // why there are no plans
	// version is the project's, hearing that of its transcripts.
	version, hearing string
	options          transcribe.Options
}

// resolve finds out what a project wants. An error is a sentence for its users, unless it
// wraps one of ctx, which bounds the reading of a model that is met for the first time.
func (s *Service) resolve(ctx context.Context, p *labelstudio.Project) (*resolved, error) {
	settings, err := parseSettings(p.ExtraParams, s.options.Defaults)
	if err != nil {
		return nil, err
	}
	id, err := s.models.Identity(ctx, settings.Model)
	if err != nil {
		return nil, err
	}
	r := &resolved{settings: settings}
	r.plans, r.why = p.Config.Plans(settings.plans())
	if p.ConfigErr != nil {
		r.why = p.ConfigErr.Error()
	}
	split := slices.ContainsFunc(r.plans, func(p *labelconfig.Plan) bool { return p.Split })
	r.options = settings.transcription(split, s.options.FFmpeg)
	r.hearing = r.options.Version(id)
	r.version = id.Name + "-" + fingerprint(r.hearing, shapes(r.plans), settings.results())
	return r, nil
}

// shape is what of a plan changes results.
type shape struct {
	Audio, AudioKey     string
	Split               bool
	Labels, Text, Whole string
	Label, Choice       string
	Paragraphs          string
	TextKeys            []string
}

func shapes(plans []*labelconfig.Plan) []shape {
	out := make([]shape, len(plans))
	for i, p := range plans {
		s := shape{Audio: p.Audio.Name, AudioKey: p.Audio.Key(), Split: p.Split, TextKeys: p.TextKeys}
		if r := p.Regions; r != nil {
			s.Label = r.Label(nil)
			s.Choice = r.ChoiceValue
			if r.Labels != nil {
				s.Labels = r.Labels.Name
			}
			if r.Text != nil {
				s.Text = r.Text.Name
			}
			if r.Choice != nil {
				s.Choice = r.Choice.Name + "=" + s.Choice
			}
		}
		if p.Whole != nil {
			s.Whole = p.Whole.Name
		}
		if g := p.Paragraphs; g != nil {
			s.Paragraphs = fmt.Sprint(g.Key, g.TextKey, g.NameKey)
		}
		out[i] = s
	}
	return out
}

// Setup implements labelstudio.Model: the version of a project, without loading anything.
func (s *Service) Setup(ctx context.Context, p *labelstudio.Project) (labelstudio.Setup, error) {
	r, err := s.resolve(ctx, p)
	if err != nil {
		s.problems.SetProject(p.ID, err)
		if ctx.Err() != nil {
			return labelstudio.Setup{}, labelstudio.Errorf(http.StatusServiceUnavailable, "%v; try again in a moment", err)
		}
		return labelstudio.Setup{}, labelstudio.Errorf(http.StatusBadRequest, "%v", err)
	}
	if len(r.plans) == 0 && p.LabelConfig != "" {
		// Label Studio would refuse the connection; its users see the reason at /status.
		s.problems.SetProject(p.ID, errors.New(r.why))
	} else {
		s.problems.SetProject(p.ID, nil)
	}
	return labelstudio.Setup{ModelVersion: r.version}, nil
}
