package service_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/testlog"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/labelstudio/server"
	"github.com/asr-backend/asr-backend/service"

	"github.com/nats-io/nats-server/v2/server/ats"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	warm()
	goleak.VerifyTestMain(m,
		// fasthttp keeps one clock goroutine for the life of a process, and the janitor of
		// a stopped server sleeps for up to ten seconds before it sees that it may go.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// warm lets libraries start the goroutines that they keep for the life of a process, so
// that they are not part of a bubble.
func warm() {
	b, err := server.New(server.Options{Model: nobody{}})
	if err != nil {
		panic(err)
	}
	if _, err := b.Test(httptest.NewRequest("GET", "/health", nil)); err != nil {
		panic(err)
	}
	if err := b.Shutdown(context.Background()); err != nil {
		panic(err)
	}
}

type nobody struct{ labelstudio.Model }

// world is a service and a Label Studio in a time of their own.
type world struct {
	*labelstudiotest.Server
	t       *testing.T
	service *service.Service
	options service.Options
	log     *testlog.Buffer
	slow    time.Duration // what a run of a model takes
	hurries atomic.Bool   // a run takes no time any more
	running bool
}

// inWorld runs a test in a bubble in which time passes only while everybody waits: days
// take an instant. change may change the options before the service starts; nil leaves
// them.
func inWorld(t *testing.T, change func(w *world, o *service.Options), test func(w *world)) {
	t.Helper()
	oracle.NeedLibrary(t)
	dir := t.TempDir()
	// The server of the queue keeps one clock for all servers of a process, whose
	// goroutine must not be part of the bubble.
	ats.Register()
	defer ats.Unregister()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, log: &testlog.Buffer{}}
		w.Server = labelstudiotest.New(t, labelstudiotest.Options{URL: "http://label-studio.test", Token: token, MediaDir: dir + "/media", Backends: w})
		w.options = options(t, dir, w.Server, w.log)
		w.options.Recognizer.Observe = func(asr.Run) {
			if !w.hurries.Load() {
				time.Sleep(w.slow)
			}
		}
		if change != nil {
			change(w, &w.options)
		}
		w.start()
		defer w.stop()
		defer func() {
			for _, r := range w.Requests() {
				if opensTask.MatchString(r.String()) {
					t.Errorf("%s: this makes Label Studio ask for predictions", r)
				}
			}
			if t.Failed() {
				t.Logf("log:\n%s", w.log)
			}
		}()
		test(w)
	})
}

var opensTask = regexp.MustCompile(`^GET /api/tasks/\d`)

// RoundTrip is the way from Label Studio to the service, without a network.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) { return w.service.Test(r) }

// options are those of a service with the toy model and jobs in a folder.
func options(t testing.TB, dir string, ls *labelstudiotest.Server, log *testlog.Buffer) service.Options {
	t.Helper()
	return service.Options{
		Address: "127.0.0.1:0", Library: oracle.Library(), Recognizer: asr.Options{Provider: ort.CPU, Threads: 1},
		OpenModel: func(name, variant string) (*asr.Bundle, error) {
			path := oracle.Data(t, "models", "toys", name)
			if _, err := os.Stat(path); err != nil {
				return nil, &asr.ModelError{Model: name, Err: fs.ErrNotExist}
			}
			return asr.OpenBundle(path, variant)
		},
		Defaults:    service.Settings{Model: "tones"},
		FFmpeg:      "off",
		LabelStudio: api.Options{URL: ls.URL, Token: labelstudio.NewSecret(token), Transport: ls.Transport()},
		Media:       media.Options{CacheDir: dir + "/cache", MediaDir: ls.MediaDir, Transport: &http.Transport{Proxy: nowhere}},
		Jobs:        jobs.Options{Dir: dir + "/jobs", Reserve: 1 << 20},
		Version:     "test", Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// nowhere refuses connections to the fake Label Studio, which serves its recordings from a
// folder: a name must not be looked up in a bubble, since that waits for the world outside.
func nowhere(r *http.Request) (*url.URL, error) {
	if r.URL.Hostname() == "label-studio.test" {
		return nil, labelstudiotest.ErrRefused
	}
	return nil, nil
}

// start starts the service, for the first time or again on what is left.
func (w *world) start() {
	w.t.Helper()
	w.options.Registry = prometheus.NewRegistry()
	s, err := service.New(w.options)
	if err != nil {
		w.t.Fatalf("New: %v", err)
	}
	w.service, w.running = s, true
	s.StartWork()
}

// stop stops the service, unless the test has.
func (w *world) stop() {
	w.t.Helper()
	if !w.running {
		return
	}
	w.running = false
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.service.Stop(ctx); err != nil {
		w.t.Errorf("Stop: %v", err)
	}
}

// ready waits until the model is loaded and the queue open.
func (w *world) ready() {
	w.t.Helper()
	w.until("ready", time.Minute, func() bool { return w.service.Ready() == nil })
}

// until waits until something is so, which it must be within a time. It looks every tenth of a
// second, and less often in waits of hours, of which looking would be most of the work.
func (w *world) until(what string, within time.Duration, so func() bool) {
	w.t.Helper()
	for start := time.Now(); !so(); time.Sleep(max(100*time.Millisecond, time.Since(start)/200)) {
		if time.Since(start) > within {
			w.t.Fatalf("not %s within %v", what, within)
		}
	}
}

// settled waits until every task has exactly one prediction of its project's version, and
// no other.
func (w *world) settled(within time.Duration, tasks ...int64) {
	w.t.Helper()
	w.until("settled", within, func() bool {
		for _, id := range tasks {
			rows := w.Predictions(id)
			project, _ := w.Payload(id)["project"].(int64)
			if len(rows) != 1 || rows[0].Version != w.version(project) {
				return false
			}
		}
		return true
	})
}

// metric returns the sum of a metric over those of its labels that have some values.
func (w *world) metric(name string, labels ...string) float64 {
	w.t.Helper()
	families, err := w.options.Registry.Gather()
	if err != nil {
		w.t.Error(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				if has(m, labels) {
					sum += reading(m)
				}
			}
		}
	}
	return sum
}

// has reports whether a metric has these values of labels.
func has(m *dto.Metric, values []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool {
		return !slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetValue() == v })
	})
}

func reading(m *dto.Metric) float64 {
	return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
}

// status returns what /status says.
func (w *world) status() service.Status {
	w.t.Helper()
	var s service.Status
	status, body := w.call("GET", "/status", nil)
	if err := json.Unmarshal(body, &s); err != nil || status != 200 {
		w.t.Fatalf("/status: %d %s: %v", status, body, err)
	}
	return s
}

// state returns the state of a task as /status shows it.
func (w *world) state(id int64) service.TaskStatus {
	w.t.Helper()
	for _, p := range w.status().Projects {
		for _, t := range p.Tasks {
			if t.ID == id {
				return t
			}
		}
	}
	return service.TaskStatus{State: "unknown"}
}

// texts returns the texts of a prediction's regions in order.
func texts(r labelstudiotest.Prediction) []string {
	var out []string
	for _, raw := range r.Result {
		var it struct {
			Type  string
			Value struct{ Text []string }
		}
		if json.Unmarshal(raw, &it) == nil && it.Type == "textarea" {
			out = append(out, strings.Join(it.Value.Text, " / "))
		}
	}
	return out
}
