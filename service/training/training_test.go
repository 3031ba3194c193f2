package training_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/service/training"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// site is a project with recordings of tones, corrections of them, and a training command.
type site struct {
	*servicetest.Fixture
	*training.Training
	client *api.Client
	due    *projects.Due
	t      testing.TB
	dir    string // of everything; the command finds it in $LANG
	tasks  []labelstudio.Task
}

// newSite returns a site in a folder, which may be that of an earlier one; empty stands for a new one.
// change may change the options.
func newSite(t testing.TB, dir, command string, change func(*training.Options)) *site {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	t.Setenv("LANG", dir) // which the command gets
	f := &site{Fixture: servicetest.New(t, servicetest.Options{JobsDir: filepath.Join(dir, "jobs"), ModelsDir: filepath.Join(dir, "models")}), t: t, dir: dir, due: projects.NewDue()}
	f.Studio.AddProject(labelstudiotest.Project{ID: 1, Config: servicetest.Segments})
	var err error
	must := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f.client, err = api.New(api.Options{URL: f.Studio.URL, Token: labelstudio.NewSecret(f.Studio.Token)})
	must()
	c, err := corrections.New(corrections.Options{Queue: f.Queue, Projects: f.Registry, Recordings: f.Recordings})
	must()
	l, err := learning.New(learning.Options{Queue: f.Queue, Projects: f.Registry, Models: f.Models, Knowledge: f.Knowledge, Recordings: f.Recordings, Corrections: c, Due: f.due})
	must()
	o := training.Options{Queue: f.Queue, Projects: f.Registry, Models: f.Models, Knowledge: f.Knowledge, Recordings: f.Recordings, Learning: l, Due: f.due,
		Client: f.client, FFmpeg: "off", Secrets: []labelstudio.Secret{labelstudio.NewSecret(secret)},
		Settings: training.Settings{Command: command, Folder: filepath.Join(dir, "training"), ModelsDir: filepath.Join(dir, "models")}}
	if change != nil {
		change(&o)
	}
	f.Training, err = training.New(o)
	must()
	_, err = f.Registry.Configure(t.Context(), 1, servicetest.Segments)
	must()
	return f
}

const secret = "a-token-of-the-service"

// record adds recordings with one region for each four words.
func (f *site) record(recordings, regions int) {
	f.t.Helper()
	for i := range recordings {
		id := int64(len(f.tasks) + 1)
		value := f.Upload(fmt.Sprintf("%d.wav", id), tones.Recording{Seconds: 4 * regions, First: i % 4}.WAV())
		f.Studio.AddTask(labelstudiotest.Task{ID: id, Project: 1, Data: map[string]any{"audio": value}})
		f.tasks = append(f.tasks, labelstudio.Task{ID: id, Project: 1, Data: labelstudio.Data{"audio": json.RawMessage(fmt.Sprintf("%q", value))}})
	}
}

func (f *site) project() *projects.Project {
	f.t.Helper()
	p, err := f.Registry.Present(f.t.Context(), 1)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// transcript transcribes the recording of a task with the present model.
func (f *site) transcript(task int) *transcript.Transcript {
	f.t.Helper()
	p := f.project()
	value, _ := p.Plans[0].Recording(f.tasks[task].Data)
	job, err := f.Recordings.Enqueue(f.t.Context(), recordings.Of(p, f.tasks[task].ID, value), priority.Batch)
	if err == nil && !job.State.Ended() {
		err = f.Work(f.Recordings.Worker())
	}
	if err != nil {
		f.t.Fatal(err)
	}
	tr, err := f.Recordings.Transcript(f.t.Context(), 1, job.Key)
	if err != nil {
		f.t.Fatal(err)
	}
	return tr
}

// correct stores corrections of all tasks, as package corrections does. change makes of a region what
// the person wrote.
func (f *site) correct(change func(task int, p corrections.Passage) corrections.Passage) {
	f.t.Helper()
	p := f.project()
	values := f.Jobs.Values("1")
	for i := range f.tasks {
		tr := f.transcript(i)
		value, _ := p.Plans[0].Recording(f.tasks[i].Data)
		c := corrections.Correction{Task: f.tasks[i].ID, Annotation: 100 + f.tasks[i].ID, Version: p.Version, At: time.Now(), Outcome: corrections.Changed,
			Transcripts: map[int]string{0: f.Recordings.Key(recordings.Of(p, f.tasks[i].ID, value))}}
		for _, s := range tr.Segments {
			// The toy model wants tones in the middle of its rows, and a region has some silence around.
			row := timeline.RowDuration.Seconds()
			one := corrections.Passage{Start: math.Floor(s.Start.Seconds()/row-3) * row, End: math.Ceil(s.End.Seconds()/row+3) * row, Text: s.Text}
			c.Predicted = append(c.Predicted, one)
			c.Corrected = append(c.Corrected, change(i, one))
		}
		raw, err := json.Marshal(c)
		if err == nil {
			err = values.Set(f.t.Context(), fmt.Sprint("pair/", c.Annotation), string(raw))
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
}

// swap exchanges two words of the toy model.
var swap = strings.NewReplacer("one", "two", "two", "one")

// swapped corrects as if the model always took one word for another.
func swapped(_ int, p corrections.Passage) corrections.Passage {
	p.Text = "<noise> " + swap.Replace(p.Text)
	return p
}

// swapping is a command that makes a model which has the two words right then.
func swapping(t testing.TB) string {
	return fmt.Sprintf(`cp -r %s "$ASR_BACKEND_OUT" && sed -i 's/one/x/;s/two/one/;s/x/two/' "$ASR_BACKEND_OUT/tokens.txt" && echo trained`, oracle.Data(t, "models", "toys", "tones"))
}

// copying is a command that makes a model like the present one.
const copying = `cp -r "$ASR_BACKEND_MODEL" "$ASR_BACKEND_OUT"`

// train has the project trained and returns the run.
func (f *site) train() training.Run {
	f.t.Helper()
	if created, err := f.Enqueue(f.t.Context(), 1); err != nil || !created {
		f.t.Fatalf("enqueued: %v, %v", created, err)
	}
	if err := f.Work(f.Training.Worker()); err != nil {
		f.t.Fatal(err)
	}
	return f.last()
}

// last returns the last run.
func (f *site) last() training.Run {
	f.t.Helper()
	s, err := f.Status(f.t.Context(), 1)
	if err != nil {
		f.t.Fatal(err)
	}
	if len(s.Runs) == 0 {
		f.t.Fatal("there was no run")
	}
	return s.Runs[0]
}

// line is a line of a manifest.
type line struct {
	Audio     string  `json:"audio_filepath"`
	Duration  float64 `json:"duration"`
	Text      string  `json:"text"`
	Recording string  `json:"recording"`
}

func manifest(t testing.TB, path string) (lines []line) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
		var l line
		d := json.NewDecoder(bytes.NewReader(s.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

// names returns what is in a folder.
func names(t testing.TB, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
