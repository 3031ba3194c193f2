package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/testlog"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/server"
)

const segments = `<View><Audio name="audio" value="$audio"/><Labels name="labels" toName="audio"><Label value="Speech"/></Labels>` +
	`<TextArea name="transcription" toName="audio" perRegion="true"/></View>`

// predictBody is a /predict request for tasks with these ids.
func predictBody(ids ...int) string {
	var tasks []string
	for _, id := range ids {
		tasks = append(tasks, fmt.Sprintf(`{"id":%d,"data":{"audio":"a%[1]d.wav"}}`, id))
	}
	config, _ := json.Marshal(segments)
	return `{"tasks":[` + strings.Join(tasks, ",") + `],"project":"1.2","label_config":` + string(config) + `,"params":{"context":null}}`
}

func answers(t *testing.T, body string) []json.RawMessage {
	t.Helper()
	var w struct {
		Results []json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal([]byte(body), &w); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return w.Results
}

func region(id string) []labelstudio.Item {
	return []labelstudio.Item{{ID: id, FromName: "labels", ToName: "audio", Type: "labels",
		Value: labelstudio.Value{Span: &labelstudio.Span{End: time.Second}, Labels: []string{"Speech"}}}}
}

func TestOneBadTaskSparesItsNeighbours(t *testing.T) {
	var log testlog.Buffer
	b := start(t, server.Options{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Model: model{predict: func(_ context.Context, _ *labelstudio.Project, tasks []labelstudio.Task, _ *labelstudio.Context) ([]labelstudio.Predictions, error) {
			out := make([]labelstudio.Predictions, len(tasks))
			for i, task := range tasks {
				p := labelstudio.Prediction{Score: 0.5, Result: region(fmt.Sprint("r", task.ID))}
				switch task.ID {
				case 2:
					p.Result[0].FromName = "nobody"
				case 3:
					p.ModelVersion = "another"
				case 4:
					p.Score = 1.5
				case 5:
					continue
				case 6:
					p.Result = nil
				}
				out[i] = labelstudio.Predictions{p}
			}
			return out, nil
		}},
	})
	w, body := ask(t, b, "POST", "/predict", predictBody(7, 2, 3, 4, 5, 6, 1))
	got := answers(t, body)
	if w.StatusCode != 200 || len(got) != 7 {
		t.Fatalf("%s with %d results", w.Status, len(got))
	}
	for i, want := range []string{`"r7"`, "[]", "[]", "[]", "[]", `{"model_version":"fc-0123456789ab","score":0.5,"result":[]}`, `"r1"`} {
		if !strings.Contains(string(got[i]), want) || want == "[]" && string(got[i]) != want {
			t.Errorf("result %d is %s, want %s", i, got[i], want)
		}
	}
	if n := strings.Count(body, `"model_version":"fc-0123456789ab"`); n != 3 || strings.Contains(body, "null") {
		t.Errorf("%d predictions are stamped, want 3: %s", n, body)
	}
	for _, want := range []string{`from_name \"nobody\"`, `its version is \"another\"`, "score 1.5"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %s:\n%s", want, log.String())
		}
	}
}

func TestInteractiveReplyIsAnObject(t *testing.T) {
	empty := start(t, server.Options{})
	body := strings.Replace(predictBody(1), `"context":null`, `"context":{"result":[]}`, 1)
	if w, got := ask(t, empty, "POST", "/predict", body); w.StatusCode != 200 || got != `{"results":[{"score":0,"result":[]}]}` {
		t.Errorf("nothing to add: %s %s", w.Status, got)
	}
	body = strings.Replace(predictBody(1, 2), `"context":null`, `"context":{"result":[]}`, 1)
	if w, _ := ask(t, empty, "POST", "/predict", body); w.StatusCode != 400 {
		t.Errorf("two tasks: %s", w.Status)
	}
}

func TestToleratedRequests(t *testing.T) {
	b := start(t, server.Options{Model: model{predict: transcribes}})
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		contains                 string
	}{
		{"one task as an object", "POST", "/predict", `{"tasks":{"id":1}}`, 200, `{"results":[[]]}`},
		{"by hand with data only", "POST", "/predict", `{"tasks":[{"data":{"audio":"x"}}]}`, 200, `{"results":[[]]}`},
		{"a recording at a path into the data", "POST", "/predict", `{"tasks":[{"id":1,"data":{"rec":{"audio":"x"}}}],"project":"1.1","params":{},"label_config":"<View><Audio name=\"audio\" value=\"$rec.audio\"/><TextArea name=\"t\" toName=\"audio\"/></View>"}`, 200, "my fellow Americans"},
		{"null parameters", "POST", "/predict", `{"tasks":[{"id":1}],"params":null,"label_config":null,"project":null}`, 200, `{"results":[[]]}`},
		{"no tasks in the list", "POST", "/predict", `{"tasks":[]}`, 200, `{"results":[]}`},
		{"no list of tasks", "POST", "/predict", `{}`, 400, `has no \"tasks\"`},
		{"not JSON", "POST", "/predict", `{"tasks":`, 400, "not the JSON"},
		{"no body", "POST", "/setup", ``, 400, "not the JSON"},
		{"a trailing slash", "GET", "/health/", ``, 200, `"UP"`},
		{"a trailing slash on a POST", "POST", "/setup/", `{"project":"1.2","schema":"<View/>"}`, 200, `"model_version"`},
		{"another case", "GET", "/Health", ``, 200, `"UP"`},
		{"an unknown configuration", "POST", "/setup", `{"project":"1.2","schema":"<View><New/></View>"}`, 200, `"model_version"`},
		{"a configuration that is no XML", "POST", "/setup", `{"project":"1.2","schema":"<View>"}`, 200, `"model_version"`},
		{"an unknown route", "GET", "/nothing", ``, 404, `"status":404`},
		{"the wrong method", "GET", "/predict", ``, 405, "/predict does not take GET."},
		{"an old route", "POST", "/train", `{}`, 201, `{}`},
		{"an old route by GET", "GET", "/is_training?project=1", ``, 200, `{"is_training":false}`},
		{"job status", "POST", "/job_status", `{}`, 200, `"finished"`},
		{"delete", "POST", "/delete", `{}`, 200, `{`},
		{"duplicate", "POST", "/duplicate_model", `{}`, 200, `{`},
		{"validate", "POST", "/validate", `{}`, 200, `{`},
		{"metrics without any", "GET", "/metrics", ``, 200, `{}`},
		{"status without any", "GET", "/status", ``, 200, `"UP"`},
		{"ready", "GET", "/ready", ``, 200, `{"status":"READY"}`},
		{"the description", "GET", "/openapi.yaml", ``, 200, "openapi: 3"},
		{"an unknown event", "POST", "/webhook", `{"action":"ANNOTATION_DELETED"}`, 200, "Unknown event"},
		{"an event without payload", "POST", "/webhook?project=45", `{"action":"PROJECT_UPDATED"}`, 201, `"ok"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, got := ask(t, b, c.method, c.path, c.body)
			if w.StatusCode != c.status || !strings.Contains(got, c.contains) {
				t.Errorf("%s %s, want %d with %s", w.Status, got, c.status, c.contains)
			}
			if w.Header.Get("X-Request-Id") == "" || w.Header.Get("Location") != "" {
				t.Errorf("headers %v", w.Header)
			}
		})
	}
	if w, _ := ask(t, b, "POST", "/predict", `{}`, "Content-Encoding", "gzip"); w.StatusCode != 415 {
		t.Errorf("a compressed body: %s", w.Status)
	}
	if w, _ := ask(t, b, "GET", "/health", "", "X-Request-Id", "mine-1"); w.Header.Get("X-Request-Id") != "mine-1" {
		t.Error("the sender's request id is lost")
	}
	if w, _ := ask(t, b, "GET", "/health", "", "X-Request-Id", "two words"); w.Header.Get("X-Request-Id") == "two words" {
		t.Error("a request id with a space is taken over")
	}
}

// TestEveryRouteIsDescribed keeps openapi.yaml and the routes together.
func TestEveryRouteIsDescribed(t *testing.T) {
	b, router := start(t, server.Options{}), router(t)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/", ""}, {"GET", "/health", ""}, {"GET", "/versions", ""}, {"GET", "/ready", ""},
		{"POST", "/setup", `{"schema":"<View/>"}`}, {"POST", "/predict", `{"tasks":[]}`},
		{"POST", "/predict", `{"tasks":{"id":1}}`},
		{"POST", "/webhook", `{"action":"START_TRAINING"}`}, {"POST", "/webhook", `{"action":"?"}`},
	} {
		w, body := ask(t, b, c.method, c.path, c.body)
		r, err := http.NewRequest(c.method, c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		conforms(t, router, r, []byte(c.body), w, body)
	}
}

func TestOutOfTimeIsNotNow(t *testing.T) {
	b := start(t, server.Options{
		PredictTimeout: time.Millisecond,
		Model: model{predict: func(ctx context.Context, _ *labelstudio.Project, _ []labelstudio.Task, _ *labelstudio.Context) ([]labelstudio.Predictions, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("waiting for the model: %w", ctx.Err())
		}},
	})
	if w, body := ask(t, b, "POST", "/predict", predictBody(1, 2)); w.StatusCode != 200 || body != `{"results":[[],[]]}` {
		t.Errorf("%s %s", w.Status, body)
	}
}

func TestModelFailures(t *testing.T) {
	var log testlog.Buffer
	b := start(t, server.Options{
		Logger: slog.New(slog.NewJSONHandler(&log, nil)),
		Model: model{predict: func(_ context.Context, _ *labelstudio.Project, tasks []labelstudio.Task, _ *labelstudio.Context) ([]labelstudio.Predictions, error) {
			switch tasks[0].ID {
			case 1:
				panic("secret inside")
			case 2:
				return nil, labelstudio.Errorf(503, "the device is gone")
			}
			return nil, nil
		}},
	})
	for id, want := range map[int]string{
		1: `"status":500,"detail":"internal error, see the log"`,
		2: `"status":503,"detail":"the device is gone"`,
		3: `"status":500,"detail":"the model answered 0 of 1 tasks"`,
	} {
		if _, body := ask(t, b, "POST", "/predict", predictBody(id)); !strings.Contains(body, want) {
			t.Errorf("task %d: %s, want %s", id, body, want)
		}
	}
	if !strings.Contains(log.String(), "secret inside") || !strings.Contains(log.String(), "backend_test.go") {
		t.Errorf("the log has no panic with a stack:\n%s", log.String())
	}
	if w, _ := ask(t, b, "GET", "/health", ""); w.StatusCode != 200 {
		t.Errorf("after a panic: %s", w.Status)
	}
}

func TestOneLineARequest(t *testing.T) {
	var log testlog.Buffer
	type seen struct {
		route  string
		status int
	}
	var observed []seen
	b := start(t, server.Options{
		Logger:  slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(route string, status int, _ time.Duration) { observed = append(observed, seen{route, status}) },
	})
	ask(t, b, "POST", "/setup", `{"project":"1.2","access_token":"topsecret","extra_params":{"k":"topsecret"}}`, "X-Request-Id", "id-1")
	ask(t, b, "GET", "/nothing?x=1", "")
	ask(t, b, "GET", "/health", "")
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[2], `"level":"DEBUG"`) || !strings.Contains(lines[2], "/health") {
		t.Fatalf("%d lines, want 3, of which what is polled is only for debugging:\n%s", len(lines), log.String())
	}
	var line struct {
		Level, Msg, Method, Route string
		Status                    int
		ID                        string `json:"request_id"`
		Duration                  int64
	}
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
		t.Fatal(err)
	}
	if line.Method != "POST" || line.Route != "/setup" || line.Status != 200 || line.ID != "id-1" || line.Duration <= 0 || line.Level != "DEBUG" {
		t.Errorf("line %+v", line)
	}
	if !strings.Contains(lines[1], `"route":"unknown","status":404`) || !strings.Contains(lines[1], `"level":"WARN"`) || strings.Contains(log.String(), "topsecret") {
		t.Errorf("log:\n%s", log.String())
	}
	if want := []seen{{"/setup", 200}, {"unknown", 404}, {"/health", 200}}; !slices.Equal(observed, want) {
		t.Errorf("observed %v, want %v", observed, want)
	}
}

func TestReadiness(t *testing.T) {
	why := errors.New("the model is loading")
	b := start(t, server.Options{
		Ready:   func() error { return why },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "up 1\n") }),
		Status:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "accepts ", r.Header.Get("Accept")) }),
	})
	if w, body := ask(t, b, "GET", "/ready", ""); w.StatusCode != 503 || body != `{"detail":"the model is loading","status":"STARTING"}` {
		t.Errorf("%s %s", w.Status, body)
	}
	if w, body := ask(t, b, "GET", "/health", ""); w.StatusCode != 200 || body != `{"model_class":"asr-backend","status":"UP"}` {
		t.Errorf("%s %s", w.Status, body)
	}
	if _, body := ask(t, b, "GET", "/metrics", ""); body != "up 1\n" {
		t.Errorf("metrics %q", body)
	}
	if _, body := ask(t, b, "GET", "/status", "", "Accept", "text/html"); body != "accepts text/html" {
		t.Errorf("status %q", body)
	}
}

// The server uses its contexts again for other requests, so what a page asks for must be
// watched by one that ends with the answer.
func TestThePagesContextEndsWithItsAnswer(t *testing.T) {
	var seen context.Context
	b := start(t, server.Options{Status: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Context()
		fmt.Fprint(w, seen.Err())
	})})
	if _, body := ask(t, b, "GET", "/status", ""); body != "<nil>" {
		t.Errorf("the context has ended before the answer: %s", body)
	}
	if !errors.Is(seen.Err(), context.Canceled) {
		t.Errorf("the context goes on after the answer: %v", seen.Err())
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name string
		o    server.Options
		want string
	}{
		{"no model", server.Options{}, "no model"},
		{"a user without a password", server.Options{Model: model{}, User: "u"}, "both"},
		{"a password without a user", server.Options{Model: model{}, Password: labelstudio.NewSecret("p")}, "both"},
		{"a negative limit", server.Options{Model: model{}, BodyLimit: -1}, "negative"},
		{"an open route that must not be", server.Options{Model: model{}, Open: []string{"/predict"}}, "cannot be open"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := server.New(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// What Setup works out is at hand in Predict of the same request, and in no other.
