package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/service"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/google/go-cmp/cmp"
)

// backend is a running asr-backend.
type backend struct {
	house   *house
	url     string
	name    string
	args    []string
	env     []string
	login   object // what a connection to it needs beside its address
	process *process
}

// serving says how a backend is started.
type serving struct {
	token   string
	library string   // path of ONNX Runtime; empty is that of the tests
	signed  bool     // who asks needs a password, which operations on jobs and on what was learnt do
	args    []string // more flags
}

// serve starts a backend with jobs of its own and waits until it answers.
func (h *house) serve(t *testing.T, name string, o serving) *backend {
	t.Helper()
	port := freePort(t)
	if o.library == "" {
		o.library = oracle.Library()
	}
	b := &backend{house: h, name: name, url: fmt.Sprintf("http://127.0.0.1:%d", port), login: object{}}
	if o.signed {
		b.login = object{"auth_method": "BASIC_AUTH", "basic_auth_user": operator, "basic_auth_pass": secret}
		o.args = append([]string{"--basic-user", operator, "--basic-password", secret, "--open-route", "/webhook,/health,/ready"}, o.args...)
	}
	b.args = append([]string{"serve", "--host", "127.0.0.1", "--port", fmt.Sprint(port), "--data-dir", filepath.Join(h.dir, name),
		"--provider", "cpu", "--log-format", "json", "--allow-host", "127.0.0.1"}, o.args...)
	b.env = append(cleanEnv("ASR_BACKEND_", "LABEL_STUDIO_", "PORT"), "LABEL_STUDIO_URL="+h.url, "LABEL_STUDIO_API_KEY="+o.token, "ASR_BACKEND_ONNXRUNTIME="+o.library)
	b.start(t)
	return b
}

// start starts the program, for the first time or again on what is left.
func (b *backend) start(t *testing.T) {
	t.Helper()
	cmd := exec.Command(b.house.program, b.args...)
	cmd.Env = b.env
	b.process = start(t, t, cmd, filepath.Join(b.house.dir, b.name+".log"))
	b.process.until(t, "the backend answers", 30*time.Second, func() bool { return answers(b.url + "/health") })
}

// kill ends the program without a word.
func (b *backend) kill() { b.process.end(syscall.SIGKILL) }

// get reads a page of the backend.
func (b *backend) get(t *testing.T, path string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequest("GET", b.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(operator, secret) // ignored by one that needs none
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.process.tail())
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, raw
}

// ready waits until a model is loaded.
func (b *backend) ready(t *testing.T) {
	t.Helper()
	b.process.until(t, "the model is loaded", time.Minute, func() bool { return answers(b.url + "/ready") })
}

// status returns what the backend says of a project.
func (b *backend) status(t *testing.T, project int64) service.ProjectStatus {
	t.Helper()
	var s service.Status
	status, raw := b.get(t, "/status")
	if err := json.Unmarshal(raw, &s); err != nil || status != 200 {
		t.Fatalf("/status: %d %.300s %v", status, raw, err)
	}
	for _, p := range s.Projects {
		if p.ID == project {
			return p
		}
	}
	return service.ProjectStatus{ID: project}
}

// lines returns the lines of the log with a message, of all the backend's lives.
func (b *backend) lines(t *testing.T, message string) []object {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(b.house.dir, b.name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	var out []object
	for line := range strings.Lines(string(raw)) {
		var o object
		if json.Unmarshal([]byte(line), &o) == nil && o["msg"] == message {
			out = append(out, o)
		}
	}
	return out
}

// settled waits until every task of a project has exactly one prediction, of the version
// that the project is connected with.
func (b *backend) settled(t *testing.T, project int64, tasks int, within time.Duration) []task {
	t.Helper()
	var list []task
	bad := ""
	for end := time.Now().Add(within); ; time.Sleep(200 * time.Millisecond) {
		if list = b.house.tasks(t, project); len(list) == tasks {
			if bad = unsettled(list); bad == "" {
				return list
			}
		} else {
			bad = fmt.Sprintf("%d tasks, want %d", len(list), tasks)
		}
		if time.Now().After(end) {
			status, _ := json.MarshalIndent(b.status(t, project), "", " ")
			t.Fatalf("not settled within %v: %s\n%s\n%s", within, bad, status, b.process.tail())
		}
	}
}

// unsettled says what keeps tasks from having one prediction each, all of one version.
func unsettled(list []task) string {
	for _, k := range list {
		if len(k.Predictions) != 1 {
			return fmt.Sprintf("task %d has %d predictions", k.ID, len(k.Predictions))
		}
		if v := k.Predictions[0].Version; v != list[0].Predictions[0].Version {
			return fmt.Sprintf("task %d has version %s, task %d %s", k.ID, v, list[0].ID, list[0].Predictions[0].Version)
		}
	}
	return ""
}

// transcribe returns what `asr-backend transcribe` says of a file, with more flags.
func (h *house) transcribe(t *testing.T, path string, flags ...string) *transcript.Transcript {
	t.Helper()
	cmd := exec.Command(h.program, append([]string{"transcribe", "--quiet", "--provider", "cpu", "--format", "json", path}, flags...)...)
	cmd.Env = append(cleanEnv("ASR_BACKEND_"), "ASR_BACKEND_ONNXRUNTIME="+oracle.Library())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("transcribe %s: %v", path, err)
	}
	tr, err := transcript.Read(bytes.NewReader(out), transcript.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.Segments) == 0 {
		t.Fatalf("nothing was recognized in %s", path)
	}
	return tr
}

// region is what the page shows of a stretch.
type region struct {
	Start, End float64
	Text       string
}

// near compares seconds as far as formats keep them.
var near = cmp.Comparer(func(x, y float64) bool { return x-y < 0.0015 && y-x < 0.0015 })

// same holds the regions of a result to a transcript: starts, ends and texts.
func same(t *testing.T, want *transcript.Transcript, got []item) {
	t.Helper()
	var a, b []region
	for _, s := range want.Segments {
		a = append(a, region{s.Start.Seconds(), s.End.Seconds(), s.Text})
	}
	for _, it := range got {
		if it.Type == "textarea" {
			b = append(b, region{it.Value.Start, it.Value.End, strings.Join(it.Value.Text, " / ")})
		}
	}
	if d := cmp.Diff(a, b, near); d != "" {
		t.Errorf("transcribe says (-), Label Studio has (+):\n%s", d)
	}
}
