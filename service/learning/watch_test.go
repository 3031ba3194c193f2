package learning

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// A project learns once it has enough corrections, once no more come, and once some are gone.
func TestAProjectLearnsWhenThereIsSomethingToLearn(t *testing.T) {
	f := servicetest.New(t, servicetest.Options{})
	c, err := corrections.New(corrections.Options{Queue: f.Queue, Projects: f.Registry, Recordings: f.Recordings})
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(Options{Queue: f.Queue, Projects: f.Registry, Models: f.Models, Knowledge: f.Knowledge, Recordings: f.Recordings, Corrections: c,
		Due: projects.NewDue(), After: 3, Quiet: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	value := f.Upload("a.wav", tones.Recording{Seconds: 6}.WAV())
	lp, err := f.Registry.Configure(t.Context(), 1, servicetest.Segments)
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Registry.Resolve(t.Context(), lp)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Recordings.Enqueue(t.Context(), recordings.Of(p, 5, value), priority.Batch); err != nil {
		t.Fatal(err)
	}
	if err := f.Work(f.Recordings.Worker()); err != nil {
		t.Fatal(err)
	}
	task := labelstudio.Task{ID: 5, Project: 1, Data: labelstudio.Data{"audio": json.RawMessage(fmt.Sprintf("%q", value))}}
	correct := func(annotation int64) {
		t.Helper()
		a := labelstudio.Annotation{}
		raw := fmt.Sprintf(`{"id":%d,"task":5,"lead_time":1,"result":[{"id":"a","from_name":"transcription","to_name":"audio","type":"textarea","value":{"start":0,"end":2,"text":["one two %d"]}},{"id":"a","from_name":"labels","to_name":"audio","type":"labels","value":{"start":0,"end":2,"labels":["Speech"]}}]}`, annotation, annotation)
		if err := json.Unmarshal([]byte(raw), &a); err != nil {
			t.Fatal(err)
		}
		if err := c.Record(t.Context(), lp, []labelstudio.Task{task}, []labelstudio.Annotation{a}); err != nil {
			t.Fatal(err)
		}
	}
	// learns looks, and returns why the project learns; it learns then.
	learns := func() Trigger {
		t.Helper()
		if err := l.look(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if len(f.Jobs.List(jobs.Filter{Kind: Kind})) == 0 {
			return ""
		}
		if err := f.Work(l.Worker()); err != nil {
			t.Fatal(err)
		}
		s, err := l.State(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return s.Last.Why
	}
	expect := func(what string, want Trigger) {
		t.Helper()
		if got := learns(); got != want {
			t.Errorf("%s: it learns since %q, want %q", what, got, want)
		}
	}
	expect("without corrections", "")
	correct(1)
	correct(2)
	expect("with two corrections", "")
	correct(3)
	expect("with three corrections", Enough)
	expect("with nothing new", "")
	correct(4)
	expect("with one more", "")
	l.Quiet = time.Nanosecond
	expect("with one more, and no more", Quiet)
	expect("with nothing new after that", "")
	correct(4)
	expect("with an annotation that was read again", "")
	if err := c.Forget(t.Context(), 1, []labelstudio.Annotation{{ID: 2}}); err != nil {
		t.Fatal(err)
	}
	expect("with one less", Deleted)
	expect("after that", "")
	correct(5)
	if err := f.Registry.Set(t.Context(), 1, labelstudio.KeyExtraParams, `{"learn":"off"}`); err != nil {
		t.Fatal(err)
	}
	expect("when learning is off", "")
}
