package training_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/training"
)

// post sends an order to a route.
func (f *site) post(route, body string) (int, string) {
	f.t.Helper()
	r := httptest.NewRequest(http.MethodPost, route, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	f.Actions()[route].ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// get asks a route of what is shown.
func (f *site) get(route, address string) (int, string) {
	f.t.Helper()
	w := httptest.NewRecorder()
	f.Shown()[route].ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
	return w.Code, w.Body.String()
}

func TestABetterModelIsTakenUpAndCanBeGivenUp(t *testing.T) {
	t.Setenv("LABEL_STUDIO_API_KEY", secret)
	t.Setenv("BASIC_AUTH_PASS", "another secret")
	t.Setenv("ASR_BACKEND_WEBHOOK_SECRET", "a third secret")
	t.Setenv("CUDA_VISIBLE_DEVICES", "3")
	f := newSite(t, "", `cp -r "$(dirname "$ASR_BACKEND_MANIFEST")" "$LANG/seen"; env > "$LANG/env"; pwd > "$LANG/pwd"; echo the token is `+secret+`; `+swapping(t), nil)
	f.record(6, 3)
	f.correct(swapped)
	before := f.project()
	run := f.train()
	if !run.TakenUp || run.Before.Rate() <= 0.3 || run.After.Rate() != 0 || run.Base != "tones" {
		t.Fatalf("%+v, before %+v, after %+v", run, run.Before, run.After)
	}
	after := f.project()
	if after.Version == before.Version || after.Settings.Model != run.Model || after.ChosenModel != "tones" {
		t.Errorf("the project uses %s for %s, version %s, before %s", after.Settings.Model, after.ChosenModel, after.Version, before.Version)
	}
	if project, err := f.due.Next(t.Context()); project != 1 || err != nil {
		t.Errorf("project %d is due, %v", project, err)
	}
	if got, want := f.transcript(0).Text(), swap.Replace(tones.Recording{Seconds: 12}.Text()); got != want {
		t.Errorf("it is transcribed as %q, want %q", got, want)
	}
	f.checkManifests(t)
	f.checkEnvironment(t, run.Model)
	if left := names(t, filepath.Join(f.dir, "training", "1")); !slices.Equal(left, []string{"last.log"}) {
		t.Errorf("the run has left %q", left)
	}
	if status, text := f.get(training.RouteLog, training.RouteLog+"?project=1"); status != 200 || text != "the token is ***\ntrained\n" {
		t.Errorf("the log: %d %q", status, text)
	}
	if status, text := f.get("/projects/:id", "/projects/1"); status != 200 || !strings.Contains(text, `"model": "`+run.Model+`"`) || !strings.Contains(text, `"trained"`) {
		t.Errorf("the project: %d %s", status, text)
	}

	// The next run begins with the model in use, and is named without it.
	next := f.train()
	if next.Base != run.Model || next.Model == run.Model || !strings.HasPrefix(next.Model, "tones-p1-") || strings.Count(next.Model, "-p1-") != 1 || !next.TakenUp {
		t.Errorf("the next run: %+v", next)
	}
	for _, back := range []struct{ to, version, used string }{{run.Model, after.Version, run.Model}, {"", before.Version, "tones"}} {
		status, text := f.post(training.RouteModel, fmt.Sprintf(`{"project":1,"model":%q}`, back.to))
		if p := f.project(); status != 200 || p.Version != back.version || p.Settings.Model != back.used {
			t.Errorf("back to %q: %d %s, %s of %s", back.to, status, text, p.Settings.Model, p.Version)
		}
	}
	for model, want := range map[string]int{"../tones": 400, "missing": 404} {
		if status, text := f.post(training.RouteModel, fmt.Sprintf(`{"project":1,"model":%q}`, model)); status != want {
			t.Errorf("%s: %d %s", model, status, text)
		}
	}
}

// checkManifests checks what the command was given: the samples of each passage as they are in its
// recording, its text without markup, and the recordings divided as package learn does.
func (f *site) checkManifests(t *testing.T) {
	t.Helper()
	learnt, judging := manifest(t, filepath.Join(f.dir, "seen", "learn.jsonl")), manifest(t, filepath.Join(f.dir, "seen", "judge.jsonl"))
	var recordings []string
	for _, l := range slices.Concat(learnt, judging) {
		recordings = append(recordings, l.Recording)
	}
	judges := learn.Judges(recordings)
	for _, l := range learnt {
		if judges[l.Recording] {
			t.Errorf("recording %s judges and is learnt from", l.Recording)
		}
	}
	for _, l := range judging {
		if !judges[l.Recording] {
			t.Errorf("recording %s judges", l.Recording)
		}
	}
	if len(judges) != 6 || len(learnt) < 10 || len(learnt)+len(judging) != 18 {
		t.Fatalf("%d recordings, %d clips to learn from and %d that judge", len(judges), len(learnt), len(judging))
	}
	for _, l := range slices.Concat(learnt, judging) {
		var task, plan, n, start, end int
		if _, err := fmt.Sscanf(filepath.Base(l.Audio), "%d-%d-%d-%d-%d.wav", &task, &plan, &n, &start, &end); err != nil {
			t.Fatal(err)
		}
		recording := tones.Recording{Seconds: 12, First: (task - 1) % 4}
		clip, err := os.ReadFile(filepath.Join(f.dir, "seen", "clips", filepath.Base(l.Audio)))
		if err != nil {
			t.Fatal(err)
		}
		const header = 44
		if rate, channels := binary.LittleEndian.Uint32(clip[24:]), binary.LittleEndian.Uint16(clip[22:]); rate != 16000 || channels != 1 {
			t.Errorf("%s has %d Hz, %d channels", l.Audio, rate, channels)
		}
		all, sound := recording.WAV()[header:], clip[header:]
		if at := start * 16 * 2; string(sound) != string(all[at:at+len(sound)]) {
			t.Errorf("%s has other samples than its recording from %d ms on", l.Audio, start)
		}
		if length := float64(len(sound)) / 2 / 16000; math.Abs(length-l.Duration) > 1e-4 || math.Abs(length-float64(end-start)/1000) > 0.01 {
			t.Errorf("%s has %g s of sound, and the manifest says %g", l.Audio, length, l.Duration)
		}
		if want := swap.Replace(recording.Regions()[n]); l.Text != want {
			t.Errorf("%s: %q, want %q", l.Audio, l.Text, want)
		}
	}
}

func (f *site) checkEnvironment(t *testing.T, model string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(f.dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	env := string(raw)
	for _, s := range []string{secret, "another secret", "a third secret", "LABEL_STUDIO", "BASIC_AUTH"} {
		if strings.Contains(env, s) {
			t.Errorf("the command got %q:\n%s", s, env)
		}
	}
	for _, want := range []string{"ASR_BACKEND_PROJECT=1\n", "ASR_BACKEND_OUT=" + filepath.Join(f.dir, "models", model) + "\n", "CUDA_VISIBLE_DEVICES=3\n", "PATH=", "ASR_BACKEND_MODEL=/", "ASR_BACKEND_JUDGE=/"} {
		if !strings.Contains(env, want) {
			t.Errorf("the command has no %q:\n%s", want, env)
		}
	}
	here, err := os.Getwd()
	if at, errPwd := os.ReadFile(filepath.Join(f.dir, "pwd")); errors.Join(err, errPwd) != nil || string(at) != here+"\n" {
		t.Errorf("the command runs in %q, the service in %q", at, here)
	}
}

// While the settings name another model, that is used.
func TestATrainedModelTakesThePlaceOfOneOnly(t *testing.T) {
	f := newSite(t, "", "", nil)
	if err := f.Registry.SetTrained(t.Context(), 1, projects.Trained{From: "tones", Model: "logits"}); err != nil {
		t.Fatal(err)
	}
	for extra, want := range map[string]string{"": "logits", `{"model":"tones"}`: "logits", `{"model":"two-rows"}`: "two-rows"} {
		if err := f.Registry.Set(t.Context(), 1, labelstudio.KeyExtraParams, extra); err != nil {
			t.Fatal(err)
		}
		if got := f.project().Settings.Model; got != want {
			t.Errorf("with %s it uses %s, want %s", extra, got, want)
		}
	}
}

// The project does not go back to the other model by itself.
func TestATrainedModelThatIsGone(t *testing.T) {
	f := newSite(t, "", "", nil)
	before := f.project().Version
	if err := f.Registry.SetTrained(t.Context(), 1, projects.Trained{From: "tones", Model: "tones-p1-0123ab"}); err != nil {
		t.Fatal(err)
	}
	_, err := f.Registry.Present(t.Context(), 1)
	var gone *projects.TrainedModelError
	if !errors.As(err, &gone) || !strings.Contains(err.Error(), "tones-p1-0123ab") || !strings.Contains(gone.Hint(), `--project 1 --model ""`) {
		t.Fatalf("%v", err)
	}
	if status, text := f.post(training.RouteModel, `{"project":1}`); status != 200 || f.project().Version != before {
		t.Errorf("%d %s", status, text)
	}
}

func TestWhatIsNotTakenUp(t *testing.T) {
	f := newSite(t, "", "", nil)
	f.record(6, 3)
	f.correct(func(_ int, p corrections.Passage) corrections.Passage { return p }) // all is right
	version := f.project().Version
	for _, c := range []struct {
		command, reason string
		kept            bool // the model stays
	}{
		{swapping(t), "the word error rate on the recordings that judge would rise from 0.0 % to", true},
		{"exit 3", "the training command says that the new model is not better (exit status 3)", false},
		{copying + "; exit 3", "not better (exit status 3)", true}, // with a flag to keep it
		{copying + "; echo first; echo no memory >&2; exit 5", "the training command failed: exit status 5; its last line: no memory", false},
		{"kill -9 $$", "the training command failed: signal: killed", false},
		{"true", "the training command has ended, but has not made the folder", false},
		{`mkdir "$ASR_BACKEND_OUT"`, "the new model cannot be used: ", true},
		{copying + `; echo '{"sha256":{"tokens.txt":"00"}}' > "$ASR_BACKEND_OUT/model.json"`, "the new model cannot be used: tokens.txt has SHA-256", true},
		{copying + `; head -c 300 "$ASR_BACKEND_MODEL/model.onnx" > "$ASR_BACKEND_OUT/model.onnx"`, "the new model cannot be used: ", true},
		{copying + `; sed -i 's/one/neo/' "$ASR_BACKEND_OUT/tokens.txt"`, `would rise`, true},
		{copying + `; sed -i 's/two/tvo/' "$ASR_BACKEND_OUT/tokens.txt"`, `it has another alphabet, and cannot write "two"`, true},
	} {
		f.Command = c.command
		run := f.train()
		if run.TakenUp || !strings.Contains(run.Reason, c.reason) || strings.Contains(run.Reason, "\n") {
			t.Errorf("%s: %+v", c.command, run)
		}
		if got := f.project(); got.Version != version || got.Settings.Model != "tones" {
			t.Errorf("%s: the project uses %s", c.command, got.Settings.Model)
		}
		made := names(t, filepath.Join(f.dir, "models"))
		if c.kept != (len(made) == 1) || run.Model != "" && !slices.Contains(made, run.Model) {
			t.Errorf("%s: models %q, kept: %v, the run says %q", c.command, made, c.kept, run.Model)
		}
		if err := os.RemoveAll(filepath.Join(f.dir, "models")); err != nil {
			t.Fatal(err)
		}
	}
	f.Command = copying // is as good
	if run := f.train(); !run.TakenUp || f.project().Settings.Model != run.Model {
		t.Errorf("%+v", run)
	}
}

func TestWhatCannotBeTrainedWith(t *testing.T) {
	ran := `touch "$LANG/ran"; ` + copying
	for name, c := range map[string]struct {
		recordings, regions int
		change              func(task int, p corrections.Passage) corrections.Passage
		extra, reason       string
		left                map[string]int
	}{
		"one recording":  {1, 12, nil, "", "corrections of at least two recordings", nil},
		"few passages":   {3, 3, nil, "", "at least 10 are needed", nil},
		"it is off":      {2, 1, nil, `{"learn":"off"}`, `"learn" is off`, nil},
		"nothing at all": {0, 0, nil, "", "no clip judges", nil},
		"what is left out": {4, 4, func(task int, p corrections.Passage) corrections.Passage {
			switch task {
			case 0:
				p.End = p.Start + 0.4
				p.Text = "one"
			case 1:
				p.End = p.Start + 31
			case 2:
				p.Start, p.End = 0, 0 // of the whole recording, 16 s
			case 3:
				p.Text = "[noise]"
			}
			return p
		}, "", "no clip judges", map[string]int{"shorter than 0.5 s": 4, "longer than 30 s": 4, string(learn.Empty): 4}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newSite(t, "", ran, nil)
			f.record(c.recordings, c.regions)
			if c.change == nil {
				c.change = swapped
			}
			f.correct(c.change)
			if err := f.Registry.Set(t.Context(), 1, labelstudio.KeyExtraParams, c.extra); err != nil {
				t.Fatal(err)
			}
			run := f.train()
			if run.TakenUp || !strings.Contains(run.Reason, c.reason) {
				t.Errorf("%+v", run)
			}
			for reason, n := range c.left {
				if run.LeftOut[reason] != n {
					t.Errorf("left out: %v, want %d %s", run.LeftOut, n, reason)
				}
			}
			if left := names(t, filepath.Join(f.dir, "training", "1")); len(left) > 0 || len(names(t, filepath.Join(f.dir, "models"))) > 0 {
				t.Errorf("the run has left %q", left)
			}
			if _, err := os.Stat(filepath.Join(f.dir, "ran")); err == nil {
				t.Error("the command was run")
			}
		})
	}
}

// A recording that cannot be had leaves the others.
func TestARecordingThatIsGoneIsLeftOut(t *testing.T) {
	f := newSite(t, "", copying, nil)
	f.record(6, 3)
	f.correct(swapped)
	f.Studio.Handle("GET /data/upload/1/3.wav", http.NotFoundHandler())
	if err := os.Remove(filepath.Join(f.Studio.MediaDir, "upload", "1", "3.wav")); err != nil {
		t.Fatal(err)
	}
	run := f.train()
	if !run.TakenUp || run.Learn+run.Judge != 15 || run.LeftOut["of a recording that cannot be had"] != 3 {
		t.Errorf("%+v", run)
	}
}

func TestRoutesRefuse(t *testing.T) {
	f := newSite(t, "", "", nil)
	for _, c := range []struct {
		route, body string
		status      int
		detail      string
	}{
		{training.Route, `{"project":1}`, 409, "--train-command"},
		{training.Route, `{"project":2}`, 404, "not connected"},
		{training.RouteStop, `{"project":1}`, 409, "nothing is trained"},
		{training.RouteModel, `{"project":1,"mode":"x"}`, 400, "mode"},
	} {
		if status, text := f.post(c.route, c.body); status != c.status || !strings.Contains(text, c.detail) {
			t.Errorf("%s %s: %d %s", c.route, c.body, status, text)
		}
	}
	if status, text := f.get(training.RouteLog, training.RouteLog+"?project=1"); status != 404 || !strings.Contains(text, "no log") {
		t.Errorf("%d %s", status, text)
	}
}
