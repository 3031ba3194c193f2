package recordings_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"

	"github.com/prometheus/client_golang/prometheus"
)

// projectNo returns a project by its number.
func (f *fixture) projectNo(id int64) *projects.Project {
	f.t.Helper()
	p, err := f.Registry.Resolve(f.t.Context(), labelstudio.NewProject(id, segments, nil))
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

func (f *fixture) enqueue(rec recordings.Recording) jobs.Job {
	f.t.Helper()
	job, err := f.Enqueue(f.t.Context(), rec, priority.Batch)
	if err != nil {
		f.t.Fatal(err)
	}
	return job
}

// attempt works on the next transcription, and puts it off if that fails.
func (f *fixture) attempt() error {
	f.t.Helper()
	l, err := f.Fixture.Take(recordings.Kind)
	if err != nil {
		f.t.Fatal(err)
	}
	defer l.Release()
	err = f.Worker().Work(l.Context(), f.t.Context(), l)
	if err != nil {
		if err := l.Retry(f.t.Context(), time.Hour, err); err != nil {
			f.t.Error(err)
		}
	}
	return err
}

// cloud makes the Label Studio of a fixture resolve an address to a recording, for all tasks and
// projects but those whose routes are refused with a status.
func (f *fixture) cloud(uri string, content []byte, refused map[string]int) {
	f.t.Helper()
	bucket := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "a.wav", time.Time{}, bytes.NewReader(content))
	}))
	f.t.Cleanup(bucket.Close)
	f.Studio.AddCloudFile(uri, bucket.URL+"/a.wav")
	f.Studio.Intercept(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		for prefix, status := range refused {
			if strings.HasPrefix(r.URL.Path, prefix) {
				labelstudiotest.Answer(status, `{"detail":"refused"}`)(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func TestTranscriptReachesOnlyProjectsThatMayOpenTheRecording(t *testing.T) {
	for _, first := range []int64{1, 2} {
		t.Run(fmt.Sprint("project ", first, " first"), func(t *testing.T) {
			f := newFixtureWith(t, servicetest.Options{Remote: true})
			tone := tones.Recording{Seconds: 8}
			const uri = "s3://b/secret.wav"
			f.cloud(uri, tone.WAV(), map[string]int{"/tasks/20/": 403, "/projects/2/": 403})
			keys := map[int64]string{}
			for _, id := range []int64{first, 3 - first} {
				keys[id] = f.enqueue(recordings.Of(f.projectNo(id), 10*id, uri)).Key
				err := f.attempt()
				if _, retry := media.Retryable(err); id == 2 && (!retry || !strings.Contains(err.Error(), "403")) || id == 1 && err != nil {
					t.Errorf("project %d: %v", id, err)
				}
			}
			if got, err := f.Transcript(t.Context(), 1, keys[1]); err != nil || got.Text() != tone.Text() {
				t.Errorf("the project with access: %v, %v", got, err)
			}
			for _, key := range keys {
				if got, err := f.Transcript(t.Context(), 2, key); !errors.Is(err, recordings.ErrNotTranscribed) {
					t.Errorf("the project without access gets %v, %v", got, err)
				}
			}
			if state, err := f.State(t.Context(), 2, []string{keys[1]}); state != recordings.Foreign || err != nil {
				t.Errorf("state of another project's transcription: %v, %v", state, err)
			}
		})
	}
}

func TestRecordingOutlivesTheTaskThatAskedFirst(t *testing.T) {
	f := newFixtureWith(t, servicetest.Options{Remote: true})
	const uri = "s3://b/shared.wav"
	f.cloud(uri, tones.Recording{Seconds: 3}.WAV(), map[string]int{"/tasks/1/": 404})
	p := f.projectNo(7)
	key := ""
	for task := range int64(8) {
		key = f.enqueue(recordings.Of(p, task+1, uri)).Key
	}
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Transcript(t.Context(), 7, key); err != nil {
		t.Error(err)
	}
}

// transcribed returns how many seconds of audio have been transcribed.
func transcribed(t *testing.T, r *prometheus.Registry) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "asr_backend_audio_seconds_total" {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}

func TestEqualBytesAreTranscribedOnce(t *testing.T) {
	metrics := prometheus.NewRegistry()
	f := newFixtureWith(t, servicetest.Options{Remote: true, Metrics: metrics})
	tone := tones.Recording{Seconds: 8}
	keys := map[int64]string{}
	for task := range int64(30) {
		project := task%3 + 1
		value := f.Studio.Upload(project, fmt.Sprintf("of-%d.wav", project), tone.WAV())
		keys[project] = f.enqueue(recordings.Of(f.projectNo(project), task+1, value)).Key
	}
	for range 3 {
		if err := f.work(); err != nil {
			t.Fatal(err)
		}
	}
	for project, key := range keys {
		got, err := f.Transcript(t.Context(), project, key)
		if err != nil || got.Text() != tone.Text() || got.Source != fmt.Sprintf("of-%d.wav", project) {
			t.Errorf("project %d: %+v, %v", project, got, err)
		}
	}
	if n := transcribed(t, metrics); n != 8 {
		t.Errorf("%v s of audio were transcribed", n)
	}
	// The suffix of a name is part of what decoders look at.
	f.enqueue(recordings.Of(f.projectNo(1), 99, f.Studio.Upload(1, "a.wave", tone.WAV())))
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	if n := transcribed(t, metrics); n != 16 {
		t.Errorf("%v s of audio with another suffix", n)
	}
}

func TestEqualBytesWaitForEachOther(t *testing.T) {
	metrics := prometheus.NewRegistry()
	f := newFixtureWith(t, servicetest.Options{Metrics: metrics})
	tone := tones.Recording{Seconds: 8}
	of := func(project int64) recordings.Recording {
		return recordings.Of(f.projectNo(project), project, f.Studio.Upload(project, "a.wav", tone.WAV()))
	}
	key := f.enqueue(of(1)).Key
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	known, err := f.Jobs.Get(t.Context(), key)
	if err != nil || len(known.Content) != 64 {
		t.Fatalf("content %q, %v", known.Content, err)
	}
	if err := f.Jobs.Remove(t.Context(), key); err != nil {
		t.Fatal(err)
	}

	// The first runs, and the second waits without an error.
	f.enqueue(of(1))
	running, err := f.Fixture.Take(recordings.Kind)
	if err != nil {
		t.Fatal(err)
	}
	defer running.Release()
	if err := running.Identify(t.Context(), known.Content); err != nil {
		t.Fatal(err)
	}
	second := f.enqueue(of(2)).Key
	for range 2 {
		if err := f.work(); err != nil {
			t.Fatal(err)
		}
		job, err := f.Jobs.Get(t.Context(), second)
		if err != nil || job.State != jobs.Queued || !job.NotBefore.After(time.Now()) || job.Retries != 0 {
			t.Fatalf("the second is %+v, %v", job, err)
		}
		if _, err := f.Jobs.Requeue(t.Context(), second); err != nil {
			t.Fatal(err)
		}
	}
	// One that somebody has opened does not wait for one that nobody has.
	third, err := f.Enqueue(t.Context(), of(3), priority.Opened)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	if state, err := f.State(t.Context(), 3, []string{third.Key}); state != recordings.Transcribed || err != nil {
		t.Errorf("the opened one: %v, %v", state, err)
	}
	if n := transcribed(t, metrics); n != 16 {
		t.Errorf("%v s of audio were transcribed", n)
	}
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	if state, err := f.State(t.Context(), 2, []string{second}); state != recordings.Transcribed || err != nil {
		t.Errorf("the second, after the third: %v, %v", state, err)
	}
	if n := transcribed(t, metrics); n != 16 {
		t.Errorf("%v s of audio were transcribed", n)
	}
}

// sharedKey is the key that earlier programs gave the recording "/data/upload/7/late.wav" in
// version "tones-95c925a43bdb", for all projects.
const sharedKey = "transcribe/tones-95c925a43bdb/8458fd58dc30"

func TestJobsThatWereForAllProjectsStayWithTheFirst(t *testing.T) {
	f := newFixtureWith(t, servicetest.Options{NoLibrary: true})
	of := func(project int64) recordings.Recording {
		return recordings.Recording{Value: "/data/upload/7/late.wav", ProjectID: project, Version: "tones-95c925a43bdb"}
	}
	if _, _, err := f.Jobs.Enqueue(t.Context(), jobs.Spec{Key: sharedKey, Project: "7", Kind: recordings.Kind, Payload: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	if job := f.enqueue(of(7)); job.Key != sharedKey || f.Key(of(7)) != sharedKey {
		t.Errorf("the first project has %s, %s", job.Key, f.Key(of(7)))
	}
	if job := f.enqueue(of(8)); job.Key == sharedKey || job.Project != "8" || f.Key(of(8)) != job.Key {
		t.Errorf("the second project has %+v, %s", job, f.Key(of(8)))
	}
	l, err := f.Fixture.Take(recordings.Kind)
	for err == nil && l.Job().Key != sharedKey {
		l, err = f.Fixture.Take(recordings.Kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Fail(t.Context(), errors.New("no such recording")); err != nil {
		t.Fatal(err)
	}
	if job := f.enqueue(of(7)); job.Key == sharedKey || job.State != jobs.Queued {
		t.Errorf("after the shared one was given up: %+v", job)
	}
}

// What an earlier program stored for all projects is known to belong to one of them.
func TestStoredResultsOfEarlierProgramsBelongToOneProject(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "jobs")
	copyDataDir(t, dir)
	f := newFixtureWith(t, servicetest.Options{JobsDir: dir, NoLibrary: true})
	n := 0
	for job := range f.Jobs.Jobs(jobs.Filter{Kind: recordings.Kind, States: []jobs.State{jobs.Done}}) {
		n++
		if _, err := f.Transcript(t.Context(), 99, job.Key); !errors.Is(err, recordings.ErrNotTranscribed) {
			t.Errorf("another project: %v", err)
		}
		if _, err := f.Transcript(t.Context(), projects.ParseName(job.Project), job.Key); err != nil {
			t.Errorf("its project: %v", err)
		}
	}
	if n == 0 {
		t.Error("no results are stored")
	}
}
