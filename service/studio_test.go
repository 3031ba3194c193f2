package service_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
)

// token is the legacy token that the fake Label Studio takes; secret strings are searched
// for in everything that the service says.
const token = "5ec4e75ec4e75ec4e75ec4e75ec4e75ec4e75ec4"

// studio is a Label Studio as far as a backend can tell: it asks the backend as a real one
// does, keeps what it is answered without looking for twins, and serves the part of its
// API that the backend uses. What it does was seen on a real Label Studio 1.23.2; package
// e2e holds the service to a real one.
type studio struct {
	t    testing.TB
	dir  string // its media folder
	send func(*http.Request) (*http.Response, error)

	// storing is how long it takes to store what /predict answers, latency how long its
	// API takes.
	storing, latency time.Duration

	mu          sync.Mutex // guards the fields below
	next        int64
	projects    map[int64]*lsProject
	tasks       map[int64]*lsTask
	rows        map[int64]*row
	annotations map[int64]*annotation
	down        bool                                              // nobody answers
	refuse      func(w http.ResponseWriter, r *http.Request) bool // answers in its place
	seen        []string                                          // requests to the API
	auth        string                                            // what opens it
}

type lsProject struct {
	id       int64
	config   string
	extra    json.RawMessage
	version  string // what /setup said last
	payload  bool   // of the webhook
	login    string
	password string
}

type lsTask struct {
	id, project int64
	data        map[string]any
}

// row is a stored prediction.
type row struct {
	ID      int64             `json:"id"`
	Task    int64             `json:"task"`
	Version string            `json:"model_version"`
	Score   float64           `json:"score"`
	Result  []json.RawMessage `json:"result"`
}

type annotation struct {
	ID     int64             `json:"id"`
	Task   int64             `json:"task"`
	Result []json.RawMessage `json:"result"`
}

func newStudio(t testing.TB, dir string) *studio {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return &studio{t: t, dir: dir, projects: map[int64]*lsProject{}, tasks: map[int64]*lsTask{}, rows: map[int64]*row{}, annotations: map[int64]*annotation{}, auth: "Token " + token}
}

func (ls *studio) id() int64 { ls.next++; return ls.next }

// segments is the stock template ASR using Segments.
const segments = `<View><Labels name="labels" toName="audio"><Label value="Speech"/><Label value="Noise"/></Labels>` +
	`<Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio" rows="2" editable="true" perRegion="true" required="true"/></View>`

// project makes a project; config may be empty for the usual one.
func (ls *studio) project(config string) int64 {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if config == "" {
		config = segments
	}
	p := &lsProject{id: ls.id(), config: config, payload: true}
	ls.projects[p.id] = p
	return p.id
}

// upload puts a recording into the media folder and returns the value that tasks have.
func (ls *studio) upload(project int64, name string, body []byte) string {
	ls.t.Helper()
	path := filepath.Join(ls.dir, "upload", fmt.Sprint(project), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		ls.t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o644); err != nil {
		ls.t.Fatal(err)
	}
	return fmt.Sprintf("/data/upload/%d/%s", project, name)
}

// add makes tasks without telling anybody.
func (ls *studio) add(project int64, data ...map[string]any) []int64 {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	var ids []int64
	for _, d := range data {
		t := &lsTask{ls.id(), project, d}
		ls.tasks[t.id] = t
		ids = append(ids, t.id)
	}
	return ids
}

// record makes tasks with recordings of a few seconds each, all different.
func (ls *studio) record(project int64, n int) []int64 {
	var data []map[string]any
	for i := range n {
		r := tones.Recording{Seconds: 5, First: i % 4}
		data = append(data, map[string]any{"audio": ls.upload(project, fmt.Sprintf("r%d.wav", i), r.WAV())})
	}
	return ls.add(project, data...)
}

// created tells the backend of new tasks, as the webhook does.
func (ls *studio) created(project int64, ids ...int64) (status int) {
	var tasks []any
	ls.mu.Lock()
	for _, id := range ids {
		tasks = append(tasks, ls.encode(ls.tasks[id], false))
	}
	ls.mu.Unlock()
	return ls.hook(project, "TASKS_CREATED", map[string]any{"tasks": tasks})
}

// hook sends an event.
func (ls *studio) hook(project int64, action string, more map[string]any) (status int) {
	ls.mu.Lock()
	p := ls.projects[project]
	body := map[string]any{"action": action}
	if p.payload {
		maps.Copy(body, more)
		body["project"] = map[string]any{"id": p.id, "title": "Calls", "label_config": p.config, "task_data_password": p.password}
	}
	ls.mu.Unlock()
	status, _, _ = ls.call("POST", "/webhook", body)
	return status
}

// encode writes a task as requests hold it, with the lock held.
func (ls *studio) encode(t *lsTask, history bool) map[string]any {
	out := map[string]any{"id": t.id, "project": t.project, "data": t.data, "meta": map[string]any{}, "is_labeled": false}
	if history {
		out["predictions"], out["annotations"] = ls.stored(t.id), ls.annotated(t.id)
	}
	return out
}

// stored returns the predictions of a task, the oldest first, with the lock held.
func (ls *studio) stored(task int64) []row {
	out := []row{}
	for _, id := range slices.Sorted(maps.Keys(ls.rows)) {
		if r := ls.rows[id]; r.Task == task {
			out = append(out, *r)
		}
	}
	return out
}

func (ls *studio) annotated(task int64) []annotation {
	out := []annotation{}
	for _, id := range slices.Sorted(maps.Keys(ls.annotations)) {
		if a := ls.annotations[id]; a.Task == task {
			out = append(out, *a)
		}
	}
	return out
}

// predictions returns the predictions of a task, the oldest first.
func (ls *studio) predictions(task int64) []row {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.stored(task)
}

// forget deletes a task's predictions.
func (ls *studio) forget(task int64) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	maps.DeleteFunc(ls.rows, func(_ int64, r *row) bool { return r.Task == task })
}

// data returns a task's data.
func (ls *studio) data(task int64) map[string]any {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return maps.Clone(ls.tasks[task].data)
}

// change changes a project and tells nobody.
func (ls *studio) change(project int64, change func(*lsProject)) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	change(ls.projects[project])
}

// call asks the backend.
func (ls *studio) call(method, path string, body any) (status int, reason string, reply []byte) {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			ls.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(raw))
	r.Header.Set("User-Agent", "heartex/1.23.2")
	r.Header.Set("Content-Type", "application/json")
	w, err := ls.send(r)
	if err != nil {
		ls.t.Errorf("%s %s: %v", method, path, err)
		return 0, err.Error(), nil
	}
	defer w.Body.Close()
	reply, err = io.ReadAll(w.Body)
	if err != nil {
		ls.t.Errorf("%s %s: %v", method, path, err)
	}
	return w.StatusCode, strings.TrimPrefix(w.Status, fmt.Sprintf("%d ", w.StatusCode)), reply
}

// transport is the way to the API without a network.
func (ls *studio) transport() http.RoundTripper { return roundTrip(ls.answer) }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var errRefused = &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED}

func (ls *studio) answer(r *http.Request) (*http.Response, error) {
	ls.mu.Lock()
	latency := ls.latency
	ls.mu.Unlock()
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-r.Context().Done():
		}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	ls.mu.Lock()
	down := ls.down
	ls.mu.Unlock()
	if down {
		return nil, errRefused
	}
	w := httptest.NewRecorder()
	ls.ServeHTTP(w, r)
	out := w.Result()
	out.Request = r
	return out, nil
}
