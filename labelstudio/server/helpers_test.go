package server_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/labelstudio/server"
	"github.com/asr-backend/asr-backend/transcript"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp keeps one clock goroutine for the life of a process, and the janitor of
		// a stopped server sleeps for up to ten seconds before it sees that it may go.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// model is a Model of functions; a nil one does the simplest thing.
type model struct {
	setup   func(context.Context, *labelstudio.Project) (labelstudio.Setup, error)
	predict func(context.Context, *labelstudio.Project, []labelstudio.Task, *labelstudio.Context) ([]labelstudio.Predictions, error)
	fit     func(context.Context, *labelstudio.Project, *labelstudio.Event) error
}

var _ labelstudio.Model = model{}

func (m model) Setup(ctx context.Context, p *labelstudio.Project) (labelstudio.Setup, error) {
	if m.setup != nil {
		return m.setup(ctx, p)
	}
	return labelstudio.Setup{ModelVersion: "fc-0123456789ab"}, nil
}

func (m model) Predict(ctx context.Context, p *labelstudio.Project, tasks []labelstudio.Task, c *labelstudio.Context) ([]labelstudio.Predictions, error) {
	if m.predict != nil {
		return m.predict(ctx, p, tasks, c)
	}
	return make([]labelstudio.Predictions, len(tasks)), nil
}

func (m model) Fit(ctx context.Context, p *labelstudio.Project, e *labelstudio.Event) error {
	if m.fit != nil {
		return m.fit(ctx, p, e)
	}
	return nil
}

// transcribes answers every task that has a recording with one sentence, and wanted regions
// with another.
func transcribes(_ context.Context, p *labelstudio.Project, tasks []labelstudio.Task, c *labelstudio.Context) ([]labelstudio.Predictions, error) {
	out := make([]labelstudio.Predictions, len(tasks))
	plans, _ := p.Config.Plans(labelconfig.Options{})
	for i := range tasks {
		for _, plan := range plans {
			if _, ok := plan.Recording(tasks[i].Data); !ok {
				continue
			}
			t := &transcript.Transcript{
				Duration: 11 * time.Second, ModelVersion: "fc-0123456789ab", Confidence: 0.9,
				Segments: []transcript.Segment{{
					Start: 300 * time.Millisecond, End: 7 * time.Second, Text: "And so my fellow Americans,",
					Confidence: 0.93, Channel: transcript.Mixed,
					Words: []transcript.Word{
						{Start: 320 * time.Millisecond, End: 500 * time.Millisecond, Text: "And", Confidence: 0.9},
						{Start: 3400 * time.Millisecond, End: 4 * time.Second, Text: "Americans,", Confidence: 0.8},
					},
				}},
			}
			if c != nil {
				for _, w := range results.Wants(c, &tasks[i], plan) {
					out[i] = labelstudio.Predictions{{Score: 0.9, Result: w.Answer(t, plan, results.Options{})}}
				}
				continue
			}
			answer, err := results.Build(t, plan, tasks[i].Data, results.Options{})
			if err != nil {
				return nil, err
			}
			if answer.Predict {
				out[i] = labelstudio.Predictions{answer.Prediction(t.ModelVersion)}
			}
		}
	}
	return out, nil
}

// start returns a backend that is shut down at the end of the test.
func start(t testing.TB, o server.Options) *server.Server {
	t.Helper()
	if o.Model == nil {
		o.Model = model{}
	}
	b, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// ask sends one request and returns status, reason phrase and body.
func ask(t testing.TB, b *server.Server, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return send(t, b, r)
}

func send(t testing.TB, b *server.Server, r *http.Request) (*http.Response, string) {
	t.Helper()
	w, err := b.Test(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w, string(raw)
}
