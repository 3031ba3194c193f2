package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"

	"pgregory.net/rapid"
)

func prediction(version string) labelstudio.Prediction {
	return labelstudio.Prediction{ModelVersion: version, Score: 0.5, Result: []labelstudio.Item{{ID: "s0001", FromName: "t", ToName: "a", Type: "textarea",
		Value: labelstudio.Value{Span: &labelstudio.Span{Start: 300 * time.Millisecond, End: time.Second}, Text: []string{"hi"}}}}}
}

func TestPredictionsAreStored(t *testing.T) {
	created := 2
	f := newFake(t, "", map[string]http.HandlerFunc{
		"POST /api/predictions/": says(201, `{"id":77}`),
		"POST /api/projects/45/import/predictions": func(w http.ResponseWriter, r *http.Request) {
			says(201, fmt.Sprintf(`{"created":%d}`, created))(w, r)
		},
		"DELETE /api/predictions/77/": says(204, ""),
		"DELETE /api/predictions/78/": says(404, `{"detail":"Not found."}`),
		"DELETE /api/predictions/79/": says(500, `{}`),
	})
	c := client(t, f.URL, legacy)
	ctx := t.Context()
	if id, err := c.CreatePrediction(ctx, 51, prediction("v1")); err != nil || id != 77 {
		t.Errorf("id %d, %v", id, err)
	}
	const item = `{"id":"s0001","from_name":"t","to_name":"a","type":"textarea","value":{"start":0.3,"end":1,"channel":0,"text":["hi"]}}`
	if want := `{"task":51,"result":[` + item + `],"score":0.5,"model_version":"v1"}`; f.all()[0].body != want {
		t.Errorf("sent %s\nwant %s", f.all()[0].body, want)
	}
	two := []api.TaskPrediction{{51, prediction("v1")}, {52, labelstudio.Prediction{}}}
	if err := c.ImportPredictions(ctx, 45, two); err != nil {
		t.Error(err)
	}
	if want := `[{"task":51,"result":[` + item + `],"score":0.5,"model_version":"v1"},{"task":52,"result":[],"score":0}]`; f.all()[1].body != want {
		t.Errorf("sent %s\nwant %s", f.all()[1].body, want)
	}
	created = 1
	var short *api.ImportError
	if err := c.ImportPredictions(ctx, 45, two); !errors.As(err, &short) || short.Sent != 2 || short.Created != 1 {
		t.Errorf("a skipped prediction: %v", err)
	}
	for id, ok := range map[int64]bool{77: true, 78: true, 79: false} {
		if err := c.DeletePrediction(ctx, id); (err == nil) != ok {
			t.Errorf("delete %d: %v", id, err)
		}
	}
	bad := prediction("v1")
	bad.Result[0].Meta = json.RawMessage("{")
	if _, err := c.CreatePrediction(ctx, 51, bad); err == nil {
		t.Error("broken meta was sent")
	}
}

// store is a task's predictions in Label Studio, with requests that fail now and then,
// before or after they did their work.
type store struct {
	t    testing.TB
	mu   sync.Mutex // guards the fields below
	rows map[int]string
	next int
	// fail decides what happens to the next request: 0 works, 1 fails before, 2 after.
	fail func() int
}

func (s *store) handlers() map[string]http.HandlerFunc {
	unreliable := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			switch s.fail() {
			case 1:
				w.WriteHeader(503)
			case 2:
				h(discard{}, r)
				w.WriteHeader(504)
			default:
				h(w, r)
			}
		}
	}
	return map[string]http.HandlerFunc{
		"GET /api/predictions/": unreliable(func(w http.ResponseWriter, _ *http.Request) {
			list := []string{}
			for id, version := range s.rows {
				list = append(list, fmt.Sprintf(`{"id":%d,"task":51,"model_version":%q,"result":[]}`, id, version))
			}
			fmt.Fprintf(w, "[%s]", strings.Join(list, ","))
		}),
		"POST /api/predictions/": unreliable(func(w http.ResponseWriter, r *http.Request) {
			var row struct {
				Version string `json:"model_version"`
			}
			if err := json.NewDecoder(r.Body).Decode(&row); err != nil {
				s.t.Error(err)
			}
			s.next++
			s.rows[s.next] = row.Version
			w.WriteHeader(201)
			fmt.Fprintf(w, `{"id":%d}`, s.next)
		}),
		"DELETE /api/predictions/{id}/": unreliable(func(w http.ResponseWriter, r *http.Request) {
			var id int
			fmt.Sscan(r.PathValue("id"), &id)
			if _, ok := s.rows[id]; !ok {
				w.WriteHeader(404)
				return
			}
			delete(s.rows, id)
			if !slices.Contains(values(s.rows), "fc-3") {
				s.t.Errorf("row %d went before the new one came", id)
			}
			w.WriteHeader(204)
		}),
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// TestPutPredictionEndsInOneRow repeats until success, over a server that fails at any
// point, and wants one row of the version, none of ours that is older, and everything of
// others.
func TestPutPredictionEndsInOneRow(t *testing.T) {
	ours := func(version string) bool { return strings.HasPrefix(version, "fc-") }
	s := &store{t: t}
	f := newFake(t, "", s.handlers())
	c := client(t, f.URL, legacy)
	rapid.Check(t, func(rt *rapid.T) {
		s.mu.Lock()
		s.rows, s.next = map[int]string{}, 0
		for _, v := range rapid.SliceOfN(rapid.SampledFrom([]string{"fc-1", "fc-2", "fc-3", "human", ""}), 0, 6).Draw(rt, "rows") {
			s.next++
			s.rows[s.next] = v
		}
		others := 0
		for _, v := range s.rows {
			if !ours(v) {
				others++
			}
		}
		failures := rapid.SliceOfN(rapid.IntRange(0, 2), 0, 12).Draw(rt, "failures")
		s.fail = func() int {
			if len(failures) == 0 {
				return 0
			}
			var x int
			x, failures = failures[0], failures[1:]
			return x
		}
		s.mu.Unlock()
		for try := 0; ; try++ {
			id, err := c.PutPrediction(t.Context(), 51, prediction("fc-3"), ours)
			if err == nil {
				if s.rows[int(id)] != "fc-3" {
					rt.Fatalf("row %d is %q", id, s.rows[int(id)])
				}
				break
			}
			if _, retry := api.Retryable(err); !retry || try > 50 {
				rt.Fatal(err)
			}
		}
		got := values(s.rows)
		if n := len(got) - others; n != 1 {
			rt.Fatalf("%d rows of ours: %v", n, got)
		}
	})
}

func values(m map[int]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}
