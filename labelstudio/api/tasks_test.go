package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// TestPagesThatAreTooLargeComeInParts lists tasks of which some hold recordings: a page with two
// of them announces more bytes than may be read.
func TestPagesThatAreTooLargeComeInParts(t *testing.T) {
	s := newStudio(t, "")
	p := s.AddProject(labelstudiotest.Project{Title: "Inline"})
	var want []int64
	for range 230 {
		want = append(want, s.AddTasks(p, map[string]any{"audio": "x"})...)
	}
	heavy := append(slices.Clone(want[30:36]), want[120], want[121], want[229])
	pages := 0
	s.Intercept(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path != "/api/tasks/" {
			next.ServeHTTP(w, r)
			return
		}
		pages++
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		var page struct{ Tasks []struct{ ID int64 } }
		if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil {
			t.Error(err)
		}
		size := 0
		for _, task := range page.Tasks {
			if slices.Contains(heavy, task.ID) {
				size += 40 << 20
			}
		}
		if size > 64<<20 {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			return
		}
		w.WriteHeader(answer.Code)
		if _, err := answer.Body.WriteTo(w); err != nil {
			t.Error(err)
		}
	})
	c := client(t, s.URL, s.Token)
	check := func(how string, got []int64, most int) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d tasks %v", how, len(got), got)
		}
		if pages > most {
			t.Errorf("%s: %d pages", how, pages)
		}
		pages = 0
	}
	var got []int64
	for task, err := range c.Tasks(t.Context(), p, false) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, task.ID)
	}
	check("all", got, 220)
	got = nil
	for task, err := range c.TasksWithout(t.Context(), p, "v") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, task.ID)
	}
	check("those without a prediction", got, 40)
	got = nil
	for task, err := range c.TasksByID(t.Context(), p, want, false) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, task.ID)
	}
	slices.Sort(got)
	check("by id", got, 40)
	// A single task has to be taken as it is.
	for task, err := range c.TasksByID(t.Context(), p, want[30:31], true) {
		if err != nil || task.ID != want[30] {
			t.Errorf("%v, %v", task.ID, err)
		}
	}
}
