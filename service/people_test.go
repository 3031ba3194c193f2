package service_test

import (
	"encoding/json"
	"fmt"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

const (
	// token is the legacy token of Label Studio's user; secret strings are searched for in
	// everything that the service says.
	token = "5ec4e75ec4e75ec4e75ec4e75ec4e75ec4e75ec4"
	// address is where projects have their backend.
	address  = "http://asr-backend.test:9090"
	segments = labelstudiotest.Segments
)

// project makes a project; config may be empty for the usual one.
func (w *world) project(config string) int64 {
	return w.AddProject(labelstudiotest.Project{Title: "Calls", Config: config})
}

// connect connects a project, or connects it again; extra may be empty to change nothing.
func (w *world) connect(project int64, extra string) error {
	b := labelstudiotest.Backend{Project: project, URL: address, ExtraParams: json.RawMessage(extra)}
	if old := w.Backends(project); len(old) > 0 {
		b.ID = old[0].ID
	}
	_, err := w.Connect(b)
	return err
}

// connected makes a project that is connected.
func (w *world) connected(config string) int64 {
	w.t.Helper()
	p := w.project(config)
	if err := w.connect(p, ""); err != nil {
		w.t.Fatalf("connect: %v", err)
	}
	return p
}

// version is what /setup said last of a project.
func (w *world) version(project int64) string {
	if b := w.Backends(project); len(b) > 0 {
		return b[0].ModelVersion
	}
	return ""
}

// record makes tasks with recordings of a few seconds each, all different.
func (w *world) record(project int64, n int) []int64 {
	var data []map[string]any
	for i := range n {
		r := tones.Recording{Seconds: 5, First: i % 4}
		data = append(data, map[string]any{"audio": w.Upload(project, fmt.Sprintf("r%d.wav", i), r.WAV())})
	}
	return w.AddTasks(project, data...)
}

// retrieve retrieves predictions and returns how many were stored.
func (w *world) retrieve(project int64, ids ...int64) int {
	n, err := w.Retrieve(project, ids...)
	if err != nil {
		w.t.Logf("retrieve: %v", err)
	}
	return n
}

// interact sends regions that an annotator drew.
func (w *world) interact(id int64, regions []any) labelstudiotest.Prediction {
	p, err := w.Interact(id, regions)
	if err != nil {
		w.t.Errorf("interact: %v", err)
	}
	return p
}

// call asks the service.
func (w *world) call(method, path string, body any) (status int, reply []byte) {
	status, _, reply, err := w.Call(labelstudiotest.Backend{URL: address}, method, path, body, 0)
	if err != nil {
		w.t.Errorf("%v", err)
	}
	return status, reply
}
