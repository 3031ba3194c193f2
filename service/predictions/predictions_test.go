package predictions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/recordings"
)

const (
	token    = "5ec4e75ec4e75ec4e75ec4e75ec4e75ec4e75ec4"
	segments = `<View><Labels name="labels" toName="audio"><Label value="Speech"/></Labels>` +
		`<Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio" perRegion="true"/></View>`
	transcribed = `{"version":1,"model_version":"v","duration":2,"segments":[{"start":0.5,"end":1.5,"text":"one two","channel":-1,"confidence":0.9,"words":[]}]}`
)

// rows is a Label Studio with one task in one project, as far as predictions go.
type rows struct {
	mu   sync.Mutex
	next int64
	all  map[int64]string // versions
	gone bool             // the task is
}

func (r *rows) add(version string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	r.all[r.next] = version
	return r.next
}

func (r *rows) versions() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, v := range r.all {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

func (r *rows) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	reply := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	switch q.Method + " " + q.URL.Path {
	case "GET /api/predictions/":
		r.mu.Lock()
		defer r.mu.Unlock()
		list := []any{}
		for id, version := range r.all {
			list = append(list, map[string]any{"id": id, "task": 5, "model_version": version, "result": []any{}})
		}
		reply(200, list)
	case "POST /api/predictions/":
		var row struct {
			Version string `json:"model_version"`
		}
		if r.gone {
			reply(400, map[string]any{"validation_errors": map[string]any{"task": []string{"Invalid pk - object does not exist."}}})
			return
		}
		_ = json.NewDecoder(q.Body).Decode(&row)
		reply(201, map[string]any{"id": r.add(row.Version)})
	case "GET /api/tasks", "GET /api/tasks/":
		tasks := []any{}
		if !r.gone {
			tasks = append(tasks, map[string]any{"id": 5, "project": 1, "data": map[string]any{"audio": "/data/upload/1/a.wav"}})
		}
		reply(200, map[string]any{"total": len(tasks), "tasks": tasks})
	default:
		id, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(q.URL.Path, "/api/predictions/"), "/"), 10, 64)
		if q.Method != "DELETE" || err != nil {
			reply(404, map[string]any{"detail": "Not found."})
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.all, id)
		w.WriteHeader(http.StatusNoContent)
	}
}

// fixture is a queue, the identity of the toy model, and Predictions above them. Nothing is
// transcribed: tests store transcripts themselves.
type fixture struct {
	*Predictions
	t     *testing.T
	queue *jobs.Queue
	rows  *rows
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{t: t, rows: &rows{all: map[int64]string{}}}
	server := httptest.NewServer(f.rows)
	t.Cleanup(server.Close)
	client, err := api.New(api.Options{URL: server.URL, Token: labelstudio.NewSecret(token)})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := modelpool.New(modelpool.Options{Open: func(name, variant string) (*asr.Bundle, error) {
		return asr.OpenBundle(oracle.Data(t, "models", "toys", name), variant)
	}})
	if err != nil {
		t.Fatal(err)
	}
	q := queue.New(jobs.Options{Dir: filepath.Join(dir, "jobs"), Reserve: 1 << 20})
	q.Run(t.Context())
	if f.queue, err = q.Get(); err != nil {
		t.Fatal(err)
	}
	registry, err := projects.New(projects.Options{Queue: q, Models: pool, Defaults: projects.Settings{Model: "tones"}, FFmpeg: "off"})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := recordings.New(recordings.Options{Queue: q, Projects: registry, Models: pool, Media: media.Options{CacheDir: filepath.Join(dir, "cache")}})
	if err != nil {
		t.Fatal(err)
	}
	if f.Predictions, err = New(Options{Queue: q, Projects: registry, Recordings: rec, Problems: problems.NewLog(), Client: client, Wait: time.Second}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		rec.Close()
		if err := errors.Join(q.Close(), pool.Close()); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *fixture) project(extra string) *labelstudio.Project {
	f.t.Helper()
	p, err := f.Projects.Configure(f.t.Context(), 1, segments)
	if err != nil {
		f.t.Fatal(err)
	}
	if extra != "" {
		if err := f.Projects.Set(f.t.Context(), 1, labelstudio.KeyExtraParams, extra); err != nil {
			f.t.Fatal(err)
		}
		p.ExtraParams = json.RawMessage(extra)
	}
	return p
}

func task() labelstudio.Task {
	return labelstudio.Task{ID: 5, Project: 1, Data: labelstudio.Data{"audio": json.RawMessage(`"/data/upload/1/a.wav"`)}}
}

// take takes the next job of a kind.
func (f *fixture) take(kind string) (*jobs.Lease, error) {
	ctx, cancel := context.WithTimeout(f.t.Context(), 10*time.Second)
	f.t.Cleanup(cancel)
	return f.queue.Take(ctx, kind, priority.Batch)
}

// transcribe ends the next transcription with a transcript.
func (f *fixture) transcribe() {
	f.t.Helper()
	l, err := f.take(recordings.Kind)
	if err == nil {
		err = l.Finish(f.t.Context(), []byte(transcribed))
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// work works on the next push.
func (f *fixture) work() error {
	f.t.Helper()
	l, err := f.take(Kind)
	if err != nil {
		f.t.Fatal(err)
	}
	defer l.Release()
	return f.Worker().Work(l.Context(), f.t.Context(), l)
}

func (f *fixture) push(extra string) {
	f.t.Helper()
	if err := f.Prepare(f.t.Context(), f.project(extra), []labelstudio.Task{task()}); err != nil {
		f.t.Fatal(err)
	}
	f.transcribe()
	if err := f.work(); err != nil {
		f.t.Fatal(err)
	}
}

func TestAPreparedTaskIsTranscribedAndPushed(t *testing.T) {
	f := newFixture(t)
	f.push("")
	p, err := f.Projects.Resolve(t.Context(), f.project(""))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.rows.versions(); !slices.Equal(got, []string{p.Version}) {
		t.Errorf("stored %q, want %q", got, p.Version)
	}
	tasks := Tasks(f.queue, 1)
	if len(tasks) != 1 || tasks[0].ID != 5 || tasks[0].State != "pushed" || tasks[0].Version != p.Version {
		t.Errorf("status %+v", tasks)
	}
	if err := f.Forget(t.Context(), 1, []labelstudio.Task{{ID: 5}}); err != nil {
		t.Fatal(err)
	}
	if tasks := Tasks(f.queue, 1); len(tasks) != 0 {
		t.Errorf("after the task was deleted: %+v", tasks)
	}
}

func TestPredictAnswersWhatIsReadyAndNothingElse(t *testing.T) {
	f := newFixture(t)
	p, err := f.Projects.Resolve(t.Context(), f.project(""))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := f.Predict(t.Context(), p, []labelstudio.Task{task()}, nil); err != nil || len(out) != 1 || out[0] != nil {
		t.Errorf("before it is transcribed: %+v, %v", out, err)
	}
	f.transcribe()
	for i, want := range []int{1, 0} { // the second time Label Studio is storing the first
		out, err := f.Predict(t.Context(), p, []labelstudio.Task{task()}, nil)
		if err != nil || len(out[0]) != want {
			t.Errorf("request %d: %+v, %v", i, out, err)
		}
	}
	if out, err := f.Predict(t.Context(), p, []labelstudio.Task{{ID: 6}}, nil); err != nil || out[0] != nil {
		t.Errorf("a task without a recording: %+v, %v", out, err)
	}
	if _, tasks := f.Problems.Of(1); len(tasks) != 1 || tasks[0].ID != 6 || tasks[0].State != problems.NotAccepted {
		t.Errorf("problems %+v", tasks)
	}
}

func TestAPushOfAnOldVersionAsksForTheNewOne(t *testing.T) {
	f := newFixture(t)
	if err := f.Prepare(t.Context(), f.project(""), []labelstudio.Task{task()}); err != nil {
		t.Fatal(err)
	}
	f.transcribe()
	f.project(`{"words":false}`)
	if err := f.work(); err != nil { // superseded
		t.Fatal(err)
	}
	if got := f.rows.versions(); len(got) != 0 {
		t.Errorf("stored %q of an old version", got)
	}
	if err := f.work(); err != nil { // of the same transcript
		t.Fatal(err)
	}
	if got := f.rows.versions(); len(got) != 1 {
		t.Errorf("stored %q", got)
	}
	if n := len(f.queue.List(jobs.Filter{Kind: Kind})); n != 1 {
		t.Errorf("%d pushes are kept", n)
	}
}

func TestAPushToATaskThatIsGoneEnds(t *testing.T) {
	f := newFixture(t)
	f.rows.gone = true
	f.push("")
	if n := len(f.queue.List(jobs.Filter{Kind: Kind})); n != 0 {
		t.Errorf("%d pushes are kept", n)
	}
}

func TestKeysOfPushesStayThoseOfEarlierPrograms(t *testing.T) {
	p := push{TaskID: 8, ProjectID: 7, Version: "tones-db0a77e9db41"}
	if p.Key() != "deliver/7/8/tones-db0a77e9db41" {
		t.Errorf("key %s", p.Key())
	}
	raw, err := json.Marshal(p)
	if want := `{"task":8,"project":7,"version":"tones-db0a77e9db41","plans":null,"hear":null}`; err != nil || string(raw) != want {
		t.Errorf("payload %s, %v", raw, err)
	}
	if project, task, version, ok := parseKey("deliver/7/8/a/b"); project != 7 || task != 8 || version != "a/b" || !ok {
		t.Errorf("parsed %d, %d, %q, %v", project, task, version, ok)
	}
	for _, key := range []string{"", "deliver/7/8", "transcribe/7/8/x", "deliver/a/8/x"} {
		if _, _, _, ok := parseKey(key); ok {
			t.Errorf("%q was parsed", key)
		}
	}
}

func TestStatesOfTasks(t *testing.T) {
	for _, c := range []struct {
		push, transcription jobs.Job
		want                string
	}{
		{jobs.Job{State: jobs.Queued}, jobs.Job{State: jobs.Queued}, "waiting "},
		{jobs.Job{State: jobs.Queued}, jobs.Job{State: jobs.Queued, Reason: "unreachable"}, "waiting unreachable"},
		{jobs.Job{State: jobs.Queued}, jobs.Job{State: jobs.Running}, "transcribing "},
		{jobs.Job{State: jobs.Queued, Reason: "502"}, jobs.Job{State: jobs.Done}, "to be pushed 502"},
		{jobs.Job{State: jobs.Done, Reason: "502"}, jobs.Job{State: jobs.Done}, "pushed "},
		{jobs.Job{State: jobs.Done}, jobs.Job{State: jobs.Discarded, Reason: "no audio"}, "failed no audio"},
		{jobs.Job{State: jobs.Discarded, Reason: "401"}, jobs.Job{State: jobs.Done}, "not pushed 401"},
	} {
		if got := taskState(c.push, c.transcription); fmt.Sprint(got.State, " ", got.Reason) != c.want {
			t.Errorf("%v and %v: %+v, want %s", c.push.State, c.transcription.State, got, c.want)
		}
	}
}

// Any version may look like one of ours: UUIDs and dates end in twelve hex digits too.
func TestOnlyWhatThisBackendWroteIsReplaced(t *testing.T) {
	f := newFixture(t)
	foreign := []string{
		"exp-550e8400-e29b-41d4-a716-446655440000", "nemo-202311171530", "tones-0123456789ab", "whisper-large-v3", "",
	}
	for _, version := range foreign {
		f.rows.add(version)
	}
	f.push("")
	p, err := f.Projects.Resolve(t.Context(), f.project(""))
	if err != nil {
		t.Fatal(err)
	}
	first := p.Version
	if got, want := f.rows.versions(), slices.Sorted(slices.Values(append(slices.Clone(foreign), first))); !slices.Equal(got, want) {
		t.Fatalf("stored %q, want %q", got, want)
	}
	// A change of settings replaces what was written before, and nothing else.
	if err := f.Prepare(t.Context(), f.project(`{"words":false}`), []labelstudio.Task{task()}); err != nil {
		t.Fatal(err)
	}
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	if p, err = f.Projects.Resolve(t.Context(), f.project(`{"words":false}`)); err != nil || p.Version == first {
		t.Fatalf("version %s, %v", p.Version, err)
	}
	if got, want := f.rows.versions(), slices.Sorted(slices.Values(append(slices.Clone(foreign), p.Version))); !slices.Equal(got, want) {
		t.Errorf("stored %q, want %q", got, want)
	}
}

// An answer is stored by Label Studio, and so is one of ours as well.
func TestAnAnswerOfAnOldVersionIsReplaced(t *testing.T) {
	f := newFixture(t)
	p, err := f.Projects.Resolve(t.Context(), f.project(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Predict(t.Context(), p, []labelstudio.Task{task()}, nil); err != nil {
		t.Fatal(err)
	}
	f.transcribe()
	out, err := f.Predict(t.Context(), p, []labelstudio.Task{task()}, nil)
	if err != nil || len(out[0]) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	f.rows.add(out[0][0].ModelVersion)
	if err := f.Prepare(t.Context(), f.project(`{"words":false}`), []labelstudio.Task{task()}); err != nil {
		t.Fatal(err)
	}
	if err := f.Forget(t.Context(), 1, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the push of the old version, which is superseded, and the new one
		if err := f.work(); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.rows.versions(); len(got) != 1 || got[0] == p.Version {
		t.Errorf("stored %q", got)
	}
}

func TestMediaPasswordsStandInNoJob(t *testing.T) {
	f := newFixture(t)
	lp := f.project("")
	lp.Login, lp.Password = "studio", labelstudio.NewSecret("open-sesame")
	p, err := f.Projects.Resolve(t.Context(), lp)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Predict(t.Context(), p, []labelstudio.Task{task()}, nil); err != nil {
		t.Fatal(err)
	}
	list := f.queue.List(jobs.Filter{})
	if len(list) != 2 {
		t.Errorf("%d jobs", len(list))
	}
	for _, one := range list {
		job, err := f.queue.Get(t.Context(), one.Key)
		if err != nil || strings.Contains(string(job.Payload), "sesame") {
			t.Errorf("job %s holds %s, %v", job.Key, job.Payload, err)
		}
	}
	// Recordings of webhooks are opened with the same credentials, by the same job.
	loaded, err := f.Projects.Load(t.Context(), 1)
	if err != nil || loaded.Login != "studio" || loaded.Password.Reveal() != "open-sesame" {
		t.Fatalf("loaded %+v, %v", loaded, err)
	}
	if err := f.Prepare(t.Context(), loaded, []labelstudio.Task{task()}); err != nil {
		t.Fatal(err)
	}
	if n := len(f.queue.List(jobs.Filter{})); n != 2 {
		t.Errorf("%d jobs after the webhook", n)
	}
	// A project that needs none any more.
	lp.Login, lp.Password = "", labelstudio.Secret{}
	if err := f.Projects.SetLogin(t.Context(), lp); err != nil {
		t.Fatal(err)
	}
	if loaded, err = f.Projects.Load(t.Context(), 1); err != nil || loaded.Login != "" || !loaded.Password.IsZero() {
		t.Errorf("loaded %+v, %v", loaded, err)
	}
}
