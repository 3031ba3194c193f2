package service

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/api"
)

// Payloads of events. An event is kept as it came, compressed. One that is too large for a
// job is split by its tasks, as an import of thousands of them, and what is still too
// large, as an annotation of a long recording, is kept short: what happened, and the
// numbers of tasks and annotations by which Label Studio can be asked for the rest.

// event is what a payload holds.
type event struct {
	labelstudio.Event
	short bool
}

// shortKey marks a short event, beside the keys that Label Studio writes.
const shortKey = "asr_backend_short"

// parts returns the payloads of an event.
func parts(body []byte, e *labelstudio.Event) [][]byte {
	payload := pack(body)
	if len(payload) <= jobs.MaxPayload {
		return [][]byte{payload}
	}
	var whole map[string]json.RawMessage
	var tasks []json.RawMessage
	if json.Unmarshal(body, &whole) != nil || json.Unmarshal(whole["tasks"], &tasks) != nil || len(tasks) < 2 {
		return [][]byte{pack(shorten(e))}
	}
	half := len(tasks) / 2
	var out [][]byte
	for _, some := range [][]json.RawMessage{tasks[:half], tasks[half:]} {
		whole["tasks"] = mustJSON(some)
		var e labelstudio.Event
		part := mustJSON(whole)
		if json.Unmarshal(part, &e) == nil {
			out = append(out, parts(part, &e)...)
		}
	}
	return out
}

// shorten writes an event without what its tasks and annotations hold.
func shorten(e *labelstudio.Event) []byte {
	type ref struct {
		ID   int64 `json:"id"`
		Task int64 `json:"task,omitempty"`
	}
	var tasks, annotations []ref
	for i := range e.Tasks {
		tasks = append(tasks, ref{ID: e.Tasks[i].ID})
	}
	for i := range e.Annotations {
		annotations = append(annotations, ref{e.Annotations[i].ID, e.Annotations[i].Task})
	}
	return mustJSON(map[string]any{
		"action": e.Action, "project": map[string]any{"id": e.ProjectID},
		"tasks": tasks, "annotations": annotations, shortKey: true,
	})
}

// complete asks Label Studio for what a short event left out. Tasks that are gone are
// left out, and annotations that are.
func (s *Service) complete(ctx context.Context, project int64, e *labelstudio.Event) error {
	if s.client == nil {
		return s.clientErr
	}
	if e.Action == labelstudio.ProjectUpdated {
		p, err := s.client.Project(ctx, project)
		e.LabelConfig = p.LabelConfig
		return err
	}
	var tasks []labelstudio.Task
	var annotations []labelstudio.Annotation
	for i := range e.Tasks {
		task, err := s.client.Task(ctx, project, e.Tasks[i].ID)
		if api.Status(err) == http.StatusNotFound {
			continue
		}
		if err != nil {
			return err
		}
		tasks = append(tasks, task)
		all, err := task.StoredAnnotations()
		if err != nil {
			return err
		}
		for _, a := range all {
			if slices.ContainsFunc(e.Annotations, func(b labelstudio.Annotation) bool { return a.ID == b.ID }) {
				a.Task = task.ID
				annotations = append(annotations, a)
			}
		}
	}
	e.Tasks, e.Annotations = tasks, annotations
	return nil
}

func readEvent(payload []byte) (event, error) {
	var e event
	body, err := unpack(payload)
	if err != nil {
		return e, err
	}
	var marks map[string]json.RawMessage
	if err := json.Unmarshal(body, &marks); err != nil {
		return e, err
	}
	_, e.short = marks[shortKey]
	return e, json.Unmarshal(body, &e.Event)
}

func pack(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // the level exists
	_, _ = w.Write(body)                            // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func unpack(payload []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, 512<<20))
}

// mustJSON writes values of types that always can be.
func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
