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
)

var makeDataDir = flag.String("make-datadir", "", "write a data directory, and the Label Studio that belongs to it, into this folder")

// studioState is what a fake Label Studio holds while the service is not running.
type studioState struct {
	Next        int64
	Projects    []projectState
	Tasks       []taskState
	Rows        []row
	Annotations []annotation
}

type projectState struct {
	ID                               int64
	Config, Version, Login, Password string
}

type taskState struct {
	ID, Project int64
	Data        map[string]any
}

func (ls *studio) save(path string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	s := studioState{Next: ls.next}
	for id := range ls.next + 1 {
		if p := ls.projects[id]; p != nil {
			s.Projects = append(s.Projects, projectState{p.id, p.config, p.version, p.login, p.password})
		}
		if t := ls.tasks[id]; t != nil {
			s.Tasks = append(s.Tasks, taskState{t.id, t.project, t.data})
		}
		if r := ls.rows[id]; r != nil {
			s.Rows = append(s.Rows, *r)
		}
		if a := ls.annotations[id]; a != nil {
			s.Annotations = append(s.Annotations, *a)
		}
	}
	raw, err := json.MarshalIndent(s, "", " ")
	if err == nil {
		err = os.WriteFile(path, append(raw, '\n'), 0o644)
	}
	if err != nil {
		ls.t.Fatal(err)
	}
}

func (ls *studio) load(path string) {
	raw, err := os.ReadFile(path)
	var s studioState
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		ls.t.Fatal(err)
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.next = s.Next
	for _, p := range s.Projects {
		ls.projects[p.ID] = &lsProject{id: p.ID, config: p.Config, version: p.Version, login: p.Login, password: p.Password, payload: true}
	}
	for _, t := range s.Tasks {
		ls.tasks[t.ID] = &lsTask{t.ID, t.Project, t.Data}
	}
	for _, r := range s.Rows {
		ls.rows[r.ID] = &r
	}
	for _, a := range s.Annotations {
		ls.annotations[a.ID] = &a
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
		w.created(p, ids...)
		w.settled(time.Minute, ids...)
		result := w.predictions(ids[0])[0].Result
		a := w.annotate(ids[0], with(result, `"one two three four"`, `"one three four"`))
		w.timed(p, a, "one 1.0, three 2.6, four 3.4", "")

		locked := w.project("")
		w.change(locked, func(p *lsProject) { p.login, p.password = "studio", "open-sesame" })
		if err := w.connect(locked, ""); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.down = true
		w.mu.Unlock()
		pending := append(w.record(locked, 1), w.add(locked, map[string]any{"audio": fmt.Sprintf("/data/upload/%d/late.wav", locked)})...)
		w.retrieve(locked, pending...)
		w.hook(p, "START_TRAINING", nil)
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
		before := w.predictions(done[0])
		for i := range done {
			w.upload(p, fmt.Sprintf("r%d.wav", i), tones.Recording{Seconds: 5, First: i}.WAV())
		}
		w.upload(locked, "r0.wav", tones.Recording{Seconds: 5}.WAV())
		w.upload(locked, "late.wav", tones.Recording{Seconds: 5}.WAV())
		w.start()
		w.ready()

		// What is known from before, without a look at Label Studio.
		if s := w.state(done[0]); s.State != "delivered" {
			t.Errorf("a task that was done: %+v", s)
		}
		if r := rates(w, p); len(r) != 1 || r[0].Words != 4 {
			t.Errorf("word error rates %+v", r)
		}
		w.timed(p, annotation, "one 1.0, three 2.6, four 3.4", "")

		// The earlier program was of generation 1, so that each recording is transcribed once
		// more, and each task has one prediction, of the present version. Label Studio learns
		// the version from /setup.
		for _, id := range []int64{p, locked} {
			if err := w.connect(id, ""); err != nil {
				t.Fatal(err)
			}
		}
		w.settled(time.Hour, append(done, pending...)...)
		if n := w.metric("asr_backend_audio_seconds_total"); n != 4*5 {
			t.Errorf("%v s of audio were transcribed, want those of four recordings", n)
		}
		if after := w.predictions(done[0]); len(after) != 1 || after[0].Version == before[0].Version {
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
