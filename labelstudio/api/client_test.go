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

	"github.com/google/go-cmp/cmp"
)

func TestCallsBelowAPath(t *testing.T) {
	f := newFake(t, "/ls", map[string]http.HandlerFunc{
		"GET /api/current-user/whoami": says(200, `{"id":3,"email":"a@example.com"}`),
		"GET /api/projects/45/":        says(200, `{"id":45,"title":"Calls","label_config":"<View/>","model_version":null,"task_number":7}`),
		"GET /api/webhooks/":           says(200, `[{"id":1,"url":"http://b/webhook","is_active":true,"send_payload":true,"send_for_all_actions":true}]`),
		"GET /api/ml/":                 says(200, `[{"id":9,"url":"http://b","state":"ER","error_message":"no","extra_params":{"a":1}}]`),
		"POST /api/ml/":                says(201, `{"id":10,"url":"http://b"}`),
		"GET /api/projects/45/export":  says(200, `[{"id":1}]`),
	})
	c := client(t, f.URL+"/ls/", legacy)
	ctx := t.Context()
	if u, err := c.Whoami(ctx); err != nil || u.ID != 3 || u.Email != "a@example.com" {
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
	if b, err := c.AddBackend(ctx, settings); err != nil || b.ID != 10 {
		t.Errorf("backend %+v, %v", b, err)
	}
	var export strings.Builder
	if err := c.Export(ctx, 45, true, &export); err != nil || export.String() != `[{"id":1}]` {
		t.Errorf("export %q, %v", export.String(), err)
	}
	want := []seen{
		{"GET", "/ls/api/current-user/whoami", "Token " + legacy, ""},
		{"GET", "/ls/api/projects/45/", "Token " + legacy, ""},
		{"GET", "/ls/api/webhooks/?project=45", "Token " + legacy, ""},
		{"GET", "/ls/api/ml/?project=45", "Token " + legacy, ""},
		{"POST", "/ls/api/ml/", "Token " + legacy, `{"auth_method":"BASIC_AUTH","basic_auth_pass":"pw","basic_auth_user":"u","extra_params":{"label":"x"},"is_interactive":true,"project":45,"title":"ASR","url":"http://b"}`},
		{"GET", "/ls/api/projects/45/export?download_all_tasks=true&exportType=JSON", "Token " + legacy, ""},
	}
	if diff := cmp.Diff(want, f.all(), cmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestTasksByPages(t *testing.T) {
	const total = 250
	f := newFake(t, "", map[string]http.HandlerFunc{
		"GET /api/tasks/": func(w http.ResponseWriter, r *http.Request) {
			var page, size int
			fmt.Sscan(r.FormValue("page"), &page)
			fmt.Sscan(r.FormValue("page_size"), &size)
			var tasks []string
			for i := (page - 1) * size; i < min(page*size, total); i++ {
				tasks = append(tasks, fmt.Sprintf(`{"id":%d,"data":{"audio":"a"}}`, i+1))
			}
			says(200, fmt.Sprintf(`{"total":%d,"tasks":[%s]}`, total, strings.Join(tasks, ",")))(w, r)
		},
	})
	c := client(t, f.URL, legacy)
	n := int64(0)
	for task, err := range c.Tasks(t.Context(), 45, false) {
		if n++; err != nil || task.ID != n {
			t.Fatalf("task %d, %v; want %d", task.ID, err, n)
		}
	}
	if n != total || len(f.all()) != 3 {
		t.Errorf("%d tasks in %d requests", n, len(f.all()))
	}
	for range c.Tasks(t.Context(), 45, true) {
		break
	}
	if last := f.all()[3]; last.uri != "/api/tasks/?fields=all&page=1&page_size=100&project=45" {
		t.Errorf("request %s", last.uri)
	}
}

func TestProjectsByPages(t *testing.T) {
	f := newFake(t, "", map[string]http.HandlerFunc{"GET /api/projects/": func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("page") == "2" {
			says(500, `{"detail":"broken"}`)(w, r)
			return
		}
		says(200, `{"count":101,"results":[{"id":1},{"id":2}]}`)(w, r)
	}})
	var got []int64
	var failed error
	for p, err := range client(t, f.URL, legacy).Projects(t.Context()) {
		if failed = err; err == nil {
			got = append(got, p.ID)
		}
	}
	if len(got) != 2 || api.Status(failed) != 500 {
		t.Errorf("projects %v, %v", got, failed)
	}
}

func TestTaskIsReadThroughTheList(t *testing.T) {
	f := newFake(t, "", map[string]http.HandlerFunc{"GET /api/tasks/": func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("query") != `{"selectedItems":{"all":false,"included":[51]}}` {
			says(200, `{"total":0,"tasks":[]}`)(w, r)
			return
		}
		says(200, `{"total":1,"tasks":[{"id":51,"data":{"audio":"a"},"predictions":[{"id":3}]}]}`)(w, r)
	}})
	c := client(t, f.URL, legacy)
	if task, err := c.Task(t.Context(), 45, 51); err != nil || task.ID != 51 || task.Predictions == nil {
		t.Errorf("task %+v, %v", task, err)
	}
	if _, err := c.Task(t.Context(), 45, 52); api.Status(err) != 404 || !strings.Contains(err.Error(), "Project 45 has no such task") {
		t.Errorf("a task that is not there: %v", err)
	}
	for _, r := range f.all() {
		if strings.Contains(r.uri, "/api/tasks/5") {
			t.Errorf("%s makes Label Studio ask for predictions", r.uri)
		}
	}
}

func TestTaskDataIsSentWhole(t *testing.T) {
	f := newFake(t, "", map[string]http.HandlerFunc{"PATCH /api/tasks/60/": says(200, `{}`)})
	data := labelstudio.Data{"audio": json.RawMessage(`"a"`), "other": json.RawMessage(`[1]`)}
	err := client(t, f.URL, legacy).SetTaskData(t.Context(), 60, data.With(labelstudio.Data{"pred_text": json.RawMessage(`"hi"`)}))
	if want := `{"data":{"audio":"a","other":[1],"pred_text":"hi"}}`; err != nil || f.all()[0].body != want {
		t.Errorf("sent %s (%v), want %s", f.all()[0].body, err, want)
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
		{"an unknown legacy token", says(401, `{"status_code":401,"detail":"Invalid token."}`), legacy,
			[]string{"ask who the token belongs to: GET http://", "/api/current-user/whoami: 401 Unauthorized: Invalid token.", "MY_KEY holds a legacy token that"}, false},
		{"legacy tokens are switched off", says(401, `{"detail":"Authentication token no longer valid: legacy token authentication has been disabled for this organization"}`), legacy,
			[]string{"takes no legacy tokens: put a personal access token"}, false},
		{"not a member", says(403, `{"detail":"You do not have permission"}`), legacy, []string{"403 Forbidden", "member of the project"}, false},
		{"no such thing", says(404, `<!doctype html><p>secret page`), legacy, []string{"404 Not Found", "MY_URL lacks the path"}, false},
		{"a private address", says(403, `{"detail":"URL resolves to a reserved network address (block: 10.0.0.0/8)"}`), legacy,
			[]string{"ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false"}, false},
		{"validation", says(400, `{"detail":"Validation error","validation_errors":{"url":["bad"]}}`), legacy, []string{`Validation error {"url":["bad"]}`}, false},
		{"slow down", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			says(429, `{}`)(w, r)
		}, legacy, []string{"429 Too Many Requests"}, true},
		{"broken inside", says(500, `Traceback`), legacy, []string{"500 Internal Server Error: Traceback"}, true},
		{"nothing behind the proxy", says(502, `<html>`), legacy, []string{"The proxy before Label Studio answers"}, true},
		{"too large", says(413, `<html>`), legacy, []string{"limits the size"}, false},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other.example.com/x?token=abc", http.StatusMovedPermanently)
		}, legacy, []string{"redirects to https://other.example.com/x; set MY_URL"}, false},
		{"another program", says(200, `<html>hello`), legacy, []string{"Is this a Label Studio? Check MY_URL."}, false},
		{"the token repeated", says(400, `{"detail":"bad token `+legacy+`"}`), legacy, []string{"bad token ***"}, false},
		{"an endless story", says(400, strings.Repeat("x", 100000)), legacy, []string{strings.Repeat("x", 400) + "..."}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, "", map[string]http.HandlerFunc{"GET /api/current-user/whoami": c.answer})
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			cl, err := api.New(api.Options{URL: f.URL, Token: labelstudio.NewSecret(c.token), URLName: "MY_URL", TokenName: "MY_KEY", Transport: transport})
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
	f := newFake(t, "", nil)
	url := f.URL
	f.Close()
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
	f := newFake(t, "", map[string]http.HandlerFunc{"GET /api/current-user/whoami": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, `{"id":`)
	}})
	_, err := client(t, f.URL, legacy).Whoami(t.Context())
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
