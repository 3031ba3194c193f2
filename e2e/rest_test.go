package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

type object = map[string]any

// row is a stored prediction.
type row struct {
	ID      int64             `json:"id"`
	Version string            `json:"model_version"`
	Score   float64           `json:"score"`
	Result  []json.RawMessage `json:"result"`
}

// task is a task with what was predicted for it.
type task struct {
	ID          int64             `json:"id"`
	Data        map[string]any    `json:"data"`
	Predictions []row             `json:"predictions"`
	Annotations []json.RawMessage `json:"annotations"`
}

// item is an item of a result.
type item struct {
	ID       string          `json:"id"`
	FromName string          `json:"from_name"`
	ToName   string          `json:"to_name"`
	Type     string          `json:"type"`
	Meta     json.RawMessage `json:"meta"`
	Value    struct {
		Start   float64  `json:"start"`
		End     float64  `json:"end"`
		Channel int      `json:"channel"`
		Text    []string `json:"text"`
		Labels  []string `json:"labels"`
	} `json:"value"`
}

// send makes a request to Label Studio's API and returns the status and the reply.
func (s *studio) send(method, path, contentType string, body io.Reader) (int, []byte, error) {
	r, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Token "+legacy)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	c := http.Client{Timeout: 3 * time.Minute}
	w, err := c.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	return w.StatusCode, raw, err
}

// call makes a request that must succeed; in is sent and out is read as JSON, unless nil.
func (s *studio) call(t *testing.T, method, path string, in, out any) {
	t.Helper()
	var body io.Reader
	kind := ""
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body, kind = bytes.NewReader(raw), "application/json"
	}
	status, raw, err := s.send(method, path, kind, body)
	s.check(t, method, path, status, raw, err, out)
}

func (s *studio) check(t *testing.T, method, path string, status int, raw []byte, err error, out any) {
	t.Helper()
	if err != nil || status >= 300 {
		t.Fatalf("%s %s: %d %.600s %v", method, path, status, raw, err)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatalf("%s %s: %v in %.600s", method, path, err, raw)
	}
}

// project makes a project.
func (s *studio) project(t *testing.T, title, config string) int64 {
	t.Helper()
	var p struct{ ID int64 }
	s.call(t, "POST", "/api/projects", object{"title": title, "label_config": config, "show_collab_predictions": true}, &p)
	return p.ID
}

// connection is a backend as Label Studio keeps it.
type connection struct {
	ID      int64
	State   string
	Message string `json:"error_message"`
	Version string `json:"model_version"`
}

// connect does what Validate and Save does, once.
func (s *studio) connect(t *testing.T, project int64, b *backend) connection {
	t.Helper()
	return s.connectWith(t, project, b, nil)
}

// connectWith is connect with extra params.
func (s *studio) connectWith(t *testing.T, project int64, b *backend, params object) connection {
	t.Helper()
	return s.save(t, "POST", "/api/ml", project, b, params)
}

// reconnect does what Validate and Save does with other extra params of a connection.
func (s *studio) reconnect(t *testing.T, c connection, project int64, b *backend, params object) connection {
	t.Helper()
	return s.save(t, "PATCH", fmt.Sprintf("/api/ml/%d", c.ID), project, b, params)
}

func (s *studio) save(t *testing.T, method, path string, project int64, b *backend, params object) (c connection) {
	t.Helper()
	body := object{"url": b.url, "title": "Speech recognition", "project": project, "is_interactive": true, "extra_params": params}
	maps.Copy(body, b.login)
	s.call(t, method, path, body, &c)
	if c = s.connectionOf(t, c); c.State != "CO" || c.Version == "" {
		t.Fatalf("after Validate and Save with %v: %+v", params, c)
	}
	return c
}

// connectionOf returns a connection as it is now.
func (s *studio) connectionOf(t *testing.T, c connection) (now connection) {
	t.Helper()
	s.call(t, "GET", fmt.Sprintf("/api/ml/%d", c.ID), nil, &now)
	return now
}

// upload imports a file as a task, under a name.
func (s *studio) upload(t *testing.T, project int64, name, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("file", name)
	if err == nil {
		_, err = part.Write(raw)
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("/api/projects/%d/import", project)
	status, reply, err := s.send("POST", address, m.FormDataContentType(), &body)
	s.check(t, "POST", address, status, reply, err, nil)
}

// add imports tasks as JSON.
func (s *studio) add(t *testing.T, project int64, data ...object) {
	t.Helper()
	var tasks []object
	for _, d := range data {
		tasks = append(tasks, object{"data": d})
	}
	s.call(t, "POST", fmt.Sprintf("/api/projects/%d/import", project), tasks, nil)
}

// folder connects a folder below the documents as local storage and imports its files.
func (s *studio) folder(t *testing.T, project int64, name string) (storage int64) {
	t.Helper()
	storage = s.storage(t, project, name)
	s.call(t, "POST", fmt.Sprintf("/api/storages/localfiles/%d/sync", storage), object{"project": project}, nil)
	return storage
}

// storage connects a folder below documents, and imports nothing.
func (s *studio) storage(t *testing.T, project int64, name string) int64 {
	t.Helper()
	var storage struct{ ID int64 }
	s.call(t, "POST", "/api/storages/localfiles", object{"project": project, "title": name, "path": filepath.Join(s.documents, name), "use_blob_urls": true}, &storage)
	return storage.ID
}

// tasks returns the tasks of a project, the oldest first. It makes no one ask for
// predictions, as reading a single task does.
func (s *studio) tasks(t *testing.T, project int64) []task {
	t.Helper()
	var list struct{ Tasks []task }
	s.call(t, "GET", fmt.Sprintf("/api/tasks?project=%d&fields=all&page_size=500", project), nil, &list)
	slices.SortFunc(list.Tasks, func(a, b task) int { return int(a.ID - b.ID) })
	return list.Tasks
}

// retrieve does what the action Retrieve Predictions does for tasks, or for all.
func (s *studio) retrieve(t *testing.T, project int64, ids ...int64) {
	t.Helper()
	selected := object{"all": true, "excluded": []int64{}}
	if len(ids) > 0 {
		selected = object{"all": false, "included": ids}
	}
	s.call(t, "POST", fmt.Sprintf("/api/dm/actions?id=retrieve_tasks_predictions&project=%d", project), object{"selectedItems": selected}, nil)
}

// allTasks is the body of an action on all tasks.
func allTasks() io.Reader {
	return strings.NewReader(`{"selectedItems":{"all":true,"excluded":[]}}`)
}

// items reads the items of a result.
func items(t *testing.T, result []json.RawMessage) []item {
	t.Helper()
	out := make([]item, len(result))
	for i, raw := range result {
		if err := json.Unmarshal(raw, &out[i]); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
	}
	return out
}

// texts returns the texts of a result in order.
func texts(items []item) []string {
	var out []string
	for _, it := range items {
		if it.Type == "textarea" {
			out = append(out, it.Value.Text...)
		}
	}
	return out
}
