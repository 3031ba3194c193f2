package projects

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/transcribe"
)

// Project is a project of Label Studio with everything that follows from its labelling
// configuration, its settings and the model they choose.
type Project struct {
	*labelstudio.Project
	// Settings are what the project has chosen, but with its trained model in place of ChosenModel,
	// the one that it has chosen. See Trained.
	Settings    Settings
	ChosenModel string
	// Plans say what is predicted, one for each recording that the page shows. Without
	// plans nothing is, and Why says why.
	Plans []*labelconfig.Plan
	Why   string
	// Version is that of the project's predictions, and TranscriptVersion that of the
	// transcripts they are built from. A change of how results look changes the former only.
	Version, TranscriptVersion string
	// Transcription is how recordings are transcribed.
	Transcription transcribe.Options
}

// Split reports whether the page shows channels apart.
func (p *Project) Split() bool {
	return slices.ContainsFunc(p.Plans, func(p *labelconfig.Plan) bool { return p.Split })
}

// Expecting returns the project with more hotwords. Its versions are those of the project as it
// is, so what is made with them is not stored as its prediction. An error is a sentence for
// whoever gave the hotwords.
func (p *Project) Expecting(hotwords []string) (*Project, error) {
	if len(hotwords) == 0 {
		return p, nil
	}
	out := *p
	out.Settings.Hotwords = slices.Concat(p.Settings.Hotwords, hotwords)
	if err := out.Settings.validateHotwords(); err != nil {
		return nil, err
	}
	out.Transcription.Hotwords, _ = out.Settings.phrases() // validated
	return &out, nil
}

// NotServedError says that nothing can be predicted for a project until somebody changes its
// settings or its labelling configuration.
type NotServedError struct {
	Project int64
	Err     error
}

// Error is a sentence for the project's users.
func (e *NotServedError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *NotServedError) Unwrap() error { return e.Err }

// Served returns nil if something is predicted for the project, else a NotServedError.
func (p *Project) Served() error {
	if len(p.Plans) > 0 {
		return nil
	}
	return &NotServedError{p.ID, errors.New(p.Why)}
}

// Check returns an error if the settings name labels or controls that the labelling configuration does
// not have. Predictions do without them.
func (p *Project) Check() error {
	if err := p.Config.Check(p.Settings.plans()); err != nil {
		return fmt.Errorf("extra params: %w", err)
	}
	return nil
}

// Resolve finds out what a project wants. An error is a sentence for its users, a
// NotServedError where they can correct it, unless it wraps one of ctx, which bounds the reading
// of a model that is met for the first time.
func (r *Registry) Resolve(ctx context.Context, p *labelstudio.Project) (*Project, error) {
	return r.resolve(ctx, p, fresh)
}

// resolve is Resolve with what the project has learnt, which may be in memory for so long.
func (r *Registry) resolve(ctx context.Context, p *labelstudio.Project, age time.Duration) (*Project, error) {
	settings, err := ParseSettings(p.ExtraParams, r.options.Defaults)
	if err != nil {
		return nil, &NotServedError{p.ID, err}
	}
	chosen, err := r.use(ctx, p.ID, &settings, age)
	if err != nil {
		return nil, err
	}
	id, err := r.options.Models.Identity(ctx, settings.ModelKey())
	if err != nil {
		return nil, explain(err, p.ID, chosen, &settings)
	}
	out := &Project{Project: p, Settings: settings, ChosenModel: chosen}
	out.Plans, out.Why = p.Config.Plans(settings.plans())
	if p.ConfigErr != nil {
		out.Why = p.ConfigErr.Error()
	}
	out.Transcription = settings.Transcription(out.Split(), r.options.FFmpeg)
	if out.Transcription.Knowledge, err = r.knowledge(ctx, p.ID, &settings, age); err != nil {
		return nil, err
	}
	out.TranscriptVersion = out.Transcription.Version(id)
	out.Version = id.Name + "-" + Fingerprint(out.TranscriptVersion, shapes(out.Plans), settings.Results())
	return out, nil
}

// shape is what of a plan changes results. It is part of versions, so neither the order nor
// the names of its fields may change.
type shape struct {
	Audio, AudioKey     string
	Split               bool
	Labels, Text, Whole string
	Label, Choice       string
	Paragraphs          string
	TextKeys            []string
	Channels            []string `json:",omitempty"`
}

func shapes(plans []*labelconfig.Plan) []shape {
	out := make([]shape, len(plans))
	for i, p := range plans {
		s := shape{Audio: p.Audio.Name, AudioKey: cmp.Or(p.Audio.Key(), p.Audio.Value), Split: p.Split, TextKeys: p.TextKeys}
		if r := p.Regions; r != nil {
			s.Label = r.Label(nil)
			s.Choice = r.ChoiceValue
			s.Channels = r.Channels()
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

// ParseConfig implements labelstudio.ConfigParser. A configuration is parsed once, however
// many requests and jobs come with it.
func (r *Registry) ParseConfig(text string) (*labelconfig.Config, error) {
	r.mu.Lock()
	known, ok := r.configs[text]
	r.mu.Unlock()
	if ok {
		return known.config, known.err
	}
	var now parsed
	now.config, now.err = labelconfig.Parse(text)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.configs) >= mostConfigs || r.configBytes+len(text) > mostConfigBytes {
		clear(r.configs) // those in use are soon back
		r.configBytes = 0
	}
	if _, ok := r.configs[text]; !ok {
		r.configBytes += len(text)
	}
	r.configs[text] = now
	return now.config, now.err
}

// Load returns a project as it was last seen.
func (r *Registry) Load(ctx context.Context, id int64) (*labelstudio.Project, error) {
	config, _, err := r.Get(ctx, id, labelstudio.KeyLabelConfig)
	if err != nil {
		return nil, fmt.Errorf("read project %d: %w", id, err)
	}
	p := labelstudio.NewProject(id, config, r)
	if p.Login, p.Password, err = r.Login(ctx, id); err != nil {
		return nil, err
	}
	return p, p.LoadExtraParams(ctx)
}

// Present returns a project as it was last seen, resolved.
func (r *Registry) Present(ctx context.Context, id int64) (*Project, error) {
	loaded, err := r.Load(ctx, id)
	if err != nil {
		return nil, err
	}
	return r.Resolve(ctx, loaded)
}

// Hotwords gives settings that are kept without their hotwords those that the project has now, and
// which of what was learnt is used.
func (r *Registry) Hotwords(ctx context.Context, id int64, s *Settings) error {
	extra, _, err := r.Get(ctx, id, labelstudio.KeyExtraParams)
	if err != nil {
		return fmt.Errorf("read project %d: %w", id, err)
	}
	now, err := ParseSettings(json.RawMessage(extra), r.options.Defaults)
	if err != nil {
		return &NotServedError{id, err}
	}
	s.Hotwords, s.HotwordWeight, s.Learn = now.Hotwords, now.HotwordWeight, now.Learn
	return nil
}

// Show resolves a project for a page: as Load and Resolve do, but without its credentials, and
// what other processes have changed may be missing for a minute.
func (r *Registry) Show(ctx context.Context, id int64) (*Project, error) {
	store := glance{r}
	config, _, err := store.Get(ctx, id, labelstudio.KeyLabelConfig)
	if err != nil {
		return nil, fmt.Errorf("read project %d: %w", id, err)
	}
	p := labelstudio.NewProject(id, config, store)
	if err := p.LoadExtraParams(ctx); err != nil {
		return nil, err
	}
	return r.resolve(ctx, p, shown)
}

// glance is a Registry whose values may be older.
type glance struct{ *Registry }

func (g glance) Get(ctx context.Context, project int64, key string) (string, bool, error) {
	return g.get(ctx, project, key, shown)
}

// Refresh reads a project's labelling configuration from Label Studio and returns the project
// with it. Errors of the API are returned as they are.
func (r *Registry) Refresh(ctx context.Context, client *api.Client, id int64) (*labelstudio.Project, error) {
	// Else what was read first might be kept last.
	r.refreshing.Lock()
	defer r.refreshing.Unlock()
	now, err := client.Project(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := r.Set(ctx, id, keyTitle, now.Title); err != nil {
		return nil, err
	}
	return r.Configure(ctx, id, now.LabelConfig)
}

// Configure sets a project's labelling configuration and returns the project with it.
func (r *Registry) Configure(ctx context.Context, id int64, config string) (*labelstudio.Project, error) {
	if err := r.Set(ctx, id, labelstudio.KeyLabelConfig, config); err != nil {
		return nil, err
	}
	return r.Load(ctx, id)
}

// Concerned returns the projects that an event is about: the one it names, or all that have
// asked so far, since a webhook without payload names none.
func (r *Registry) Concerned(ctx context.Context, id int64) []int64 {
	if id != 0 {
		return []int64{id}
	}
	return r.List(ctx)
}

// Inaccessible reports whether an error of the API means that a project is gone or not for
// the token's user to see. Work on all projects passes over such a project. A user who may see
// nothing at all is an outage.
func Inaccessible(ctx context.Context, client *api.Client, err error) bool {
	switch api.Status(err) {
	case http.StatusNotFound:
		return true
	case http.StatusForbidden:
		_, err := client.Whoami(ctx)
		return err == nil
	}
	return false
}
