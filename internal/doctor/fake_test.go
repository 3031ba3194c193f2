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
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const legacy = labelstudiotest.DefaultToken

// studio is a Label Studio in which all is well until a test changes it: project 3 "Calls"
// with one task, and a connected backend at another machine.
type studio struct{ *labelstudiotest.Server }

const (
	reserved = `{"status_code":403,"version":"1.23.2","detail":"URL resolves to a reserved network address (block: 10.0.0.0/8)"}`
	unknown  = `{"status_code":500,"version":"1.23.2","detail":"Can't resolve hostname asr-backend"}`
	member   = `{"status_code":403,"detail":"You do not have permission to perform this action."}`
	dotted   = `{"status_code":400,"version":"1.23.2","detail":"Validation error","validation_errors":{"url":["Enter a valid URL."]}}`

	// addresses and hooks are the routes at which addresses are tried, upload that of the
	// one recording.
	addresses = "POST /api/ml/"
	hooks     = "POST /api/webhooks/"
	upload    = "GET /data/upload/"
)

// newStudio returns one in which nothing may be made.
func newStudio(t *testing.T) studio {
	t.Helper()
	// A second of silence.
	wav, err := wavfile.Encode(make([]float32, 16000), 16000, 1)
	if err != nil {
		t.Fatal(err)
	}
	s := studio{labelstudiotest.New(t, labelstudiotest.Options{Token: legacy})}
	s.AddProject(labelstudiotest.Project{ID: 3, Title: "Calls"})
	s.AddTask(labelstudiotest.Task{ID: 71, Project: 3, Data: map[string]any{"audio": s.Upload(3, "1a2b3c4d-call.wav", wav)}})
	s.backend("http://10.0.0.5:9090", "CO", "")
	s.webhook("http://10.0.0.5:9090/webhook")
	t.Cleanup(func() {
		for _, r := range s.Requests() {
			if r.Method != "GET" && strings.Contains(r.Body, `"project"`) {
				t.Errorf("%s %s would make something", r, r.Body)
			}
		}
	})
	return s
}

func (s studio) backend(url, state, message string) {
	s.AddBackend(labelstudiotest.Backend{Project: 3, URL: url, State: state, Error: message, ModelVersion: "small-1"})
}

func (s studio) webhook(url string) {
	s.AddWebhook(labelstudiotest.Webhook{Project: 3, URL: url, Active: true, SendPayload: true, AllActions: true})
}

// connect replaces the backend and its webhook.
func (s studio) connect(url, state, message string) {
	s.DeleteBackends(3)
	s.backend(url, state, message)
	s.DeleteWebhooks(3)
	s.webhook(strings.TrimSuffix(url, "/") + "/webhook")
}

// refuse answers a route with an error.
func (s studio) refuse(route string, status int, body string) {
	s.Handle(route, labelstudiotest.Answer(status, body))
}

// refuseAll answers all requests whose address has a part, but for the version.
func (s studio) refuseAll(part string, status int, body string) {
	s.Intercept(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.String(), part) && !strings.HasPrefix(r.URL.Path, "/api/version") {
			labelstudiotest.Answer(status, body)(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// backendServer is a service that answers with a class, and reports that these projects
// asked it; it wants a password if there is one.
func backendServer(t *testing.T, class, password, notReady string, projects ...int) string {
	t.Helper()
	list := []map[string]any{}
	for _, p := range projects {
		list = append(list, map[string]any{"id": p})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", labelstudiotest.Answer(200, `{"status":"UP","model_class":"`+class+`"}`))
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
