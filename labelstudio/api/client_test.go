package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"

	"github.com/google/go-cmp/cmp"
)

func TestCallsBelowAPath(t *testing.T) {
	s := newStudio(t, "/ls")
	s.AddProject(labelstudiotest.Project{ID: 45, Title: "Calls", Config: "<View/>"})
	s.AddTask(labelstudiotest.Task{ID: 51, Project: 45})
	s.AddTasks(45, make([]map[string]any, 6)...)
	s.AddBackend(labelstudiotest.Backend{ID: 90, Project: 45, URL: "http://a", State: "ER", Error: "no", ExtraParams: json.RawMessage(`{"a":1}`)})
	s.AddWebhook(labelstudiotest.Webhook{Project: 45, URL: "http://a/webhook", Active: true, SendPayload: true, AllActions: true})
	c := client(t, s.URL+"/", legacy)
	ctx := t.Context()
	if u, err := c.Whoami(ctx); err != nil || u.ID != 1 || u.Email != labelstudiotest.UserEmail {
		t.Errorf("user %+v, %v", u, err)
	}
	if p, err := c.Project(ctx, 45); err != nil || p.Title != "Calls" || p.LabelConfig != "<View/>" || p.Tasks != 7 {
		t.Errorf("project %+v, %v", p, err)
	}
	if w, err := c.Webhooks(ctx, 45); err != nil || len(w) != 1 || !w[0].SendPayload {
		t.Errorf("webhooks %+v, %v", w, err)
	}
	if b, err := c.Backends(ctx, 45); err != nil || len(b) != 1 || b[0].State != "ER" || string(b[0].ExtraParams) != `{"a":1}` {
		t.Errorf("backends %+v, %v", b, err)
	}
	settings := api.BackendSettings{URL: "http://b", Title: "ASR", Project: 45, Interactive: new(true), User: "u",
		Password: labelstudio.NewSecret("pw"), ExtraParams: json.RawMessage(`{"label":"x"}`)}
	b, err := c.AddBackend(ctx, settings)
	if err != nil || b.ID <= 90 || b.URL != "http://b" || b.State != "CO" || b.ModelVersion != "v1" {
		t.Errorf("backend %+v, %v", b, err)
	}
	if all := s.Backends(45); len(all) != 2 || all[1].URL != "http://b" || all[1].User != "u" || all[1].Password != "pw" || !all[1].Interactive {
		t.Errorf("backends %+v", all)
	}
	var export strings.Builder
	if err := c.Export(ctx, 45, true, &export); err != nil || strings.Count(export.String(), `"data":`) != 7 {
		t.Errorf("export %q, %v", export.String(), err)
	}
	if p, err := c.CreateProject(ctx, "Talks", "<View></View>"); err != nil || p.ID <= 45 || p.Title != "Talks" || p.LabelConfig != "<View></View>" {
		t.Errorf("project %+v, %v", p, err)
	}
	want := []string{
		"GET /ls/api/current-user/whoami",
		"GET /ls/api/projects/45/",
		"GET /ls/api/webhooks/?project=45",
		"GET /ls/api/ml/?project=45",
		`POST /ls/api/ml/ {"auth_method":"BASIC_AUTH","basic_auth_pass":"pw","basic_auth_user":"u","extra_params":{"label":"x"},"is_interactive":true,"project":45,"title":"ASR","url":"http://b"}`,
		"GET /ls/api/projects/45/export?download_all_tasks=true&exportType=JSON",
		`POST /ls/api/projects/ {"label_config":"\u003cView\u003e\u003c/View\u003e","title":"Talks"}`,
	}
	var got []string
	for _, r := range s.Requests() {
		if r.Authorization != "Token "+legacy {
			t.Errorf("%s carries %q", r, r.Authorization)
		}
		got = append(got, strings.TrimSpace(r.String()+" "+r.Body))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestTasksByPages(t *testing.T) {
	const total = 250
	s := newStudio(t, "")
	p := s.AddProject(labelstudiotest.Project{})
	ids := s.AddTasks(p, make([]map[string]any, total)...)
	c := client(t, s.URL, legacy)
	n := 0
	for task, err := range c.Tasks(t.Context(), p, false) {
		if n++; err != nil || task.ID != ids[n-1] {
			t.Fatalf("task %d, %v; want %d", task.ID, err, ids[n-1])
		}
	}
	if n != total || len(s.Requests()) != 3 {
		t.Errorf("%d tasks in %d requests", n, len(s.Requests()))
	}
	for range c.Tasks(t.Context(), p, true) {
		break
	}
	if got, want := s.Requests()[3].URI, fmt.Sprintf("/api/tasks/?fields=all&page=1&page_size=100&project=%d&resolve_uri=false", p); got != want {
		t.Errorf("request %s, want %s", got, want)
	}
}

func TestProjectsByPages(t *testing.T) {
	s := newStudio(t, "")
	for range 101 {
		s.AddProject(labelstudiotest.Project{})
	}
	s.Intercept(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.FormValue("page") == "2" {
			next = labelstudiotest.Answer(500, `{"detail":"broken"}`)
		}
		next.ServeHTTP(w, r)
	})
	var got []int64
	var failed error
	for p, err := range client(t, s.URL, legacy).Projects(t.Context()) {
		if failed = err; err == nil {
			got = append(got, p.ID)
		}
	}
	if len(got) != 100 || api.Status(failed) != 500 {
		t.Errorf("%d projects, %v", len(got), failed)
	}
}

func TestTaskIsReadThroughTheList(t *testing.T) {
	s := newStudio(t, "")
	s.AddProject(labelstudiotest.Project{ID: 45})
	s.AddTask(labelstudiotest.Task{ID: 51, Project: 45, Data: map[string]any{"audio": "a"}})
	s.AddPrediction(labelstudiotest.Prediction{Task: 51})
	c := client(t, s.URL, legacy)
	if task, err := c.Task(t.Context(), 45, 51); err != nil || task.ID != 51 || task.Predictions == nil {
		t.Errorf("task %+v, %v", task, err)
	}
	if _, err := c.Task(t.Context(), 45, 52); api.Status(err) != 404 || !strings.Contains(err.Error(), "Project 45 has no such task") {
		t.Errorf("a task that is not there: %v", err)
	}
	for _, r := range s.Requests() {
		if strings.Contains(r.URI, "/api/tasks/5") {
			t.Errorf("%s makes Label Studio ask for predictions", r)
		}
	}
}

func TestTaskDataIsSentWhole(t *testing.T) {
	s := newStudio(t, "")
	s.AddProject(labelstudiotest.Project{ID: 45})
	s.AddTask(labelstudiotest.Task{ID: 60, Project: 45, Data: map[string]any{"lost": "unless it is sent"}})
	data := labelstudio.Data{"audio": json.RawMessage(`"a"`), "other": json.RawMessage(`[1]`)}
	err := client(t, s.URL, legacy).SetTaskData(t.Context(), 60, data.With(labelstudio.Data{"pred_text": json.RawMessage(`"hi"`)}))
	if want := `{"data":{"audio":"a","other":[1],"pred_text":"hi"}}`; err != nil || s.Requests()[0].Body != want {
		t.Errorf("sent %s (%v), want %s", s.Requests()[0].Body, err, want)
	}
	if got := s.Data(60); len(got) != 3 {
		t.Errorf("the task has %v", got)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		token  string
		want   []string
		retry  bool
	}{
		{"an unknown legacy token", labelstudiotest.Answer(401, `{"status_code":401,"detail":"Invalid token."}`), legacy,
			[]string{"ask who the token belongs to: GET http://", "/api/current-user/whoami: 401 Unauthorized: Invalid token.", "MY_KEY holds a legacy token that"}, false},
		{"legacy tokens are switched off", labelstudiotest.Answer(401, `{"detail":"Authentication token no longer valid: legacy token authentication has been disabled for this organization"}`), legacy,
			[]string{"takes no legacy tokens: put a personal access token"}, false},
		{"not a member", labelstudiotest.Answer(403, `{"detail":"You do not have permission"}`), legacy, []string{"403 Forbidden", "member of the project"}, false},
		{"no such thing", labelstudiotest.Answer(404, `{"detail":"No Task matches the given query."}`), legacy, []string{"404 Not Found: No Task", "MY_URL lacks the path"}, false},
		{"a page for nothing", labelstudiotest.Answer(404, `<!doctype html><p>secret page`), legacy, []string{"404 Not Found", "not one of Label Studio's API", "MY_URL lacks the path"}, true},
		{"a private address", labelstudiotest.Answer(403, `{"detail":"URL resolves to a reserved network address (block: 10.0.0.0/8)"}`), legacy,
			[]string{"ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false"}, false},
		{"validation", labelstudiotest.Answer(400, `{"detail":"Validation error","validation_errors":{"url":["bad"]}}`), legacy, []string{`Validation error {"url":["bad"]}`}, false},
		{"slow down", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			labelstudiotest.Answer(429, `{}`)(w, r)
		}, legacy, []string{"429 Too Many Requests"}, true},
		{"broken inside", labelstudiotest.Answer(500, `Traceback`), legacy, []string{"500 Internal Server Error: Traceback"}, true},
		{"nothing behind the proxy", labelstudiotest.Answer(502, `<html>`), legacy, []string{"The proxy before Label Studio answers"}, true},
		{"too large", labelstudiotest.Answer(413, `<html>`), legacy, []string{"limits the size"}, false},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other.example.com/x?token=abc", http.StatusMovedPermanently)
		}, legacy, []string{"redirects to https://other.example.com/x; set MY_URL"}, true},
		{"another program", labelstudiotest.Answer(200, `<html>hello`), legacy, []string{"Is this a Label Studio, or does a proxy before it ask to log in? Check MY_URL."}, true},
		{"the token repeated", labelstudiotest.Answer(400, `{"detail":"bad token `+legacy+`"}`), legacy, []string{"bad token ***"}, false},
		{"an endless story", labelstudiotest.Answer(400, strings.Repeat("x", 100000)), legacy, []string{strings.Repeat("x", 400) + "..."}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStudio(t, "")
			s.Handle("GET /api/current-user/whoami", c.answer)
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			cl, err := api.New(api.Options{URL: s.URL, Token: labelstudio.NewSecret(c.token), URLName: "MY_URL", TokenName: "MY_KEY", Transport: transport})
			if err != nil {
				t.Fatal(err)
			}
			_, err = cl.Whoami(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error\n%v\ndoes not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), legacy) || strings.Contains(err.Error(), "token=abc") || len(err.Error()) > 1000 {
				t.Errorf("error %v", err)
			}
			wait, retry := api.Retryable(err)
			if retry != c.retry || (c.name == "slow down") != (wait == 7*time.Second) {
				t.Errorf("retry %v after %v", retry, wait)
			}
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	s := newStudio(t, "")
	url := s.URL
	s.Close()
	_, err := client(t, strings.Replace(url, "127.0.0.1", "localhost", 1), legacy).Whoami(t.Context())
	if _, retry := api.Retryable(err); !retry || !strings.Contains(err.Error(), "Nothing answers at LABEL_STUDIO_URL") || !strings.Contains(err.Error(), "localhost is the container itself") {
		t.Errorf("error %v", err)
	}
	_, err = client(t, "http://no-such-host.invalid", legacy).Whoami(t.Context())
	if _, retry := api.Retryable(err); !retry || !strings.Contains(err.Error(), `"no-such-host.invalid" of LABEL_STUDIO_URL`) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client(t, "http://127.0.0.1:1", legacy).Whoami(ctx)
	if _, retry := api.Retryable(err); retry || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestAnswerThatBreaksOff(t *testing.T) {
	s := newStudio(t, "")
	s.Handle("GET /api/current-user/whoami", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, `{"email":`)
	}))
	_, err := client(t, s.URL, legacy).Whoami(t.Context())
	if _, retry := api.Retryable(err); !retry {
		t.Errorf("error %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"http://localhost:8080":        "http://localhost:8080",
		" https://ls.example.com/ls/ ": "https://ls.example.com/ls",
		"http://[::1]:8080/":           "http://[::1]:8080",
		"http://ls/a?x=1#y":            "http://ls/a",
		"localhost:8080":               "",
		"ls.example.com":               "",
		"ftp://ls":                     "",
		"http://":                      "",
		"http://u:topsecret@ls":        "",
		"http://ls:x y":                "",
		"":                             "",
	} {
		u, err := api.ParseURL(in)
		if (err == nil) != (want != "") || err == nil && u.String() != want {
			t.Errorf("%q is %v, %v; want %q", in, u, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "topsecret") {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
}
