// Package servicetest builds what the kinds of work of the service stand on, for their
// tests: toy models, a queue in a folder, projects, and recordings.
package servicetest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/recordings"

	"github.com/prometheus/client_golang/prometheus"
)

// Segments is a labelling configuration with a text for each region.
const Segments = `<View><Labels name="labels" toName="audio"><Label value="Speech"/></Labels>` +
	`<Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio" perRegion="true"/></View>`

// Fixture is everything below one kind of work, and a Label Studio that nothing asks by
// itself.
type Fixture struct {
	Studio     *labelstudiotest.Server
	Queue      *queue.Queue
	Jobs       *jobs.Queue // of Queue
	Models     *modelpool.Pool
	Registry   *projects.Registry
	Recordings *recordings.Recordings
	Knowledge  *knowledge.Store

	t testing.TB
}

// Options change a fixture.
type Options struct {
	// NoLibrary leaves ONNX Runtime out: a model has an identity then and transcribes
	// nothing.
	NoLibrary bool
	Model     string // of projects; empty: the toy model "tones"
	JobsDir   string // of the queue; empty: a new one
	ModelsDir string // has further models; empty: there are none
	// Remote has recordings fetched from Studio with its token, and not read from its folder.
	Remote  bool
	Metrics prometheus.Registerer // of recordings; nil: not registered
	// Observe is called after each run of a model; nil: nobody.
	Observe func(asr.Run)
	// NoKeptRows has no rows of recordings kept.
	NoKeptRows bool
}

// New returns a fixture that is closed at the end of the test.
func New(t testing.TB, o Options) *Fixture {
	t.Helper()
	dir := t.TempDir()
	if o.Model == "" {
		o.Model = "tones"
	}
	if o.JobsDir == "" {
		o.JobsDir = filepath.Join(dir, "jobs")
	}
	f := &Fixture{t: t, Studio: labelstudiotest.New(t, labelstudiotest.Options{})}
	pool := modelpool.Options{Recognizer: asr.Options{Provider: ort.CPU, Threads: 1, Observe: o.Observe}, Open: open(t, o.ModelsDir)}
	if !o.NoLibrary {
		oracle.NeedLibrary(t)
		pool.Library = oracle.Library()
	}
	var err error
	must := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f.Models, err = modelpool.New(pool)
	must()
	const century = 100 * 365 * 24 * time.Hour // jobs of testdata ended in the year 2000
	f.Queue = queue.New(jobs.Options{Dir: o.JobsDir, Reserve: 1 << 20, KeepDone: century})
	f.Queue.Run(t.Context())
	f.Jobs, err = f.Queue.Get()
	must()
	f.Registry, err = projects.New(projects.Options{Queue: f.Queue, Models: f.Models, Defaults: projects.Settings{Model: o.Model}, FFmpeg: "off", LearntFile: filepath.Join(dir, "learnt.json")})
	must()
	f.Knowledge = knowledge.New(f.Queue)
	fetch := media.Options{CacheDir: filepath.Join(dir, "cache"), MediaDir: f.Studio.MediaDir, AllowPrivate: true}
	if o.Remote {
		fetch.MediaDir = ""
		fetch.Server, err = api.New(api.Options{URL: f.Studio.URL, Token: labelstudio.NewSecret(f.Studio.Token)})
		must()
	}
	f.Recordings, err = recordings.New(recordings.Options{Queue: f.Queue, Projects: f.Registry, Models: f.Models, Knowledge: f.Knowledge, FFmpeg: "off", Media: fetch,
		NoKeptRows: o.NoKeptRows, Registry: o.Metrics})
	must()
	t.Cleanup(func() {
		f.Recordings.Close()
		if err := errors.Join(f.Queue.Close(), f.Models.Close()); err != nil {
			t.Error(err)
		}
	})
	return f
}

// open opens the toy models of testdata, the model that is part of the program, and those of a folder.
func open(t testing.TB, more string) func(name, variant string) (*asr.Bundle, error) {
	return func(name, variant string) (*asr.Bundle, error) {
		if name == models.EmbeddedName {
			return models.Open(name, variant)
		}
		if more != "" {
			if path := filepath.Join(more, name); exists(path) {
				return asr.OpenBundle(path, variant)
			}
		}
		path := filepath.Join(oracle.Data(t, "models", "toys"), name)
		if !exists(path) {
			return nil, &asr.ModelError{Model: name, Err: fs.ErrNotExist}
		}
		return asr.OpenBundle(path, variant)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Take takes the next job of a kind.
func (f *Fixture) Take(kind string) (*jobs.Lease, error) {
	ctx, cancel := context.WithTimeout(f.t.Context(), 10*time.Minute)
	f.t.Cleanup(cancel)
	return f.Jobs.Take(ctx, kind, priority.Background)
}

// Upload puts a recording where the uploads of project 1 are and returns its address.
func (f *Fixture) Upload(name string, wav []byte) string { return f.Studio.Upload(1, name, wav) }

// Work works on the next job of a worker.
func (f *Fixture) Work(w jobs.Worker) error {
	f.t.Helper()
	l, err := f.Take(w.Kind())
	if err != nil {
		f.t.Fatal(err)
	}
	defer l.Release()
	return w.Work(l.Context(), f.t.Context(), l)
}
