package service_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

var makeDataDir = flag.String("make-datadir", "", "write a data directory, and the Label Studio that belongs to it, into this folder")

// studioState is what a Label Studio holds while the service is not running.
type studioState struct {
	Projects    []projectState
	Tasks       []labelstudiotest.Task
	Rows        []labelstudiotest.Prediction
	Annotations []labelstudiotest.Annotation
}

type projectState struct {
	ID                               int64
	Config, Version, Login, Password string
}

func (w *world) save(path string) {
	var s studioState
	for _, p := range w.Projects() {
		s.Projects = append(s.Projects, projectState{p.ID, p.Config, w.version(p.ID), p.Login, p.Password})
		for _, t := range w.Tasks(p.ID) {
			s.Tasks = append(s.Tasks, t)
			s.Rows = append(s.Rows, w.Predictions(t.ID)...)
			s.Annotations = append(s.Annotations, w.Annotations(t.ID)...)
		}
	}
	raw, err := json.MarshalIndent(s, "", " ")
	if err == nil {
		err = os.WriteFile(path, append(raw, '\n'), 0o644)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) load(path string) {
	raw, err := os.ReadFile(path)
	var s studioState
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range s.Projects {
		w.AddProject(labelstudiotest.Project{ID: p.ID, Config: p.Config, Login: p.Login, Password: p.Password})
	}
	for _, t := range s.Tasks {
		w.AddTask(t)
	}
	for _, r := range s.Rows {
		w.AddPrediction(r)
	}
	for _, a := range s.Annotations {
		w.AddAnnotation(a)
	}
	for _, p := range s.Projects {
		w.AddBackend(labelstudiotest.Backend{Project: p.ID, URL: address, ModelVersion: p.Version})
		w.AddWebhook(labelstudiotest.Webhook{Project: p.ID, URL: address + "/webhook", SendPayload: true, AllActions: true, Active: true})
	}
}

// TestMakeDataDir leaves a data directory as an update of the program finds it.
func TestMakeDataDir(t *testing.T) {
	if *makeDataDir == "" {
		t.Skip("only with -make-datadir")
	}
	inWorld(t, nil, func(w *world) {
		w.stop()
		w.options.Jobs.Dir = filepath.Join(*makeDataDir, "jobs")
		w.start()
		w.ready()

		p := w.connected("")
		ids := w.record(p, 2)
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		result := w.Predictions(ids[0])[0].Result
		a := w.Annotate(ids[0], with(result, `"one two three four"`, `"one three four"`))
		w.timed(p, a, "one 1.0, three 2.6, four 3.4", "")

		locked := w.project("")
		w.ChangeProject(locked, func(p *labelstudiotest.Project) { p.Login, p.Password = "studio", "open-sesame" })
		if err := w.connect(locked, ""); err != nil {
			t.Fatal(err)
		}
		w.SetDown(true)
		pending := append(w.record(locked, 1), w.AddTasks(locked, map[string]any{"audio": fmt.Sprintf("/data/upload/%d/late.wav", locked)})...)
		w.retrieve(locked, pending...)
		if err := w.Train(p); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Minute)
		w.stop()
		w.save(filepath.Join(*makeDataDir, "label-studio.json"))
	})
}

// TestDataDirsOfEarlierVersionsOpen starts the service on what an earlier version left:
// nothing is lost, nothing is done twice, and what waited is done.
func TestDataDirsOfEarlierVersionsOpen(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		const p, locked, annotation = 1, 7, 6
		done, pending := []int64{2, 3}, []int64{8, 9}
		w.stop()
		time.Sleep(time.Hour) // the directory was left five minutes after the clock's start
		w.options.Jobs.Dir = filepath.Join(t.TempDir(), "jobs")
		if err := os.CopyFS(w.options.Jobs.Dir, os.DirFS("testdata/datadir/jobs")); err != nil {
			t.Fatal(err)
		}
		w.load("testdata/datadir/label-studio.json")
		before := w.Predictions(done[0])
		for i := range done {
			w.Upload(p, fmt.Sprintf("r%d.wav", i), tones.Recording{Seconds: 5, First: i}.WAV())
		}
		w.Upload(locked, "r0.wav", tones.Recording{Seconds: 5}.WAV())
		w.Upload(locked, "late.wav", tones.Recording{Seconds: 5, First: 2}.WAV())
		w.start()
		w.ready()

		// What is known from before, without a look at Label Studio.
		if s := w.state(done[0]); s.State != "pushed" {
			t.Errorf("a task that was done: %+v", s)
		}
		if r := rates(w, p); len(r) != 1 || r[0].Words != 4 {
			t.Errorf("word error rates %+v", r)
		}
		w.timed(p, annotation, "one 1.0, three 2.6, four 3.4", "")

		// The earlier program was of generation 1, so that each recording is transcribed once
		// more, those of equal bytes together, and each task has one prediction, of the present
		// version. Label Studio learns
		// the version from /setup.
		for _, id := range []int64{p, locked} {
			if err := w.connect(id, `{"repredict":"all"}`); err != nil {
				t.Fatal(err)
			}
		}
		w.settled(time.Hour, append(done, pending...)...)
		if n := w.metric("asr_backend_audio_seconds_total"); n != 3*5 {
			t.Errorf("%v s of audio were transcribed, want those of three: the fourth has the bytes of another", n)
		}
		if after := w.Predictions(done[0]); len(after) != 1 || after[0].Version == before[0].Version {
			t.Errorf("the prediction of a task that was done: version %s, then %+v", before[0].Version, after)
		}

		// A version that the earlier program wrote is replaced as its own.
		if err := w.connect(p, `{"max_region":1.5}`); err != nil {
			t.Fatal(err)
		}
		w.retrieve(p, done...)
		time.Sleep(5 * time.Minute)
		w.settled(0, done...)
	})
}
