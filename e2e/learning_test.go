package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/service/learning"

	"github.com/google/go-cmp/cmp"
)

// team is a project with the recordings of a domain, and its people.
type team struct {
	*house
	*domain
	t       *testing.T
	backend *backend
	project int64
	connection
}

// learns has people correct twenty recordings of a domain and press Start Training, and looks at
// what the other twenty get: they are better, without a run of the model, and nothing else has
// changed. Then what was learnt is undone in every way.
func learns(t *testing.T, h *house) {
	f := &team{house: h, domain: readDomain(t), t: t}
	// The button is what makes the project learn, and no number of corrections.
	f.backend = h.serve(t, "learning", serving{token: h.personal, signed: true, args: []string{"--learn-after", "1000"}})
	f.backend.ready(t)
	f.project, f.connection = f.shares("learning", f.files)
	list := f.backend.settled(t, f.project, len(f.files), 5*time.Minute)
	first := f.Version
	before := f.texts(list[taught:])
	was := f.mistakes(before)
	t.Logf("as it is: %s", was)

	other, neighbour := f.shares("not learning", f.files[taught-2:taught+2])
	others := f.backend.settled(t, other, 4, 2*time.Minute)

	annotations := make([]int64, taught)
	for i := range taught {
		annotations[i] = f.correct(list[i], f.domain.texts[i])
	}
	annotated := f.asStored(f.project)[:taught]
	eventually(t, "the words of corrections are timed", 2*time.Minute, func() bool {
		return len(f.backend.lines(t, "words of a correction timed")) == taught
	})
	runs, again := f.backend.metric(t, "asr_backend_model_runs_total"), f.backend.metric(t, "asr_backend_recordings_decoded_again_total")

	f.train()
	report := f.learnt(taught)
	second := report.PredictionVersion
	if second == first || report.Learnt == "" || !report.Last.TakenUp {
		t.Fatalf("nothing was taken up: %+v", *report.Last)
	}
	t.Logf("%d passages of %d corrections in %.1f s: %s; part %.2f, weight %.2f", report.Last.Passages, report.Last.Corrections, report.Last.TookS, report.Last.Reason, report.Part, report.PhraseWeight)
	after := f.shown(second)
	is := f.mistakes(after)
	t.Logf("learnt: %s", is)
	if is.all.Rate() > 0.8*was.all.Rate() || is.ownRate() > 0.45*was.ownRate() {
		t.Errorf("too little was learnt")
	}
	eventually(t, "the project shows the new version", 30*time.Second, func() bool { return f.shows() == second })
	if n := f.backend.metric(t, "asr_backend_recordings_decoded_again_total") - again; n != float64(len(after)) {
		t.Errorf("%v recordings were decoded again from their rows, want %d", n, len(after))
	}
	if n := f.backend.metric(t, "asr_backend_model_runs_total") - runs; n != 0 {
		t.Errorf("the model ran %v times", n)
	}
	kept := func(when string) {
		t.Helper()
		if d := cmp.Diff(annotated, f.asStored(f.project)[:taught]); d != "" {
			t.Errorf("%s: annotated tasks have changed:\n%s", when, d)
		}
		if d := cmp.Diff(others, f.tasks(t, other)); d != "" {
			t.Errorf("%s: the predictions of another project have changed:\n%s", when, d)
		}
	}
	kept("after learning")

	if said := f.asks("--rollback"); !strings.Contains(said, "uses nothing that it has learnt") {
		t.Errorf("rollback: %q", said)
	}
	f.same("after a rollback", f.shown(first), before)
	f.asks()
	if again := f.learnt(taught); again.PredictionVersion != second {
		t.Errorf("learnt again: version %s, want %s", again.PredictionVersion, second)
	}
	f.same("when it was taken up again", f.shown(second), after)

	// The texts of a version are stored, and were looked at.
	if c := f.with(object{"learn": "off"}); c.Version != first {
		t.Errorf("with learning off the version is %s, want %s", c.Version, first)
	}
	byHand := f.mistakes(f.shown(f.with(object{"learn": "off", "hotwords": f.glossary}).Version))
	t.Logf("glossary by hand: %s", byHand)
	if learnt, given := was.ownRate()-is.ownRate(), was.ownRate()-byHand.ownRate(); learnt < 0.75*given {
		t.Errorf("learning takes away %.3f of the errors on own words, less than three quarters of the glossary's %.3f", learnt, given)
	}
	kept("with a glossary")
	if c := f.with(object{}); c.Version != second {
		t.Errorf("with learning on again the version is %s, want %s", c.Version, second)
	}

	f.forgets(annotations, 7, 17)
	now := h.connectionOf(t, neighbour)
	if d := cmp.Diff(others, f.tasks(t, other)); d != "" || now.Version != neighbour.Version {
		t.Errorf("another project has version %s, had %s; its predictions:\n%s", now.Version, neighbour.Version, d)
	}
	f.backend.process.end(syscall.SIGTERM)
}

// shares makes a project of recordings that lie in a folder, connects it and imports them. The names
// of recordings say which of them judge, so they are the same in each run, unlike those of uploads.
func (f *team) shares(title string, files []string) (int64, connection) {
	f.t.Helper()
	p := f.house.project(f.t, title, template(f.t, "asr-using-segments"))
	for _, file := range files {
		place(f.t, file, filepath.Join(f.documents, title, filepath.Base(file)))
	}
	c := f.connect(f.t, p, f.backend)
	f.folder(f.t, p, title)
	return p, c
}

// correct submits what an annotator makes of the prediction of a task.
func (f *team) correct(k task, text string) int64 {
	f.t.Helper()
	var a struct{ ID int64 }
	f.call(f.t, "POST", fmt.Sprintf("/api/tasks/%d/annotations/", k.ID), object{"result": corrected(f.t, k.Predictions[0].Result, text),
		"parent_prediction": k.Predictions[0].ID, "lead_time": 60.5}, &a)
	return a.ID
}

// train presses Start Training.
func (f *team) train() {
	f.t.Helper()
	f.call(f.t, "POST", fmt.Sprintf("/api/ml/%d/train", f.ID), object{}, nil)
}

// asks runs `asr-backend learn` on the project, and returns what it prints.
func (f *team) asks(flags ...string) string {
	f.t.Helper()
	return string(f.backend.command(f.t, "learn", append([]string{"--project", fmt.Sprint(f.project)}, flags...)...))
}

// report is what GET /projects/N says.
func (f *team) report() (r learning.Report, raw string) {
	f.t.Helper()
	raw = f.asks("--show", "--json")
	if err := json.Unmarshal([]byte(raw), &r); err != nil {
		f.t.Fatalf("%v in %s", err, raw)
	}
	return r, raw
}

// learnt waits for the end of a run that was asked for with a number of corrections.
func (f *team) learnt(corrections int) (r learning.Report) {
	f.t.Helper()
	eventually(f.t, "the project has learnt", 2*time.Minute, func() bool {
		r, _ = f.report()
		return !r.Learning && r.Last != nil && r.Last.Why == learning.Asked && r.Last.Corrections == corrections && r.New == 0
	})
	return r
}

// texts returns what each task shows.
func (f *team) texts(list []task) (out []string) {
	f.t.Helper()
	for _, k := range list {
		out = append(out, strings.Join(texts(items(f.t, k.Predictions[0].Result)), " "))
	}
	return out
}

// ago is how long ago somebody annotated, in words.
var ago = regexp.MustCompile(`"created_ago":"[^"]*",`)

// asStored returns the tasks of a project with what changes only when something is stored.
func (f *team) asStored(project int64) []task {
	f.t.Helper()
	list := f.tasks(f.t, project)
	for _, k := range list {
		for i, a := range k.Annotations {
			k.Annotations[i] = ago.ReplaceAll(a, nil)
		}
	}
	return list
}

// shown waits until the tasks that were not corrected have one prediction each, of a version, and
// returns their texts.
func (f *team) shown(version string) []string {
	f.t.Helper()
	var list []task
	eventually(f.t, "predictions are of version "+version, 2*time.Minute, func() bool {
		list = f.tasks(f.t, f.project)[taught:]
		return unsettled(list) == "" && list[0].Predictions[0].Version == version
	})
	return f.texts(list)
}

// shows returns the version of predictions that the project shows.
func (f *team) shows() string {
	f.t.Helper()
	var p struct {
		Version string `json:"model_version"`
	}
	f.call(f.t, "GET", fmt.Sprintf("/api/projects/%d", f.project), nil, &p)
	return p.Version
}

// with changes the extra params.
func (f *team) with(params object) connection {
	f.t.Helper()
	return f.reconnect(f.t, f.connection, f.project, f.backend, params)
}

func (f *team) same(when string, got, want []string) {
	f.t.Helper()
	for i := range want {
		if got[i] != want[i] {
			f.t.Errorf("%s: recording %d has %q, want %q", when, taught+i+1, got[i], want[i])
		}
	}
}

// forgets deletes the annotations of recordings: once the project has learnt again, nothing of what
// it shows has the words that they alone had.
func (f *team) forgets(annotations []int64, recordings ...int) {
	f.t.Helper()
	words := f.onlyIn(recordings...)
	has := func() (out []string) {
		_, raw := f.report()
		for _, w := range words {
			if regexp.MustCompile(`(?i)\b` + w + `\b`).MatchString(raw) {
				out = append(out, w)
			}
		}
		return out
	}
	if known := has(); len(known) != len(words) || len(words) < 3 {
		f.t.Fatalf("of %q the project knows %q", words, known)
	}
	for _, i := range recordings {
		f.call(f.t, "DELETE", fmt.Sprintf("/api/annotations/%d/", annotations[i]), nil, nil)
	}
	old, _ := f.report()
	f.train()
	r := f.learnt(taught - len(recordings))
	if known := has(); len(known) != 0 || r.Learnt == old.Learnt {
		f.t.Errorf("version %s, which was %s before, still knows %q", r.Learnt, old.Learnt, known)
	}
	for _, v := range r.Versions {
		if v.Version == old.Learnt && v.Kept {
			f.t.Errorf("version %s can still be gone back to", v.Version)
		}
	}
	f.t.Logf("forgotten: %q; %s: %s", words, r.Last.Reason, f.mistakes(f.shown(r.PredictionVersion)))
}

// command runs a command of the program that asks the backend, which must succeed, and returns
// what it prints.
func (b *backend) command(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(b.house.program, append([]string{name, "--url", b.url}, args...)...)
	cmd.Env = append(cleanEnv("ASR_BACKEND_", "LABEL_STUDIO_", "PORT"), "BASIC_AUTH_USER="+operator, "BASIC_AUTH_PASS="+secret)
	out, err := cmd.Output()
	if err != nil {
		var stderr []byte
		if e, ok := err.(*exec.ExitError); ok {
			stderr = e.Stderr
		}
		t.Fatalf("%s %v: %v\n%s%s\n%s", name, args, err, out, stderr, b.process.tail())
	}
	return out
}

// metric returns the value of a metric without labels.
func (b *backend) metric(t *testing.T, name string) float64 {
	t.Helper()
	_, raw := b.get(t, "/metrics")
	for line := range strings.Lines(string(raw)) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return value
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
