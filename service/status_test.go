package service_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/service"
)

// page returns /status as a browser gets it.
func (w *world) page() string {
	w.t.Helper()
	r := httptest.NewRequest("GET", "/status", nil)
	r.Header.Set("Accept", "text/html")
	answer, err := w.service.Test(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	var b strings.Builder
	if err := answer.Write(&b); err != nil {
		w.t.Fatal(err)
	}
	return b.String()
}

func TestStatusShowsWhatIsWrongWithTheStoreAndWhatToDo(t *testing.T) {
	inWorld(t, func(w *world, o *service.Options) { o.Jobs.Reserve = 1 << 60 }, func(w *world) {
		var s service.Status
		// Until the model is loaded, that is why the backend is not ready.
		w.until("full", time.Minute, func() bool {
			s = w.status()
			return strings.Contains(s.Store, "no space left") && s.ReadyHint != ""
		})
		if s.StoreHint == "" || s.Ready || s.NotReady == "" || s.ReadyHint != s.StoreHint {
			t.Errorf("%+v", s)
		}
		if page := w.page(); !strings.Contains(page, "Jobs: ") || !strings.Contains(page, fmt.Sprintf("<span class=\"hint\">%s</span>", s.StoreHint)) {
			t.Errorf("the page:\n%s", page)
		}
	})
}

func TestStatusOfOneProject(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.ready()
		first, second := w.connected(""), w.connected("")
		value := w.Upload(second, "r.wav", tones.Recording{Seconds: 3}.WAV())
		tasks := w.AddTasks(second, slices.Repeat([]map[string]any{{"audio": value}}, 30)...)
		w.EmitCreated(second, tasks...)
		w.settled(time.Hour, tasks...)
		for query, want := range map[string]string{
			"":                              fmt.Sprint([]int64{first, second}),
			"?project=0":                    fmt.Sprint([]int64{first, second}),
			fmt.Sprint("?project=", second): fmt.Sprint([]int64{second}),
			"?project=4711":                 "[]",
		} {
			status, body := w.call("GET", "/status"+query, nil)
			var s service.Status
			if err := json.Unmarshal(body, &s); err != nil || status != 200 {
				t.Fatalf("%d %s: %v", status, body, err)
			}
			ids := []int64{}
			for _, p := range s.Projects {
				ids = append(ids, p.ID)
				if p.ID == second && (p.Counts["pushed"] != 30 || len(p.Tasks) != 30 || p.Omitted != 0) {
					t.Errorf("%q: %+v, %d tasks", query, p.Counts, len(p.Tasks))
				}
			}
			if fmt.Sprint(ids) != want {
				t.Errorf("%q: projects %v, want %s", query, ids, want)
			}
		}
	})
}

func TestHowManyTasksAreListed(t *testing.T) {
	for projects, want := range map[int]int{0: 200, 1: 200, 5: 200, 10: 100, 50: 20, 1000: 20} {
		if got := service.MostListed(projects, false); got != want {
			t.Errorf("of %d projects: %d each, want %d", projects, got, want)
		}
	}
	if got := service.MostListed(1, true); got != 1000 {
		t.Errorf("of one alone: %d", got)
	}
}
