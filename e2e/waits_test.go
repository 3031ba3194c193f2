package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/wavfile"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/timeline"
)

// TestWaits measures how long people wait while two recordings of two hours are being
// transcribed, for the tables of doc/performance-service.md. It asserts no time. A Label Studio
// for tests takes the place of a real one, which would use most of the machine. `make waits`
// runs it.
//
//	ASR_BACKEND_WAITS   how often each wait is measured; nothing skips the test
func TestWaits(t *testing.T) {
	var rounds int
	if _, err := fmt.Sscan(os.Getenv("ASR_BACKEND_WAITS"), &rounds); err != nil || rounds < 1 {
		t.Skip("a measurement: run `make waits`")
	}
	oracle.NeedLibrary(t)
	h := &house{program: os.Getenv("ASR_BACKEND_PROGRAM"), dir: t.TempDir()}
	if h.program == "" {
		h.program = filepath.Join(oracle.Root(t), "bin", "asr-backend")
	}
	ls := labelstudiotest.New(t, labelstudiotest.Options{})
	h.studio = &studio{url: ls.URL, owner: t}
	b := h.serve(t, "waits", serving{token: ls.Token, args: []string{"--log-level", "warn"}})
	b.ready(t)
	w := &waits{Server: ls, backend: b, speech: sonnet(t), took: map[string][]time.Duration{}}
	for range 2 {
		p := ls.AddProject(labelstudiotest.Project{Title: "waits"})
		if _, err := ls.Connect(labelstudiotest.Backend{Project: p, URL: b.url}); err != nil {
			t.Fatal(err)
		}
		w.projects = append(w.projects, p)
	}
	for range rounds {
		w.twoLong(t)
		w.imported(t, "import in the same project, to its prediction", w.projects[0], 1)
		w.twoLong(t)
		w.imported(t, "import in another project, to its prediction", w.projects[1], 1)
		w.twoLong(t)
		w.imported(t, "five imports in another project, to the last prediction", w.projects[1], 5)
		w.twoLong(t)
		w.opened(t, "opening a new clip, to the answer", w.task(t, w.projects[1], 10*time.Second))
		w.opened(t, "opening a recording of two hours under way, to the answer", w.twoLong(t))
	}
	var out strings.Builder
	for _, what := range w.kinds {
		took := w.took[what]
		slices.Sort(took)
		fmt.Fprintf(&out, "\n| %s | %.1f | %.1f |", what, took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
	}
	t.Logf("%d rounds, s: median, worst%s", rounds, &out)
}

// waits measures what it is named after.
type waits struct {
	*labelstudiotest.Server
	backend  *backend
	speech   []float32 // that recordings consist of
	projects []int64
	n        int      // recordings so far
	kinds    []string // of waits, in order
	took     map[string][]time.Duration
}

// task adds a task with a recording like no other.
func (w *waits) task(t *testing.T, project int64, length time.Duration) int64 {
	t.Helper()
	w.n++
	n := int(length.Seconds() * timeline.SampleRate)
	sound := make([]float32, 0, n)
	for at := w.n * 1000 % len(w.speech); len(sound) < n; at = 0 {
		sound = append(sound, w.speech[at:min(len(w.speech), at+n-len(sound))]...)
	}
	wav, err := wavfile.Encode(sound, timeline.SampleRate, 1)
	if err != nil {
		t.Fatal(err)
	}
	return w.AddTasks(project, map[string]any{"audio": w.Upload(project, fmt.Sprintf("recording-%d.wav", w.n), wav)})[0]
}

func (w *waits) note(what string, took time.Duration) {
	if w.took[what] == nil {
		w.kinds = append(w.kinds, what)
	}
	w.took[what] = append(w.took[what], took)
}

// imported measures the time from an import of clips to the prediction of the last of them.
func (w *waits) imported(t *testing.T, what string, project int64, clips int) {
	t.Helper()
	var ids []int64
	for range clips {
		ids = append(ids, w.task(t, project, 10*time.Second))
	}
	start := time.Now()
	w.EmitCreated(project, ids...)
	for len(ids) > 0 {
		if len(w.Predictions(ids[0])) > 0 {
			ids = ids[1:]
		} else if time.Sleep(20 * time.Millisecond); time.Since(start) > 5*time.Minute {
			t.Fatalf("%s: nothing within 5 minutes\n%s", what, w.backend.process.tail())
		}
	}
	w.note(what, time.Since(start))
}

// opened measures the time until a task that is opened is shown.
func (w *waits) opened(t *testing.T, what string, id int64) {
	t.Helper()
	start := time.Now()
	stored, err := w.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	w.note(what, time.Since(start))
	t.Logf("%s: %.1f s, %d predictions", what, time.Since(start).Seconds(), stored)
}

// twoLong waits until two recordings of two hours are under way, of which enough is left, and
// returns the task of the later one.
func (w *waits) twoLong(t *testing.T) int64 {
	t.Helper()
	for {
		running, ending, last := 0, false, int64(0)
		for _, r := range (&load{backend: w.backend}).status(t).Running {
			if r.LengthS > 3600 {
				running++
				ending = ending || r.DoneS > 0.7*r.LengthS
				last = max(last, r.Task)
			}
		}
		if running == 2 && !ending {
			return last
		}
		if running == 2 {
			time.Sleep(time.Second)
			continue
		}
		id := w.task(t, w.projects[0], 2*time.Hour)
		w.EmitCreated(w.projects[0], id)
		w.backend.process.until(t, "it is under way", time.Minute, func() bool {
			for _, r := range (&load{backend: w.backend}).status(t).Running {
				if r.Task == id && r.DoneS > 0 {
					return true
				}
			}
			return false
		})
	}
}

// sonnet returns the sound of the sonnets.
func sonnet(t *testing.T) (sound []float32) {
	t.Helper()
	for i := range 3 {
		s, err := audio.Open(context.Background(), oracle.Data(t, "speech", "sonnets", fmt.Sprintf("p%03d.mp3", i+1)), audio.Options{FFmpeg: audio.NoFFmpeg})
		if err != nil {
			t.Fatal(err)
		}
		for {
			block, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			sound = append(sound, block.Channels[0]...)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return sound
}
