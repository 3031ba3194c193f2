// Package projects knows the projects of Label Studio that use this backend: what each has
// chosen, what is predicted for it, in which version, and what is kept for it.
//
// # From a request to a Project
//
//	extra params ──ParseSettings──> Settings ─────────┐
//	labelling configuration ──labelconfig──> Plans ───┼──Resolve──> Project{Version, ...}
//	the model's identity ─────────────────────────────┘
//
// # Versions
//
// Label Studio stores a version with each prediction and asks again when /setup returns
// another one. So the version must change when, and only when, answers would. It is the
// model's name and a digest of three things: how recordings are transcribed (the model, its
// windows, the settings that shape regions), what the plans fill, and how results are
// written. Transcripts have a version of their own, without the last two, so that a change
// of the page does not transcribe anything again.
//
// # Values
//
// Registry is also the labelstudio.Store in which the HTTP server keeps what requests say of
// a project. It writes behind: a request only changes memory, and Run writes changes to the
// queue's store. Connecting a project therefore works on a full disk and while the queue
// opens, and costs no sync.
package projects

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/queue"
)

// Models reports what a model's output depends on.
type Models interface {
	Identity(ctx context.Context, model modelpool.Key) (asr.Identity, error)
}

// Options are what a Registry is made of. Queue and Models are required.
type Options struct {
	Queue  *queue.Queue
	Models Models
	// Defaults are the settings of projects that choose nothing.
	Defaults Settings
	FFmpeg   string // see audio.Options
	// Canonical returns the one name of a model that has several; nil: each name is a model.
	Canonical func(name string) string
	// LearntFile notes which versions of what they have learnt projects use, and which trained
	// models, for the moments before the queue is open; empty: these are waited for.
	LearntFile string
	Logger     *slog.Logger
}

// Registry knows projects. It is safe for concurrent use.
type Registry struct {
	options Options
	log     *slog.Logger
	changed chan struct{} // capacity 1: there are values to write

	refreshing sync.Mutex // held while a configuration is read and kept
	measuring  sync.Mutex // held while the longest recording is read and kept

	mu      sync.Mutex // guards the fields below
	values  map[valueKey]value
	configs map[string]parsed // by text
	// configBytes is the size of the texts of configs.
	configBytes int
	written     map[int64]Written // by project, as far as known here
	noted       early
	made        time.Time
}

// parsed is what a labelling configuration says, or what is wrong with it.
type parsed struct {
	config *labelconfig.Config
	err    error
}

// Written are the versions that this backend has written to a project: those of predictions,
// and those of transcripts, which mark rows of Paragraphs.
type Written map[string]bool

// mostConfigs and mostConfigBytes bound how many parsed configurations are remembered, and the
// size of their texts.
const (
	mostConfigs     = 256
	mostConfigBytes = 16 << 20
)

// New returns a registry. Run writes its changes.
func New(o Options) (*Registry, error) {
	if err := o.Defaults.Validate(); err != nil {
		return nil, fmt.Errorf("projects: default settings: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Registry{options: o, log: o.Logger, values: map[valueKey]value{}, configs: map[string]parsed{}, written: map[int64]Written{}, changed: make(chan struct{}, 1), noted: openEarly(o.LearntFile), made: time.Now()}, nil
}

// Name is a project's name in the queue.
func Name(id int64) string { return strconv.FormatInt(id, 10) }

// ParseName is the inverse of Name, and zero for other names.
func ParseName(name string) int64 {
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return 0
	}
	return id
}

type valueKey struct {
	project int64
	key     string
}

// value is what memory has of a project's value.
type value struct {
	text    string
	ok      bool      // there is one
	read    time.Time // when the queue was last asked
	failed  bool      // the queue did not answer
	unsaved bool      // the queue has not got it yet
}
