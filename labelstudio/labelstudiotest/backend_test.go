package labelstudiotest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// backend answers Label Studio by route, and remembers what it was asked.
type backend struct {
	answers map[string]string // by path; else a version
	status  map[string]int
	asked   []asked
}

type asked struct {
	method, path, agent, auth string
	body                      []byte
}

func (b *backend) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	b.asked = append(b.asked, asked{r.Method, r.URL.Path, r.Header.Get("User-Agent"), r.Header.Get("Authorization"), body})
	answer, status := b.answers[r.URL.Path], b.status[r.URL.Path]
	if answer == "" {
		answer = `{"status":"UP","model_version":"v1"}`
	}
	if status == 0 {
		status = http.StatusOK
	}
	w := httptest.NewRecorder()
	labelstudiotest.Answer(status, answer)(w, r)
	return w.Result(), nil
}

// paths returns what was asked, and forgets it.
func (b *backend) paths() string {
	var out []string
	for _, r := range b.asked {
		out = append(out, r.path)
	}
	b.asked = nil
	return strings.Join(out, " ")
}

func connect(t testing.TB, ls *labelstudiotest.Server, project int64, extra string) int64 {
	t.Helper()
	id, err := ls.Connect(labelstudiotest.Backend{Project: project, URL: "http://10.0.0.5:9090", ExtraParams: json.RawMessage(extra), User: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func retrieve(t testing.TB, ls *labelstudiotest.Server, project int64, ids ...int64) int {
	t.Helper()
	n, err := ls.Retrieve(project, ids...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestConnectingAsksTwiceAndRegistersAWebhook(t *testing.T) {
	b := &backend{}
	ls := labelstudiotest.New(t, labelstudiotest.Options{Backends: b})
	p := ls.AddProject(labelstudiotest.Project{})
	connect(t, ls, p, "")
	if got := b.paths(); got != "/health /setup /health /setup" {
		t.Errorf("asked %s", got)
	}
	if w := ls.Webhooks(p); len(w) != 1 || w[0].URL != "http://10.0.0.5:9090/webhook" || !w[0].SendPayload || !w[0].Active {
		t.Errorf("webhooks %+v", w)
	}
	if all := ls.Backends(p); all[0].State != "CO" || all[0].ModelVersion != "v1" {
		t.Errorf("backends %+v", all)
	}
	if status := ls.Emit(p, "PROJECT_UPDATED", nil); status != 200 || b.asked[0].auth != "" {
		t.Errorf("status %d; an event carries %q", status, b.asked[0].auth)
	}
	// A name without a dot gets no webhook; a backend that fails is not kept.
	other := ls.AddProject(labelstudiotest.Project{})
	if _, err := ls.Connect(labelstudiotest.Backend{Project: other, URL: "http://asr-backend:9090"}); err != nil || len(ls.Webhooks(other)) != 0 {
		t.Errorf("%v, webhooks %+v", err, ls.Webhooks(other))
	}
	b.status = map[string]int{"/setup": 503}
	third := ls.AddProject(labelstudiotest.Project{})
	if _, err := ls.Connect(labelstudiotest.Backend{Project: third, URL: "http://10.0.0.5:9090"}); err == nil || !strings.HasPrefix(err.Error(), "503 ") || len(ls.Backends(third)) != 0 {
		t.Errorf("%v, backends %+v", err, ls.Backends(third))
	}
	b.status = map[string]int{"/health": 500}
	if err := ls.Refresh(p); err == nil || ls.Backends(p)[0].State != "DI" {
		t.Errorf("%v, backends %+v", err, ls.Backends(p))
	}
}

func TestPredictionsAreAskedForAsLabelStudioDoes(t *testing.T) {
	const one = `{"result":[],"score":0.5,"model_version":"v1"}`
	b := &backend{answers: map[string]string{"/predict": `{"results":[[` + one + `],[],` + one + `]}`}}
	ls := labelstudiotest.New(t, labelstudiotest.Options{Backends: b})
	p := ls.AddProject(labelstudiotest.Project{})
	connect(t, ls, p, "")
	ids := ls.AddTasks(p, nil, nil, nil)
	b.paths()
	if n := retrieve(t, ls, p, ids...); n != 2 || b.paths() != "/health /setup /predict" || len(ls.Predictions(ids[1])) != 0 {
		t.Errorf("%d predictions", n)
	}
	// Only the task without one of the version is asked for again.
	b.answers["/predict"] = `{"results":[[{"result":[],"model_version":"v0"},` + one + `]]}`
	if n := retrieve(t, ls, p, ids...); n != 2 {
		t.Errorf("%d predictions for one task", n)
	}
	b.paths()
	if n := retrieve(t, ls, p, ids...); n != 0 || b.paths() != "/health /setup" {
		t.Errorf("%d predictions when all are there", n)
	}
	// Opening asks only if there is none at all, of whatever version.
	ls.DeletePredictions(ids[1])
	ls.AddPrediction(labelstudiotest.Prediction{Task: ids[1], Version: "v0"})
	if n, err := ls.Open(ids[1]); n != 0 || err != nil || b.paths() != "" {
		t.Errorf("%d, %v", n, err)
	}
	ls.DeletePredictions(ids[1])
	if n, err := ls.Open(ids[1]); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	// Each answer is one more row, and failures store nothing.
	old := ls.Snapshot(p, ids[1])
	if n, err := ls.RetrieveFrom(old); n != 2 || err != nil || len(ls.Predictions(ids[1])) != 4 {
		t.Errorf("%d, %v, %d rows", n, err, len(ls.Predictions(ids[1])))
	}
	b.status = map[string]int{"/predict": 500}
	if n, err := ls.RetrieveFrom(old); n != 0 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
}
