package labelstudio

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
)

// Model is what one implements to serve a model to Label Studio. Methods are called
// concurrently. The context ends when the request's time is up or the server stops, never
// because the client left: the two look the same.
type Model interface {
	// Setup says with which version predictions for the project are stamped. It is called
	// before every batch and answers from what it knows: it neither loads nor waits. The
	// text of an error is shown to the user who connects the backend, so it is a sentence
	// that says what to do; a StatusError chooses the status.
	Setup(ctx context.Context, p *Project) (Setup, error)

	// Predict returns suggestions for each task, by position; p.State is what Setup returned
	// for this request. An empty entry means "not now", as does NotNow with a reason for the
	// person who asks. The call as a whole fails only for a reason that concerns all tasks. In an
	// interactive request c is not nil, there is one task, and the first prediction's
	// result is drawn on the annotator's page.
	Predict(ctx context.Context, p *Project, tasks []Task, c *Context) ([]Predictions, error)

	// Fit receives what happened in the project, after Label Studio got its answer and in
	// the order of arrival. An error is logged.
	Fit(ctx context.Context, p *Project, e *Event) error
}

// Setup is a model's answer to a project.
type Setup struct {
	// ModelVersion is not empty, and changes when and only when predictions would.
	ModelVersion string `json:"model_version"`
	// State is whatever the model has worked out about the project on the way. It is given
	// to Predict of the same request as Project.State, and nobody else sees it.
	State any `json:"-"`
}

// StatusError is an error that chooses the HTTP status of the answer.
type StatusError struct {
	Status  int
	Message string
}

// Error returns the message.
func (e *StatusError) Error() string { return e.Message }

// Errorf returns a StatusError with a formatted message.
func Errorf(status int, format string, args ...any) error {
	return &StatusError{Status: status, Message: fmt.Sprintf(format, args...)}
}

// Store keeps strings by project and key. It is safe for concurrent use and survives
// restarts where that matters.
type Store interface {
	// Get returns the value, and false when there is none.
	Get(ctx context.Context, project int64, key string) (string, bool, error)
	// Set stores the value; an empty value is one too.
	Set(ctx context.Context, project int64, key, value string) error
}

// Keys under which the server keeps what a project's requests said.
const (
	KeyLabelConfig  = "label_config"
	KeyExtraParams  = "extra_params"
	KeyModelVersion = "model_version"
)

// Project is a project as one request shows it.
type Project struct {
	// ID is zero for a request that names no project.
	ID int64
	// LabelConfig is the labelling configuration as XML. Config is what it says, never
	// nil; it is empty when there is none or when ConfigErr says what is wrong with it.
	LabelConfig string
	Config      *labelconfig.Config
	ConfigErr   error
	// ExtraParams is the JSON typed when connecting, of any type, or nil.
	ExtraParams json.RawMessage
	// Login and Password open the project's protected media, where its server asks.
	Login    string
	Password Secret
	// Hostname and AccessToken are what /setup said of Label Studio itself; empty in
	// other requests, and nothing that a stranger could not have sent.
	Hostname    string
	AccessToken Secret
	// State is Setup.State in Predict, and nil elsewhere.
	State any

	store Store
}

// ConfigParser is implemented by a Store that remembers parsed configurations: NewProject
// asks it in place of labelconfig.Parse, so that one parse serves all requests of a project.
// A Config is never changed, so projects may share it.
type ConfigParser interface {
	ParseConfig(text string) (*labelconfig.Config, error)
}

// NewProject returns a project with its configuration parsed. A nil store forgets
// everything with the project.
func NewProject(id int64, labelConfig string, store Store) *Project {
	if store == nil {
		store = NewMemory()
	}
	p := &Project{ID: id, LabelConfig: labelConfig, Config: new(labelconfig.Config), store: store}
	parse := labelconfig.Parse
	if p, ok := store.(ConfigParser); ok {
		parse = p.ParseConfig
	}
	if labelConfig != "" {
		if config, err := parse(labelConfig); err != nil {
			p.ConfigErr = err
		} else {
			p.Config = config
		}
	}
	return p
}

// Get returns a string that was set for the project, and false when there is none.
func (p *Project) Get(ctx context.Context, key string) (string, bool, error) {
	return p.store.Get(ctx, p.ID, key)
}

// Set keeps a string for the project.
func (p *Project) Set(ctx context.Context, key, value string) error {
	return p.store.Set(ctx, p.ID, key, value)
}

// LoadExtraParams sets ExtraParams from the store, unless the request contained some.
func (p *Project) LoadExtraParams(ctx context.Context) error {
	if p.ExtraParams != nil {
		return nil
	}
	extra, ok, err := p.Get(ctx, KeyExtraParams)
	if err != nil {
		return fmt.Errorf("read the project's parameters: %w", err)
	}
	if ok {
		p.ExtraParams = json.RawMessage(extra)
	}
	return nil
}

// ModelVersion returns the version that Setup last returned for the project, or nothing.
func (p *Project) ModelVersion(ctx context.Context) (string, error) {
	version, _, err := p.Get(ctx, KeyModelVersion)
	return version, err
}
