package reconcile

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
)

const segments = `<View><Labels name="l" toName="a"><Label value="Speech"/></Labels><Audio name="a" value="$audio"/><TextArea name="t" toName="a" perRegion="true"/></View>`

// reconciler returns one of the projects of a fixture. The caller closes its Predictions.
func reconciler(t *testing.T, f *servicetest.Fixture) *Reconciler {
	t.Helper()
	client, err := api.New(api.Options{URL: f.Studio.URL, Token: labelstudio.NewSecret(f.Studio.Token)})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Queue: f.Queue, Projects: f.Registry, Problems: problems.NewLog(), Due: projects.NewDue(), Client: client}
	if o.Predictions, err = predictions.New(predictions.Options{Queue: f.Queue, Projects: f.Registry, Recordings: f.Recordings, Problems: o.Problems, Due: o.Due, Client: client}); err != nil {
		t.Fatal(err)
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A project that is gone is forgotten with everything that is kept for it, but not at once: a
// wrong token hides projects too. If it comes back it is a project like any other.
func TestProjectsThatAreGoneAreForgotten(t *testing.T) {
	f, ctx := servicetest.New(t, servicetest.Options{NoLibrary: true}), t.Context()
	for _, id := range []int64{1, 2} {
		f.Studio.AddProject(labelstudiotest.Project{ID: id, Config: segments})
		f.Studio.AddTask(labelstudiotest.Task{ID: 10 + id, Project: id, Data: map[string]any{"audio": "/data/upload/1/a.wav"}})
		if _, err := f.Registry.Configure(ctx, id, segments); err != nil {
			t.Fatal(err)
		}
	}
	r := reconciler(t, f)
	defer r.Predictions.Close(ctx)
	for _, id := range []int64{1, 2} {
		if look, err := r.Project(ctx, id); err != nil || look.Prepared != 1 || look.Transcribe != 1 {
			t.Fatalf("project %d: %+v, %v", id, look, err)
		}
	}
	known := func() (list []int64, work int) {
		for range f.Jobs.Jobs(jobs.Filter{}) {
			work++
		}
		return f.Registry.List(ctx), work
	}
	_, before := known()
	f.Studio.Intercept(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasPrefix(r.URL.Path, "/api/projects/2") {
			labelstudiotest.Answer(http.StatusNotFound, `{"detail":"Not found."}`)(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
	if _, err := r.Project(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if list, work := known(); len(list) != 2 || work != before {
		t.Errorf("at first: projects %v, %d jobs of %d", list, work, before)
	}
	if whole, _ := r.Problems.Of(2); whole == nil || !strings.Contains(whole.What, "404") {
		t.Errorf("the project's problem is %+v", whole)
	}
	if since := f.Registry.Missing(ctx, 2); since.IsZero() || time.Since(since) > time.Minute {
		t.Errorf("missing since %v", since)
	}
	if err := f.Registry.Set(ctx, 2, "missing_since", time.Now().Add(-forgotten-time.Minute).Format(time.RFC3339)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Project(ctx, 2); !errors.Is(err, errForgotten) {
		t.Errorf("after more than a day: %v", err)
	}
	if list, work := known(); len(list) != 1 || list[0] != 1 || work != before/2 {
		t.Errorf("after more than a day: projects %v, %d jobs of %d", list, work, before)
	}
	if whole, _ := r.Problems.Of(2); whole != nil {
		t.Errorf("a project that is not known has the problem %+v", whole)
	}
	f.Studio.Intercept(nil)
	if _, err := f.Registry.Configure(ctx, 2, segments); err != nil {
		t.Fatal(err)
	}
	if look, err := r.Project(ctx, 2); err != nil || look.Prepared != 1 {
		t.Errorf("once it is back: %+v, %v", look, err)
	}
	if since := f.Registry.Missing(ctx, 2); !since.IsZero() {
		t.Errorf("once it is back it is missing since %v", since)
	}
}

// One recording that failed for want of a storage is the evidence against all that wait in it.
func TestWhatWaitsInALostStorageIsGivenUp(t *testing.T) {
	f, ctx := servicetest.New(t, servicetest.Options{NoLibrary: true, Remote: true}), t.Context()
	f.Studio.AddProject(labelstudiotest.Project{ID: 1, Config: segments})
	f.Studio.AddStorage(labelstudiotest.Storage{Project: 1, Bucket: "kept"})
	for i, audio := range []string{"s3://lost/a", "s3://lost/b", "s3://kept/a", "/data/upload/1/a.wav", "/data/local-files/?d=x/a.wav"} {
		f.Studio.AddTask(labelstudiotest.Task{ID: int64(10 + i), Project: 1, Data: map[string]any{"audio": audio}})
	}
	if _, err := f.Registry.Configure(ctx, 1, segments); err != nil {
		t.Fatal(err)
	}
	r := reconciler(t, f)
	defer r.Predictions.Close(ctx)
	look := func(prepared int, states ...jobs.State) {
		t.Helper()
		if look, err := r.Project(ctx, 1); err != nil || look.Prepared != prepared {
			t.Fatalf("%+v, %v", look, err)
		}
		got := map[jobs.State]int{}
		for job := range f.Jobs.Jobs(jobs.Filter{Kind: recordings.Kind}) {
			got[job.State]++
		}
		want := map[jobs.State]int{}
		for _, s := range states {
			want[s]++
		}
		if !maps.Equal(got, want) {
			t.Fatalf("states %v, want %v", got, want)
		}
	}
	const waits, gone = jobs.Queued, jobs.Discarded
	look(5, waits, waits, waits, waits, waits)
	l, err := f.Take(recordings.Kind)
	if err == nil {
		err = l.Fail(ctx, &recordings.NoStorageError{Project: 1, Storage: "s3://lost"})
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Studio.Intercept(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasPrefix(r.URL.Path, "/api/storages") {
			labelstudiotest.Answer(http.StatusForbidden, `{}`)(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
	look(0, waits, waits, waits, waits, gone) // who may not see storages knows nothing
	f.Studio.Intercept(nil)
	look(0, waits, waits, waits, gone, gone)
	f.Studio.AddStorage(labelstudiotest.Storage{Project: 1, Bucket: "lost"})
	look(0, waits, waits, waits, waits, waits)
}
