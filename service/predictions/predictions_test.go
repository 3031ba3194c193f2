package predictions

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
)

const (
	segments    = servicetest.Segments
	transcribed = `{"version":1,"model_version":"v","duration":2,"segments":[{"start":0.5,"end":1.5,"text":"one two","channel":-1,"confidence":0.9,"words":[]}]}`
)

// fixture is a queue, the identity of the toy model, and Predictions above them, with a
// Label Studio in which project 1 has task 5. Nothing is transcribed: tests store
// transcripts themselves.
type fixture struct {
	*Predictions
	*servicetest.Fixture
	t testing.TB
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{Fixture: servicetest.New(t, servicetest.Options{NoLibrary: true}), t: t}
	f.Studio.AddProject(labelstudiotest.Project{ID: 1, Config: segments})
	f.Studio.AddTask(labelstudiotest.Task{ID: 5, Project: 1, Data: map[string]any{"audio": "/data/upload/1/a.wav"}})
	client, err := api.New(api.Options{URL: f.Studio.URL, Token: labelstudio.NewSecret(f.Studio.Token)})
	if err != nil {
		t.Fatal(err)
	}
	if f.Predictions, err = New(Options{Queue: f.Queue, Projects: f.Registry, Recordings: f.Recordings, Problems: problems.NewLog(), Due: projects.NewDue(), Client: client, Wait: time.Second}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close(context.Background()) }) // always nil
	return f
}

// store stores a prediction of a version, as somebody else would.
func (f *fixture) store(version string) {
	f.Studio.AddPrediction(labelstudiotest.Prediction{Task: 5, Version: version, Result: []json.RawMessage{}})
}

// versions returns those of the predictions that are stored, in order.
func (f *fixture) versions() []string {
	var out []string
	for _, p := range f.Studio.Predictions(5) {
		out = append(out, p.Version)
	}
	slices.Sort(out)
	return out
}

func (f *fixture) project(extra string) *labelstudio.Project {
	f.t.Helper()
	p, err := f.Registry.Configure(f.t.Context(), 1, segments)
	if err != nil {
		f.t.Fatal(err)
	}
	if extra != "" {
		if err := f.Registry.Set(f.t.Context(), 1, labelstudio.KeyExtraParams, extra); err != nil {
			f.t.Fatal(err)
		}
		p.ExtraParams = json.RawMessage(extra)
	}
	return p
}

func task() labelstudio.Task {
	return labelstudio.Task{ID: 5, Project: 1, Data: labelstudio.Data{"audio": json.RawMessage(`"/data/upload/1/a.wav"`)}, Predictions: json.RawMessage("[]")}
}

// transcribe ends the next transcription with a transcript.
func (f *fixture) transcribe() {
	f.t.Helper()
	l, err := f.Take(recordings.Kind)
	if err == nil {
		err = l.Finish(f.t.Context(), []byte(transcribed))
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// holds checks that a request for a task is answered with a prediction, or with none for a reason.
func (f *fixture) holds(what string, p *projects.Project, task labelstudio.Task, reason string) {
	f.t.Helper()
	out, err := f.Predict(f.t.Context(), p, []labelstudio.Task{task})
	switch {
	case err != nil || len(out) != 1 || len(out[0]) != 1:
		f.t.Errorf("%s: %+v, %v", what, out, err)
	case reason == "" && (out[0][0].Reason != "" || len(out[0][0].Result) == 0):
		f.t.Errorf("%s: %+v, want a prediction", what, out)
	case !strings.Contains(out[0][0].Reason, reason):
		f.t.Errorf("%s: %+v, want the reason %q", what, out, reason)
	}
}

// work works on the next push.
func (f *fixture) work() error {
	f.t.Helper()
	return f.Work(f.Worker())
}

// resolved is project with what follows from it.
func (f *fixture) resolved(extra string) *projects.Project {
	f.t.Helper()
	p, err := f.Registry.Resolve(f.t.Context(), f.project(extra))
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// prepare prepares the task.
func (f *fixture) prepare(lp *labelstudio.Project) error {
	p, err := f.Projects.Resolve(f.t.Context(), lp)
	if err == nil {
		_, err = f.Prepare(f.t.Context(), p, []labelstudio.Task{task()}, priority.Batch)
	}
	return err
}

func (f *fixture) push(extra string) {
	f.t.Helper()
	if err := f.prepare(f.project(extra)); err != nil {
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
	p := f.resolved("")
	if got := f.versions(); !slices.Equal(got, []string{p.Version}) {
		t.Errorf("stored %q, want %q", got, p.Version)
	}
	pushes := f.Jobs.List(jobs.Filter{Kind: Kind})
	if len(pushes) != 1 || pushes[0].Key != (push{TaskID: 5, ProjectID: 1, Version: p.Version}).Key() || pushes[0].State != jobs.Done {
		t.Errorf("pushes %+v", pushes)
	}
	if err := f.Forget(t.Context(), 1, map[int64]bool{5: true}); err != nil {
		t.Fatal(err)
	}
	if pushes := f.Jobs.List(jobs.Filter{Kind: Kind}); len(pushes) != 0 {
		t.Errorf("after the task was deleted: %+v", pushes)
	}
}

func TestPredictAnswersWhatIsReadyAndNothingElse(t *testing.T) {
	f := newFixture(t)
	p := f.resolved("")
	f.holds("before it is transcribed", p, task(), "not transcribed within 1s")
	f.transcribe()
	f.holds("the first request", p, task(), "")
	f.holds("while Label Studio stores the answer", p, task(), "another request")
	f.holds("a task without a recording", p, labelstudio.Task{ID: 6}, "no recording")
	if _, tasks := f.Problems.Of(1); len(tasks) != 1 || tasks[0].ID != 6 || tasks[0].State != problems.NotAccepted {
		t.Errorf("problems %+v", tasks)
	}
}

func TestAPushOfAnOldVersionMakesItsProjectDue(t *testing.T) {
	f := newFixture(t)
	if err := f.prepare(f.project("")); err != nil {
		t.Fatal(err)
	}
	f.transcribe()
	f.project(`{"words":false}`)
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	if got := f.versions(); len(got) != 0 {
		t.Errorf("stored %q of an old version", got)
	}
	if n := len(f.Jobs.List(jobs.Filter{Kind: Kind})); n != 0 {
		t.Errorf("%d pushes are kept", n)
	}
	if project, err := f.Due.Next(t.Context()); err != nil || project != 1 {
		t.Errorf("project %d is due, %v", project, err)
	}
}

// A configuration that is wrong for a moment must not cost what was transcribed.
func TestAPushWaitsForAConfigurationThatAsksForText(t *testing.T) {
	f := newFixture(t)
	if err := f.prepare(f.project("")); err != nil {
		t.Fatal(err)
	}
	f.transcribe()
	if _, err := f.Registry.Configure(t.Context(), 1, `<View><Audio name="audio" value="$audio"/></View>`); err != nil {
		t.Fatal(err)
	}
	var unserved *projects.NotServedError
	if err := f.work(); !errors.As(err, &unserved) {
		t.Fatalf("error %v", err)
	}
	if list := f.Jobs.List(jobs.Filter{Kind: Kind}); len(list) != 1 || list[0].State.Ended() {
		t.Errorf("pushes %+v", list)
	}
}

func TestAPushToATaskThatIsGoneEnds(t *testing.T) {
	f := newFixture(t)
	f.Studio.DeleteTasks(5)
	f.push("")
	if n := len(f.Jobs.List(jobs.Filter{Kind: Kind})); n != 0 {
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
	if project, task, version, ok := ParseKey("deliver/7/8/a/b"); project != 7 || task != 8 || version != "a/b" || !ok {
		t.Errorf("parsed %d, %d, %q, %v", project, task, version, ok)
	}
	for _, key := range []string{"", "deliver/7/8", "transcribe/7/8/x", "deliver/a/8/x"} {
		if _, _, _, ok := ParseKey(key); ok {
			t.Errorf("%q was parsed", key)
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
		f.store(version)
	}
	f.push("")
	p := f.resolved("")
	first := p.Version
	if got, want := f.versions(), slices.Sorted(slices.Values(append(slices.Clone(foreign), first))); !slices.Equal(got, want) {
		t.Fatalf("stored %q, want %q", got, want)
	}
	// A change of settings replaces what was written before, and nothing else.
	if err := f.prepare(f.project(`{"words":false}`)); err != nil {
		t.Fatal(err)
	}
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	if p = f.resolved(`{"words":false}`); p.Version == first {
		t.Fatalf("version %s", p.Version)
	}
	if got, want := f.versions(), slices.Sorted(slices.Values(append(slices.Clone(foreign), p.Version))); !slices.Equal(got, want) {
		t.Errorf("stored %q, want %q", got, want)
	}
}

// An answer is stored by Label Studio, and so is one of ours as well.
func TestAnAnswerOfAnOldVersionIsReplaced(t *testing.T) {
	f := newFixture(t)
	p := f.resolved("")
	if _, err := f.Predict(t.Context(), p, []labelstudio.Task{task()}); err != nil {
		t.Fatal(err)
	}
	f.transcribe()
	out, err := f.Predict(t.Context(), p, []labelstudio.Task{task()})
	if err != nil || len(out[0]) != 1 || out[0][0].Reason != "" {
		t.Fatalf("%+v, %v", out, err)
	}
	f.store(out[0][0].ModelVersion)
	if err := f.prepare(f.project(`{"words":false}`)); err != nil {
		t.Fatal(err)
	}
	if err := f.Forget(t.Context(), 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.work(); err != nil { // the new push; the old one is held
		t.Fatal(err)
	}
	if got := f.versions(); len(got) != 1 || got[0] == p.Version {
		t.Errorf("stored %q", got)
	}
}

func TestMediaPasswordsStandInNoJob(t *testing.T) {
	f := newFixture(t)
	lp := f.project("")
	lp.Login, lp.Password = "studio", labelstudio.NewSecret("open-sesame")
	p, err := f.Registry.Resolve(t.Context(), lp)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Predict(t.Context(), p, []labelstudio.Task{task()}); err != nil {
		t.Fatal(err)
	}
	list := f.Jobs.List(jobs.Filter{})
	if len(list) != 2 {
		t.Errorf("%d jobs", len(list))
	}
	for _, one := range list {
		job, err := f.Jobs.Get(t.Context(), one.Key)
		if err != nil || strings.Contains(string(job.Payload), "sesame") {
			t.Errorf("job %s holds %s, %v", job.Key, job.Payload, err)
		}
	}
	// Recordings of webhooks are opened with the same credentials, by the same job.
	loaded, err := f.Registry.Load(t.Context(), 1)
	if err != nil || loaded.Login != "studio" || loaded.Password.Reveal() != "open-sesame" {
		t.Fatalf("loaded %+v, %v", loaded, err)
	}
	if err := f.prepare(loaded); err != nil {
		t.Fatal(err)
	}
	if n := len(f.Jobs.List(jobs.Filter{})); n != 2 {
		t.Errorf("%d jobs after the webhook", n)
	}
	// A project that needs none any more.
	lp.Login, lp.Password = "", labelstudio.Secret{}
	if err := f.Registry.SetLogin(t.Context(), lp); err != nil {
		t.Fatal(err)
	}
	if loaded, err = f.Registry.Load(t.Context(), 1); err != nil || loaded.Login != "" || !loaded.Password.IsZero() {
		t.Errorf("loaded %+v, %v", loaded, err)
	}
}
