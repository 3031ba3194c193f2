package doctor

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/internal/wavfile"
	"github.com/asr-backend/asr-backend/labelstudio"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const legacy = "0123456789abcdef0123456789abcdef01234567"

// studio is a Label Studio in the state that its fields describe. Answers are those of
// version 1.23.2.
type studio struct {
	health   http.HandlerFunc // nil: a Label Studio
	release  string
	token    string // the one that is accepted
	projects []map[string]any
	backends map[int][]map[string]any // by project
	webhooks map[int][]map[string]any
	tasks    map[int][]map[string]any
	upload   http.HandlerFunc
	// address and hook answer to addresses that are tried; nil: they would be taken.
	address, hook http.HandlerFunc
}

const (
	segments = `<View><Labels name="labels" toName="audio"><Label value="Speech"/></Labels><Audio name="audio" value="$audio"/><TextArea name="t" toName="audio" perRegion="true"/></View>`

	reserved = `{"status_code":403,"version":"1.23.2","detail":"URL resolves to a reserved network address (block: 10.0.0.0/8)"}`
	unknown  = `{"status_code":500,"version":"1.23.2","detail":"Can't resolve hostname asr-backend"}`
	dotted   = `{"status_code":400,"version":"1.23.2","detail":"Validation error","validation_errors":{"url":["Enter a valid URL."]}}`
	needs    = `{"status_code":400,"version":"1.23.2","detail":"Validation error","validation_errors":{"project":["This field is required."]}}`
)

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// wav is a second of silence.
var wav, _ = wavfile.Encode(make([]float32, 16000), 16000, 1)

// newStudio is a Label Studio in which all is well.
func newStudio() *studio {
	return &studio{
		release: "1.23.2", token: legacy,
		projects: []map[string]any{{"id": 3, "title": "Calls", "label_config": segments}},
		backends: map[int][]map[string]any{3: {backend(9, "http://10.0.0.5:9090", "CO", "")}},
		webhooks: map[int][]map[string]any{3: {webhook("http://10.0.0.5:9090/webhook")}},
		tasks:    map[int][]map[string]any{3: {{"id": 71, "project": 3, "data": map[string]any{"audio": "/data/upload/3/1a2b3c4d-call.wav"}}}},
		upload: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(wav)))
			w.Write(wav)
		},
	}
}

func backend(id int, url, state, message string) map[string]any {
	return map[string]any{"id": id, "url": url, "state": state, "error_message": message, "model_version": "small-1", "project": 3}
}

func webhook(url string) map[string]any {
	return map[string]any{"id": 1, "url": url, "is_active": true, "send_payload": true, "send_for_all_actions": true}
}

// serve runs it and returns its address.
func (s *studio) serve(t *testing.T) string {
	t.Helper()
	reply := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	guarded := func(h func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Token "+s.token {
				says(401, `{"status_code":401,"detail":"Invalid token: `+strings.TrimPrefix(r.Header.Get("Authorization"), "Token ")+`"}`)(w, r)
				return
			}
			h(w, r)
		}
	}
	project := func(r *http.Request) int {
		n, err := strconv.Atoi(r.URL.Query().Get("project"))
		if err != nil {
			t.Error(err)
		}
		return n
	}
	list := func(all map[int][]map[string]any, r *http.Request) []map[string]any {
		return append([]map[string]any{}, all[project(r)]...)
	}
	probe := func(answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var body map[string]any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			if body["project"] != nil {
				t.Errorf("%s %v would make something", r.URL.Path, body)
			}
			if answer == nil {
				answer = says(400, needs)
			}
			answer(w, r)
		}
	}
	mux := http.NewServeMux()
	if s.health == nil {
		s.health = says(200, `{"status": "UP"}`)
	}
	mux.HandleFunc("GET /health", s.health)
	mux.HandleFunc("GET /api/version/", func(w http.ResponseWriter, _ *http.Request) { reply(w, map[string]string{"release": s.release}) })
	mux.HandleFunc("GET /api/current-user/whoami", guarded(func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{"id": 1, "email": "ann@example.com"})
	}))
	mux.HandleFunc("GET /api/projects/", guarded(func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{"count": len(s.projects), "results": s.projects})
	}))
	mux.HandleFunc("GET /api/projects/3/", guarded(func(w http.ResponseWriter, _ *http.Request) { reply(w, s.projects[0]) }))
	mux.HandleFunc("GET /api/ml/", guarded(func(w http.ResponseWriter, r *http.Request) { reply(w, list(s.backends, r)) }))
	mux.HandleFunc("GET /api/webhooks/", guarded(func(w http.ResponseWriter, r *http.Request) { reply(w, list(s.webhooks, r)) }))
	mux.HandleFunc("POST /api/ml/", guarded(probe(s.address)))
	mux.HandleFunc("POST /api/webhooks/", guarded(probe(s.hook)))
	mux.HandleFunc("GET /api/tasks/", guarded(func(w http.ResponseWriter, r *http.Request) {
		tasks := list(s.tasks, r)
		reply(w, map[string]any{"total": len(tasks), "tasks": tasks})
	}))
	mux.HandleFunc("GET /data/upload/", guarded(func(w http.ResponseWriter, r *http.Request) { s.upload(w, r) }))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// backendServer is a service that answers with a class, and tells that these projects
// asked it; it wants a password if there is one.
func backendServer(t *testing.T, class, password, notReady string, projects ...int) string {
	t.Helper()
	list := []map[string]any{}
	for _, p := range projects {
		list = append(list, map[string]any{"id": p})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", says(200, `{"status":"UP","model_class":"`+class+`"}`))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		if _, given, _ := r.BasicAuth(); given != password {
			w.WriteHeader(401)
			return
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"version": "2.0", "not_ready": notReady, "projects": list}); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// at is the service that answers at an address of this machine.
func at(t *testing.T, address string) *Service {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return &Service{Host: host, Port: n, DataDir: t.TempDir()}
}

// expect compares findings with lines "STATUS check: part of the detail -> part of the hint".
func expect(t *testing.T, got []finding.Finding, want ...string) {
	t.Helper()
	var lines []string
	for _, f := range got {
		lines = append(lines, fmt.Sprintf("%s %s: %s -> %s", strings.ToUpper(string(f.Status)), f.Check, f.Detail, f.Hint))
	}
	show := strings.Join(lines, "\n")
	if len(got) != len(want) {
		t.Fatalf("got %d findings, want %d:\n%s", len(got), len(want), show)
	}
	for i, w := range want {
		head, hint, _ := strings.Cut(w, " -> ")
		head, detail, _ := strings.Cut(head, ": ")
		if !strings.HasPrefix(lines[i], head+": ") || !strings.Contains(got[i].Detail, detail) || !strings.Contains(got[i].Hint, hint) {
			t.Errorf("finding %d: got\n%s\nwant\n%s", i, lines[i], w)
		}
		if got[i].Status != finding.OK && got[i].Hint == "" {
			t.Errorf("finding %d says nothing to do: %s", i, lines[i])
		}
	}
}

func secret(s string) labelstudio.Secret { return labelstudio.NewSecret(s) }
