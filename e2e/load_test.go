package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"
)

// TestLoad measures what doc/performance-service.md says: how fast requests are answered
// with nothing to do, and with a thousand recordings waiting and every core transcribing. It
// asserts no time. A Label Studio for tests takes the place of a real one, which would take most of
// the machine. `make load` runs it.
//
//	ASR_BACKEND_LOAD   how many recordings; nothing skips the test
func TestLoad(t *testing.T) {
	var waiting int
	if _, err := fmt.Sscan(os.Getenv("ASR_BACKEND_LOAD"), &waiting); err != nil || waiting < 1 {
		t.Skip("a measurement: run `make load`")
	}
	oracle.NeedLibrary(t)
	h := &house{program: os.Getenv("ASR_BACKEND_PROGRAM"), dir: t.TempDir()}
	if h.program == "" {
		h.program = filepath.Join(oracle.Root(t), "bin", "asr-backend")
	}
	ls := labelstudiotest.New(t, labelstudiotest.Options{})
	h.studio = &studio{url: ls.URL, owner: t}
	b := h.serve(t, "load", serving{token: ls.Token, args: []string{"--predict-wait", "10s", "--log-level", "warn"}})
	b.ready(t)
	l := &load{Server: ls, backend: b, recordings: sonnets(t), config: template(t, "asr-using-segments")}
	l.project = ls.AddProject(labelstudiotest.Project{Title: "load", Config: l.config})
	l.name = fmt.Sprintf("%d.0", l.project)
	l.post(t, "/setup", object{"project": l.name, "schema": l.config})

	// One recording is transcribed beforehand, so that there is a cached answer.
	l.post(t, "/webhook", l.created(1, 1))
	b.process.until(t, "the first is stored", time.Minute, func() bool { return l.stored() == 1 })
	t.Logf("resident before: %s", memory(t, b))
	l.measure(t, "nothing to do", 500, nil)

	start := time.Now()
	l.post(t, "/webhook", l.created(1000, waiting))
	t.Logf("webhook with %d tasks answered in %.1f ms", waiting, time.Since(start).Seconds()*1e3)
	b.process.until(t, "the tasks are queued", 2*time.Minute, func() bool { return l.status(t).Waiting > int64(waiting)*8/10 })
	t.Logf("%d recordings queued after %.1f s", l.status(t).Waiting, time.Since(start).Seconds())
	before := l.stored()
	l.measure(t, fmt.Sprintf("%d recordings waiting, all cores transcribing", waiting), 500, func() bool { return len(l.status(t).Running) > 0 && l.status(t).Waiting > 0 })
	t.Logf("resident while transcribing: %s; %d were stored meanwhile", memory(t, b), l.stored()-before)
}

// load asks a backend as Label Studio does: with a new connection each time.
type load struct {
	*labelstudiotest.Server
	backend                  *backend
	recordings, config, name string
	project, task            int64
}

// stored is how many predictions Label Studio has.
func (l *load) stored() int {
	n := 0
	for _, task := range l.Tasks(l.project) {
		n += len(l.Predictions(task.ID))
	}
	return n
}

func (l *load) created(first, n int) object {
	var tasks []object
	for i := range n {
		data := object{"audio": fmt.Sprintf("%s/sonnet-%d.mp3", l.recordings, first+i)}
		l.AddTask(labelstudiotest.Task{ID: int64(first + i), Project: l.project, Data: data})
		tasks = append(tasks, object{"id": first + i, "project": l.project, "data": data})
	}
	return object{"action": "TASKS_CREATED", "project": object{"id": l.project, "label_config": l.config}, "tasks": tasks}
}

// fresh is a client that keeps no connection.
var fresh = http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}

func (l *load) post(t *testing.T, path string, body any) []byte {
	t.Helper()
	w, err := fresh.Post(l.backend.url+path, "application/json", bytes.NewReader(mustJSON(t, body)))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode >= 300 {
		t.Fatalf("%s: %d %.200s %v", path, w.StatusCode, raw, err)
	}
	return raw
}

func (l *load) status(t *testing.T) service.Status {
	t.Helper()
	_, raw := l.backend.get(t, "/status")
	var s service.Status
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// measure prints how long requests take, with a server that does nothing for comparison:
// what that takes is the machine's doing. still, if not nil, says whether the state that
// is measured in holds to the end.
func (l *load) measure(t *testing.T, state string, n int, still func() bool) {
	t.Helper()
	nothing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	defer nothing.Close()
	get := func(url string) {
		w, err := fresh.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, w.Body) // only the time is of interest
		w.Body.Close()
	}
	answered := 0
	kinds := []struct {
		name string
		ask  func()
	}{
		{"a server that does nothing", func() { get(nothing.URL) }},
		{"GET /health", func() { get(l.backend.url + "/health") }},
		{"POST /setup", func() { l.post(t, "/setup", object{"project": l.name, "schema": l.config}) }},
		{"POST /webhook, one annotation", func() {
			l.post(t, "/webhook", object{"action": "ANNOTATION_CREATED", "project": object{"id": l.project, "label_config": l.config},
				"annotation": object{"id": 1, "task": 1, "result": []any{}}, "task": object{"id": 1, "data": object{}}})
		}},
		{"POST /predict, cached answer", func() {
			l.task++ // another task that shows the same recording
			raw := l.post(t, "/predict", object{"project": l.name, "label_config": l.config, "tasks": []object{{
				"id": 1e6 + l.task, "project": l.project, "data": object{"audio": l.recordings + "/sonnet-1.mp3"}, "predictions": []any{}}}})
			if strings.Contains(string(raw), "textarea") {
				answered++
			}
		}},
	}
	took := make([][]time.Duration, len(kinds))
	for range n {
		for i, k := range kinds {
			start := time.Now()
			k.ask()
			took[i] = append(took[i], time.Since(start))
			time.Sleep(2 * time.Millisecond)
		}
	}
	if answered != n {
		t.Errorf("%d of %d requests for a cached answer were answered with it", answered, n)
	}
	if still != nil && !still() {
		t.Errorf("not to the end: %s", state)
	}
	var out strings.Builder
	for i, k := range kinds {
		slices.Sort(took[i])
		at := func(q float64) float64 { return took[i][int(q*float64(n-1))].Seconds() * 1e3 }
		fmt.Fprintf(&out, "\n| %s | %.1f | %.1f | %.1f |", k.name, at(0.5), at(0.99), at(1))
	}
	t.Logf("%s, %d requests each, ms: median, 99th percentile, worst%s", state, n, &out)
}

// memory says how much of a process is in memory, and was at most.
func memory(t *testing.T, b *backend) string {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.process.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "VmHWM") {
			out = append(out, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(out, ", ")
}
