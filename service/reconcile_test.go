package service_test

import (
	"testing"
	"time"

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
			time.Sleep(3 * time.Hour)
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
