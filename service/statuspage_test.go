package service_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"
)

// ask returns an answer of /status and its body.
func (w *world) ask(query, accept string) (*http.Response, string) {
	w.t.Helper()
	r := httptest.NewRequest("GET", "/status"+query, nil)
	r.Header.Set("Accept", accept)
	if w.options.User != "" {
		r.SetBasicAuth(w.options.User, w.options.Password.Reveal())
	}
	answer, err := w.service.Test(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer, string(body)
}

// one returns a project of /status in JSON, in full.
func (w *world) one(query string) service.ProjectStatus {
	w.t.Helper()
	_, body := w.ask(query, "application/json")
	var s service.Status
	if err := json.Unmarshal([]byte(body), &s); err != nil || len(s.Projects) != 1 {
		w.t.Fatalf("%s: %v\n%s", query, err, body)
	}
	return s.Projects[0]
}

// One project with a task that failed behind good ones, in every form that /status has, and what is
// known of a recording after a restart.
func TestOneFailedTaskIsFoundAmongGoodOnes(t *testing.T) {
	const good = 30
	inWorld(t, nil, func(w *world) {
		w.ready()
		project := w.connected("")
		var data []map[string]any
		for i := range good {
			data = append(data, map[string]any{"audio": w.Upload(project, fmt.Sprintf("Call-%02d.wav", i), tones.Recording{Seconds: 5, First: i % 4}.WAV())})
		}
		damaged := w.Upload(project, `=cmd'<b>.wav`, []byte("RIFF"))
		data = append(data, map[string]any{"audio": damaged})
		tasks := w.AddTasks(project, data...)
		w.EmitCreated(project, tasks...)
		w.settled(time.Hour, tasks[:good]...)
		failed := tasks[good]
		w.until("failed", time.Hour, func() bool { return w.state(failed).State == "failed" })
		for range 2 {
			p := w.one("?attention=1")
			if p.Title != "Calls" || p.URL != fmt.Sprintf("%s/projects/%d/data", w.URL, project) || p.Attention != 1 || p.Matching != 1 || p.Omitted != 0 || p.Counts["pushed"] != good {
				t.Errorf("%+v", p)
			}
			if len(p.Tasks) != 1 || p.Tasks[0].ID != failed || !strings.Contains(p.Tasks[0].File, "=cmd") || p.Tasks[0].Reason == "" || p.Tasks[0].Percent != 0 {
				t.Fatalf("%+v", p.Tasks)
			}
			found := w.one("?search=CALL-07&sort=task&limit=1").Tasks
			if len(found) != 1 || found[0].ID != tasks[7] || found[0].LengthS != 5 || found[0].Percent != 100 || found[0].Confidence == nil || *found[0].Confidence <= 0 || *found[0].Confidence > 1 || !strings.Contains(found[0].File, "Call-07.wav") {
				t.Fatalf("%+v", found)
			}
			if p := w.one("?state=pushed&limit=4&offset=28"); len(p.Tasks) != 2 || p.Matching != good || p.Omitted != good-2 {
				t.Errorf("the last page: %d tasks of %d", len(p.Tasks), p.Matching)
			}
			// Both are there after a restart.
			w.stop()
			w.start()
			w.ready()
		}
		answer, page := w.ask("?attention=1", "text/html")
		if !strings.Contains(page, fmt.Sprintf("/projects/%d/data?task=%d", project, failed)) || strings.Contains(page, "<b>.wav") || strings.Contains(page, "Call-07.wav") {
			t.Errorf("the page:\n%s", page)
		}
		if policy := answer.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("policy %q", policy)
		}
		answer, table := w.ask("?format=csv&state=failed&state=pushed", "text/html")
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(table, "\ufeff"))).ReadAll()
		if err != nil || len(rows) != good+2 || rows[1][1] != "Calls" || rows[1][4] != "failed" || strings.HasPrefix(rows[1][3], "=") || answer.Header.Get("Content-Disposition") == "" {
			t.Errorf("%v, %d rows, %q, %v", answer.Header, len(rows), rows[1], err)
		}
		for accept, kind := range map[string]string{"text/html": "text/plain", "application/json": "application/json"} {
			if answer, body := w.ask("?state=lost", accept); answer.StatusCode != 400 || !strings.HasPrefix(answer.Header.Get("Content-Type"), kind) || !strings.Contains(body, "no state") {
				t.Errorf("%d %s", answer.StatusCode, body)
			}
		}
	})
}

// Programs read what /status said before there were queries, by these names.
func TestJSONWithoutAQueryStaysWhatItWas(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.ready()
		project := w.connected("")
		w.connected("")
		tasks := w.record(project, 3)
		w.EmitCreated(project, tasks...)
		w.settled(time.Hour, tasks...)
		_, body := w.ask("", "*/*")
		var got struct {
			Version, Started, Ready, Model, Running, Waiting any
			LabelStudio                                      any `json:"label_studio"`
			Projects                                         []map[string]any
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if got.Version != "test" || got.Ready != true || got.LabelStudio != w.URL || got.Waiting != 0.0 || got.Model == nil || got.Started == nil || len(got.Projects) != 2 {
			t.Errorf("%+v", got)
		}
		p := got.Projects[0]
		if p["id"] != float64(project) || p["model_version"] != w.version(project) || p["serves"] == nil || fmt.Sprint(p["counts"]) != "map[pushed:3]" {
			t.Errorf("%v", p)
		}
		list := p["tasks"].([]any)
		for i, one := range list {
			one := one.(map[string]any)
			if one["state"] != "pushed" || one["id"] == nil || one["model_version"] != p["model_version"] || one["updated"] == nil {
				t.Errorf("%v", one)
			}
			if i > 0 && one["updated"].(string) > list[i-1].(map[string]any)["updated"].(string) {
				t.Errorf("not the latest first: %v", list)
			}
		}
		if len(list) != 3 || p["tasks_omitted"] != nil {
			t.Errorf("%d tasks, %v omitted", len(list), p["tasks_omitted"])
		}
	})
}

// A project that is deleted leaves the page as soon as nothing of it needs anybody, and is
// forgotten a day later whatever it has.
func TestDeletedProjectsLeave(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.ready()
		stays, good, bad := w.connected(""), w.connected(""), w.connected("")
		tasks := w.record(good, 2)
		w.EmitCreated(good, tasks...)
		w.settled(time.Hour, tasks...)
		damaged := w.AddTasks(bad, map[string]any{"audio": w.Upload(bad, "damaged.wav", []byte("RIFF"))})
		w.EmitCreated(bad, damaged...)
		w.until("failed", time.Hour, func() bool { return w.state(damaged[0]).State == "failed" })
		w.DeleteProject(good)
		w.DeleteProject(bad)
		listed := func() (ids []int64, left int) {
			s := w.status()
			for _, p := range s.Projects {
				ids = append(ids, p.ID)
			}
			return ids, s.Deleted
		}
		time.Sleep(2 * time.Hour) // a look an hour
		if ids, left := listed(); !slices.Equal(ids, []int64{stays, bad}) || left != 1 {
			t.Errorf("found deleted: projects %v, %d are left out", ids, left)
		}
		if _, page := w.ask("", "text/html"); !strings.Contains(page, "1 project is not shown") || !strings.Contains(page, "has not known this project since") {
			t.Errorf("the page:\n%s", page)
		}
		if p := w.one(fmt.Sprint("?project=", good)); p.Missing.IsZero() {
			t.Errorf("alone: %+v", p)
		}
		if _, page := w.ask("?deleted=1", "text/html"); strings.Contains(page, "not shown") {
			t.Errorf("with those that are deleted:\n%s", page)
		}
		w.stop()
		time.Sleep(20 * time.Hour)
		w.start()
		w.ready()
		time.Sleep(6 * time.Hour)
		if ids, left := listed(); !slices.Equal(ids, []int64{stays}) || left != 0 {
			t.Errorf("a day later: projects %v, %d are left out", ids, left)
		}
	})
}

// Without a password the routes that change something are closed.
func TestButtonsNeedAPassword(t *testing.T) {
	for _, password := range []string{"", "of the service"} {
		inWorld(t, func(w *world, o *service.Options) {
			if password != "" {
				o.User, o.Password = "lead", labelstudio.NewSecret(password)
			}
		}, func(w *world) {
			w.ready()
			project := w.project("")
			b := labelstudiotest.Backend{Project: project, URL: address}
			if password != "" {
				b.User, b.Password = "lead", password
			}
			if _, err := w.Connect(b); err != nil {
				t.Fatal(err)
			}
			tasks := w.record(project, 1)
			w.EmitCreated(project, tasks...)
			w.settled(time.Hour, tasks...)
			_, page := w.ask("", "text/html")
			if offered := strings.Contains(page, `formaction="jobs/cancel"`); offered != (password != "") {
				t.Errorf("with the password %q, buttons: %v", password, offered)
			}
		})
	}
}

func TestLinksLeadWhereBrowsersFindLabelStudio(t *testing.T) {
	for _, c := range []struct{ base, browsers, alias, want string }{
		{"https://studio.example.org/ls", "", "http://old.example.org", "https://studio.example.org/ls"},
		{"http://label-studio.internal:8080", "", "http://localhost:8080", "http://localhost:8080"},
		{"http://label-studio:8080", "", "https://studio.example.org", "https://studio.example.org"},
		{"http://host.docker.internal:8080", "", "", "http://host.docker.internal:8080"},
		{"http://10.1.2.3:8080", "", "http://old.example.org", "http://10.1.2.3:8080"},
		{"http://label-studio:8080", "https://public.example.org", "http://localhost:8080", "https://public.example.org"},
		{"", "", "http://localhost:8080", "<nil>"},
	} {
		o := service.Options{StudioForBrowsers: c.browsers, StudioAliases: []string{c.alias}}
		o.LabelStudio.URL = c.base
		if got := fmt.Sprint(service.StudioForBrowsers(&o)); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
