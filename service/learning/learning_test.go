package learning_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/wer"
)

const whole = `<View><Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio"/></View>`

// team is a project whose recordings are those of testdata/learning, and its people.
type team struct {
	*servicetest.Fixture
	*learning.Learning
	corrections *corrections.Corrections
	knowledge   *knowledge.Store
	due         *projects.Due
	t           testing.TB
	texts       []string // what is said in each recording
	tasks       []labelstudio.Task
}

func newTeam(t testing.TB, recordings int) *team {
	t.Helper()
	return newTeamIn(t, recordings, "")
}

// newTeamIn returns a team whose queue is in a folder; empty stands for a new one.
func newTeamIn(t testing.TB, recordings int, dir string) *team {
	t.Helper()
	return newTeamWith(t, recordings, servicetest.Options{Model: models.EmbeddedName, JobsDir: dir})
}

func newTeamWith(t testing.TB, recordings int, o servicetest.Options) *team {
	t.Helper()
	f := &team{Fixture: servicetest.New(t, o), t: t, due: projects.NewDue()}
	f.knowledge = f.Fixture.Knowledge
	var err error
	must := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f.corrections, err = corrections.New(corrections.Options{Queue: f.Queue, Projects: f.Registry, Recordings: f.Recordings})
	must()
	f.Learning, err = learning.New(learning.Options{Queue: f.Queue, Projects: f.Registry, Models: f.Models, Knowledge: f.knowledge,
		Recordings: f.Recordings, Corrections: f.corrections, Due: f.due, Folder: filepath.Join(t.TempDir(), "projects")})
	must()
	_, err = f.Registry.Configure(t.Context(), 1, whole)
	must()
	folder := oracle.Data(t, "learning")
	file, err := os.Open(filepath.Join(folder, "index.tsv"))
	must()
	defer file.Close()
	table := csv.NewReader(file)
	table.Comma, table.LazyQuotes = '\t', true
	lines, err := table.ReadAll()
	must()
	name, text := slices.Index(lines[0], "file"), slices.Index(lines[0], "text")
	for i, line := range lines[1 : 1+recordings] {
		raw, err := os.ReadFile(filepath.Join(folder, line[name]))
		if err != nil {
			t.Fatal(err)
		}
		f.texts = append(f.texts, line[text])
		f.tasks = append(f.tasks, labelstudio.Task{ID: int64(i + 1), Project: 1,
			Data: labelstudio.Data{"audio": json.RawMessage(fmt.Sprintf("%q", f.Upload(line[name], raw)))}})
	}
	return f
}

// project returns the project as it is.
func (f *team) project() *projects.Project {
	f.t.Helper()
	p, err := f.Registry.Present(f.t.Context(), 1)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// transcribe transcribes recordings in the present version, and returns their texts.
func (f *team) transcribe(tasks []int) (texts []string) {
	f.t.Helper()
	for _, i := range tasks {
		text, err := f.transcribeOne(i)
		if err != nil {
			f.t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return texts
}

func (f *team) transcribeOne(task int) (string, error) {
	f.t.Helper()
	p := f.project()
	value, _ := p.Plans[0].Recording(f.tasks[task].Data)
	job, err := f.Recordings.Enqueue(f.t.Context(), recordings.Of(p, f.tasks[task].ID, value), priority.Batch)
	if err != nil {
		return "", err
	}
	if !job.State.Ended() {
		if err := f.Work(f.Recordings.Worker()); err != nil {
			return "", err
		}
	}
	tr, err := f.Recordings.Transcript(f.t.Context(), 1, job.Key)
	if err != nil {
		return "", err
	}
	return tr.Text(), nil
}

// correct records what a person makes of the prediction of a task.
func (f *team) correct(task int, text string) {
	f.t.Helper()
	var a labelstudio.Annotation
	raw := fmt.Sprintf(`{"id":%d,"task":%d,"lead_time":9,"result":[{"id":"a","from_name":"transcription","to_name":"audio","type":"textarea","value":{"text":[%q]}}]}`, 100+task, task+1, text)
	if err := json.Unmarshal([]byte(raw), &a); err != nil {
		f.t.Fatal(err)
	}
	if err := f.corrections.Record(f.t.Context(), f.project().Project, f.tasks, []labelstudio.Annotation{a}); err != nil {
		f.t.Fatal(err)
	}
}

// learn has the project learn and returns the run.
func (f *team) learn() *learning.Run {
	f.t.Helper()
	return f.learnBecause(learning.Asked)
}

func (f *team) learnBecause(why learning.Trigger) *learning.Run {
	f.t.Helper()
	if _, err := f.Enqueue(f.t.Context(), 1, why); err != nil {
		f.t.Fatal(err)
	}
	if err := f.Work(f.Learning.Worker()); err != nil {
		f.t.Fatal(err)
	}
	s, err := f.State(f.t.Context(), 1)
	if err != nil {
		f.t.Fatal(err)
	}
	return s.Last
}

func to(n int) (out []int) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

func errorsOf(want, got []string) (e wer.Errors) {
	for i := range want {
		e.Add(wer.Compare(want[i], got[i]))
	}
	return e
}

// What twenty corrections teach, twenty other recordings know, and the model is not run for it.
func TestATeamIsLearntFrom(t *testing.T) {
	f := newTeam(t, 40)
	before := f.transcribe(to(40))
	version := f.project().Version
	for i := range 20 {
		f.correct(i, f.texts[i])
	}
	run := f.learn()
	t.Logf("%+v", *run)
	if !run.TakenUp || f.project().Version == version {
		t.Fatalf("nothing was taken up: %+v", run)
	}
	later := to(40)[20:]
	after := f.transcribe(later)
	was, is := errorsOf(f.texts[20:], before[20:]), errorsOf(f.texts[20:], after)
	t.Logf("%.1f %% of words wrong before, %.1f %% after", 100*was.Rate(), 100*is.Rate())
	if is.Rate() > 0.8*was.Rate() {
		t.Errorf("%.1f %% of words are wrong, before %.1f %%", 100*is.Rate(), 100*was.Rate())
	}
	if strings.Join(after, "\n") == strings.Join(before[20:], "\n") {
		t.Error("the texts are the same")
	}
}
