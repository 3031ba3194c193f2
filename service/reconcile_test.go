package service_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// Tasks that were imported while the process was away are announced to nobody.
func TestTasksImportedWhileTheServiceIsAwayAreFound(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		w.stop()
		ids := w.record(p, 230) // three pages
		w.start()
		w.settled(10*time.Minute, ids...)
	})
}

// With everything in its place a look costs two requests, and one comes every hour.
func TestALookAtACompleteProjectIsCheap(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 150)
		w.EmitCreated(p, ids...)
		w.settled(time.Hour, ids...)
		time.Sleep(10 * time.Minute)
		before := len(w.Requests())
		time.Sleep(3 * time.Hour)
		if n := len(w.Requests()) - before; n < 4 || n > 8 {
			t.Errorf("%d requests in three hours, want two or three looks of two: %v", n, w.Requests()[before:])
		}
	})
}

func TestAnnotatedTasksAreLeftAlone(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 2)
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		ids = append(ids, w.record(p, 1)...)
		first := w.Predictions(ids[0])[0]
		w.AddAnnotation(labelstudiotest.Annotation{Task: ids[0], Result: first.Result})
		w.AddAnnotation(labelstudiotest.Annotation{Task: ids[2], Result: first.Result})
		if err := w.connect(p, `{"words":false}`); err != nil {
			t.Fatal(err)
		}
		w.settled(time.Minute, ids[1])
		time.Sleep(3 * time.Minute)
		if rows := w.Predictions(ids[0]); len(rows) != 1 || rows[0].Version != first.Version {
			t.Errorf("the annotated task has %+v", rows)
		}
		if rows := w.Predictions(ids[2]); len(rows) != 0 {
			t.Errorf("a task that came with an annotation has %+v", rows)
		}
		if err := w.connect(p, `{"words":false,"repredict":"all"}`); err != nil {
			t.Fatal(err)
		}
		w.Emit(p, "PROJECT_UPDATED", nil)
		w.settled(time.Minute, ids...)
	})
}

func TestAProjectMayBeLeftAlone(t *testing.T) {
	for settings, again := range map[string]bool{`{"reconcile":false}`: false, `{"repredict":"off","words":false}`: false, `{"words":false}`: true} {
		inWorld(t, nil, func(w *world) {
			p := w.connected("")
			ids := w.record(p, 1)
			w.EmitCreated(p, ids...)
			w.settled(time.Minute, ids...)
			first := w.Predictions(ids[0])[0].Version
			if err := w.connect(p, settings); err != nil {
				t.Fatal(err)
			}
			time.Sleep(75 * time.Minute)
			rows := w.Predictions(ids[0])
			if len(rows) != 1 || (rows[0].Version != first) != again {
				t.Errorf("%s: predictions %+v, want a new one %v", settings, rows, again)
			}
		})
	}
}

// A labelling configuration that is wrong for a while costs nothing that was transcribed.
func TestAMistakeInTheConfigurationLosesNothing(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		ids := w.record(p, 30)
		w.EmitCreated(p, ids...)
		w.ChangeProject(p, func(p *labelstudiotest.Project) { p.Config = `<View><Audio name="audio" value="$audio"/></View>` })
		w.Emit(p, "PROJECT_UPDATED", nil)
		time.Sleep(15 * time.Second)
		w.ChangeProject(p, func(p *labelstudiotest.Project) { p.Config = segments })
		w.Emit(p, "PROJECT_UPDATED", nil)
		w.settled(2*time.Minute, ids...)
	})
}

// Two mistakes of which the second hides that the first was corrected: the project is what it
// was in the end, and has tasks that came meanwhile.
func TestCorrectingTheLastOfSeveralMistakesLosesNothing(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		w.ChangeProject(p, func(p *labelstudiotest.Project) { p.Config = `<View><Audio name="audio" value="$audio"/></View>` })
		w.Emit(p, "PROJECT_UPDATED", nil)
		ids := w.record(p, 3)
		w.EmitCreated(p, ids...)
		time.Sleep(15 * time.Second)
		if err := w.connect(p, `{"modle":"x"}`); err == nil {
			t.Fatal("a mistake was taken")
		}
		w.ChangeProject(p, func(p *labelstudiotest.Project) { p.Config = segments })
		w.Emit(p, "PROJECT_UPDATED", nil)
		time.Sleep(15 * time.Second)
		if err := w.connect(p, `{}`); err != nil {
			t.Fatal(err)
		}
		w.settled(2*time.Minute, ids...)
	})
}

// A mistake in the settings does not cost what was imported meanwhile.
func TestAMistakeInTheSettingsLosesNothing(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		if err := w.connect(p, `{"modle":"x"}`); err == nil {
			t.Fatal("a mistake was taken")
		}
		ids := w.record(p, 3)
		w.EmitCreated(p, ids...)
		time.Sleep(time.Hour)
		if err := w.connect(p, `{}`); err != nil {
			t.Fatal(err)
		}
		w.settled(time.Minute, ids...)
	})
}

// Anybody may send an event. One of a project that never connected would have its tasks
// transcribed, and predictions stored that nobody there wants.
func TestEventsOfProjectsThatNeverConnectedDoNothing(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.connected("")
		w.ready()
		p := w.project(segments)
		ids := w.record(p, 3)
		for _, event := range []map[string]any{
			{"action": "TASKS_CREATED", "project": map[string]any{"id": p}, "tasks": []any{map[string]any{"id": ids[0]}}},
			{"action": "PROJECT_UPDATED", "project": map[string]any{"id": p}},
			{"action": "START_TRAINING", "project": map[string]any{"id": p}},
			{"action": "PROJECT_UPDATED"}, {"action": "PROJECT_UPDATED", "project": map[string]any{"id": 4711}},
		} {
			if status, body := w.call("POST", "/webhook", event); status/100 != 2 {
				t.Errorf("%v: %d %s", event, status, body)
			}
		}
		time.Sleep(3 * time.Hour)
		for _, id := range ids {
			if rows := w.Predictions(id); len(rows) != 0 {
				t.Errorf("task %d has %+v", id, rows)
			}
		}
		if n := len(w.status().Projects); n != 1 {
			t.Errorf("%d projects are known", n)
		}
	})
}

// What has a prediction already is predicted again after everything else.
func TestPredictingAgainIsForTheBackground(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 60)
		w.EmitCreated(p, ids...)
		w.settled(time.Hour, ids...)
		if err := w.connect(p, `{"max_region":5}`); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, w.record(p, 3)...)
		w.settled(time.Hour, ids...)
		look := w.status().Projects[0].Reconciled
		if look == nil || look.Again != 60 || look.Prepared != 3 || look.Transcribe == 0 || look.Transcribe > 63 {
			t.Errorf("%+v", look)
		}
		// The new tasks show recordings of three that are predicted again.
		for class, want := range map[string]float64{"background": 57, "batch": 60 + 3} {
			if got := w.metric("asr_backend_jobs", class, "transcribe", "done"); got != want {
				t.Errorf("%v recordings were transcribed in class %s, want %v", got, class, want)
			}
		}
	})
}

// A user who may not see a project may be given access to it: what was missed is made up for.
func TestAProjectThatIsForbiddenForAWhileLosesNothing(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		var forbidden atomic.Bool
		forbidden.Store(true)
		w.Intercept(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if forbidden.Load() && strings.HasPrefix(r.URL.Path, fmt.Sprintf("/api/projects/%d", p)) {
				rw.WriteHeader(http.StatusForbidden)
				fmt.Fprint(rw, `{"detail":"You do not have permission to perform this action."}`)
				return
			}
			next.ServeHTTP(rw, r)
		})
		ids := w.record(p, 3)
		w.EmitCreated(p, ids...)
		time.Sleep(5 * time.Minute)
		if problem := w.status().Projects[0].Problem; problem == nil || !strings.Contains(problem.What, "403") {
			t.Errorf("the project's problem is %+v", problem)
		}
		forbidden.Store(false)
		w.settled(15*time.Minute, ids...)
	})
}

// When a storage is deleted, tasks stay that nobody can open.
func TestRecordingsOfADeletedStorageAreGivenUpUntilItIsBack(t *testing.T) {
	w := remote(t, labelstudiotest.Options{})
	bucket := labelstudiotest.New(t, labelstudiotest.Options{})
	bucket.Handle("/", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "audio/wav")
		_, _ = rw.Write(tones.Recording{Seconds: 5, First: len(r.URL.Path)}.WAV()) // the client is gone
	}))
	p := w.connected("")
	w.AddStorage(labelstudiotest.Storage{Project: p, Bucket: "kept"})
	lost := w.AddStorage(labelstudiotest.Storage{Project: p, Bucket: "lost"})
	add := func(bucketName, name string) map[string]any {
		uri := "s3://" + bucketName + "/" + name
		w.AddCloudFile(uri, bucket.URL+"/"+name)
		return map[string]any{"audio": uri}
	}
	first := w.AddTasks(p, add("kept", "1"), add("lost", "22"))
	w.EmitCreated(p, first...)
	w.settled(time.Minute, first...)
	w.DeleteStorage(lost)
	ids := w.AddTasks(p, add("kept", "333"), add("lost", "4444"), add("lost", "55555"), add("lost", "666666"), map[string]any{
		"audio": "/tasks/1/resolve/?fileuri=" + base64.URLEncoding.EncodeToString([]byte("s3://lost/4444"))})
	w.EmitCreated(p, ids...)
	w.settled(time.Minute, ids[0])
	for _, id := range ids[1:] {
		w.until("given up", time.Minute, func() bool { return w.state(id).State == "failed" })
		if s := w.state(id); !strings.Contains(s.Reason, fmt.Sprintf("project %d has no storage for s3://lost: it was deleted", p)) || !strings.Contains(s.Hint, "Cloud Storage") || s.Retries != 0 {
			t.Errorf("%+v", s)
		}
	}
	// What was transcribed before stays, and a file that is missing in a storage is another thing.
	missing := w.AddTasks(p, map[string]any{"audio": "s3://kept/7777777"})
	w.EmitCreated(p, missing...)
	w.until("given up", time.Minute, func() bool { return w.state(missing[0]).State == "failed" })
	if s := w.state(missing[0]); !strings.Contains(s.Reason, "404") {
		t.Errorf("%+v", s)
	}
	w.settled(0, first...)
	w.AddStorage(labelstudiotest.Storage{Project: p, Bucket: "lost"})
	w.stop() // the look after a start is as good as the one an hour later
	w.start()
	w.settled(time.Minute, append(ids, first...)...)
	if s := w.state(missing[0]); s.State != "failed" {
		t.Errorf("%+v", s)
	}
}
