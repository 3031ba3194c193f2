package api_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"

	"pgregory.net/rapid"
)

func prediction(version string) labelstudio.Prediction {
	return labelstudio.Prediction{ModelVersion: version, Score: 0.5, Result: []labelstudio.Item{{ID: "s0001", FromName: "t", ToName: "a", Type: "textarea",
		Value: labelstudio.Value{Span: &labelstudio.Span{Start: 300 * time.Millisecond, End: time.Second}, Text: []string{"hi"}}}}}
}

func TestPredictionsAreStored(t *testing.T) {
	s := newStudio(t, "")
	s.AddProject(labelstudiotest.Project{ID: 45})
	s.AddTask(labelstudiotest.Task{ID: 51, Project: 45})
	s.AddTask(labelstudiotest.Task{ID: 52, Project: 45})
	c := client(t, s.URL, legacy)
	ctx := t.Context()
	id, err := c.CreatePrediction(ctx, 51, prediction("v1"))
	if got := s.Predictions(51); err != nil || len(got) != 1 || got[0].ID != id || got[0].Version != "v1" {
		t.Errorf("id %d, %v; stored %+v", id, err, got)
	}
	const item = `{"id":"s0001","from_name":"t","to_name":"a","type":"textarea","value":{"start":0.3,"end":1,"channel":0,"text":["hi"]}}`
	if want := `{"task":51,"result":[` + item + `],"score":0.5,"model_version":"v1"}`; s.Requests()[0].Body != want {
		t.Errorf("sent %s\nwant %s", s.Requests()[0].Body, want)
	}
	two := []api.TaskPrediction{{51, prediction("v1")}, {52, labelstudio.Prediction{}}}
	if err := c.ImportPredictions(ctx, 45, two); err != nil {
		t.Error(err)
	}
	if n := len(s.Predictions(51)) + len(s.Predictions(52)); n != 3 {
		t.Errorf("%d predictions are stored", n)
	}
	if want := `[{"task":51,"result":[` + item + `],"score":0.5,"model_version":"v1"},{"task":52,"result":[],"score":0}]`; s.Requests()[1].Body != want {
		t.Errorf("sent %s\nwant %s", s.Requests()[1].Body, want)
	}
	s.Handle("POST /api/projects/45/import/predictions", labelstudiotest.Answer(201, `{"created":1}`))
	var short *api.ImportError
	if err := c.ImportPredictions(ctx, 45, two); !errors.As(err, &short) || short.Sent != 2 || short.Created != 1 {
		t.Errorf("a skipped prediction: %v", err)
	}
	for range 2 { // the second time it is gone
		if err := c.DeletePrediction(ctx, id); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	s.Handle("DELETE /api/predictions/79/", labelstudiotest.Answer(500, `{}`))
	if c.DeletePrediction(ctx, 79) == nil {
		t.Error("an error passes for a deletion")
	}
	bad := prediction("v1")
	bad.Result[0].Meta = json.RawMessage("{")
	if _, err := c.CreatePrediction(ctx, 51, bad); err == nil {
		t.Error("broken meta was sent")
	}
}

// TestPutPredictionEndsInOneRow repeats until success, over a server that fails at any
// point, and wants one row of the version, none of ours that is older, and everything of
// others.
func TestPutPredictionEndsInOneRow(t *testing.T) {
	ours := func(version string) bool { return strings.HasPrefix(version, "fc-") }
	s := newStudio(t, "")
	s.AddProject(labelstudiotest.Project{ID: 45})
	s.AddTask(labelstudiotest.Task{ID: 51, Project: 45})
	versions := func() map[int64]string {
		out := map[int64]string{}
		for _, p := range s.Predictions(51) {
			out[p.ID] = p.Version
		}
		return out
	}
	has := func(version string) bool {
		return slices.Contains(slices.Collect(maps.Values(versions())), version)
	}
	var failures []int // of the next requests: 0 works, 1 fails before it did its work, 2 after
	s.Intercept(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		fails := 0
		if len(failures) > 0 {
			fails, failures = failures[0], failures[1:]
		}
		switch fails {
		case 1:
			w.WriteHeader(503)
		case 2:
			labelstudiotest.Lose(504, w, r, next)
		default:
			next.ServeHTTP(w, r)
		}
		if r.Method == "DELETE" && !has("fc-3") {
			t.Errorf("%s: a row went before the new one came", r.URL)
		}
	})
	c := client(t, s.URL, legacy)
	rapid.Check(t, func(rt *rapid.T) {
		s.DeletePredictions(51)
		others := 0
		for _, v := range rapid.SliceOfN(rapid.SampledFrom([]string{"fc-1", "fc-2", "fc-3", "human", ""}), 0, 6).Draw(rt, "rows") {
			s.AddPrediction(labelstudiotest.Prediction{Task: 51, Version: v, Result: []json.RawMessage{}})
			if !ours(v) {
				others++
			}
		}
		failures = rapid.SliceOfN(rapid.IntRange(0, 2), 0, 12).Draw(rt, "failures")
		for try := 0; ; try++ {
			id, err := c.PutPrediction(t.Context(), 51, prediction("fc-3"), ours)
			if err == nil {
				if got := versions()[id]; got != "fc-3" {
					rt.Fatalf("row %d is %q", id, got)
				}
				break
			}
			if _, retry := api.Retryable(err); !retry || try > 50 {
				rt.Fatal(err)
			}
		}
		if n := len(versions()) - others; n != 1 {
			rt.Fatalf("%d rows of ours: %v", n, versions())
		}
	})
}

// A partial prediction becomes that of the version: the task has one all the time.
func TestAPartialPredictionIsReplacedInPlace(t *testing.T) {
	all := func(string) bool { return true }
	none := func(string) bool { return false }
	for name, c := range map[string]struct {
		stored []string
		ours   func(string) bool
		lost   bool // the partial one, between the two requests
		want   []string
	}{
		"alone":                      {[]string{"v-partial"}, all, false, []string{"v"}},
		"beside one of another":      {[]string{"other", "v-partial"}, func(v string) bool { return v != "other" }, false, []string{"other", "v"}},
		"one that is not ours":       {[]string{"v-partial"}, none, false, []string{"v-partial", "v"}},
		"after a crash in between":   {[]string{"v", "v-partial"}, all, false, []string{"v"}},
		"of an earlier version":      {[]string{"u-partial"}, all, false, []string{"v"}},
		"deleted at the same moment": {[]string{"v-partial"}, all, true, []string{"v"}},
	} {
		t.Run(name, func(t *testing.T) {
			ls := labelstudiotest.New(t, labelstudiotest.Options{})
			task := ls.AddTasks(ls.AddProject(labelstudiotest.Project{}), map[string]any{"audio": "a"})[0]
			for _, v := range c.stored {
				ls.AddPrediction(labelstudiotest.Prediction{Task: task, Version: v, Result: []json.RawMessage{}})
			}
			if c.lost {
				ls.Intercept(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
					if r.Method == http.MethodPatch {
						ls.DeletePredictions(task)
					}
					next.ServeHTTP(w, r)
				})
			}
			client, err := api.New(api.Options{URL: ls.URL, Token: labelstudio.NewSecret(ls.Token)})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // it may be repeated
				if _, err := client.PutPrediction(t.Context(), task, labelstudio.Prediction{ModelVersion: "v"}, c.ours); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, p := range ls.Predictions(task) {
				got = append(got, p.Version)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
