package labelstudio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/asr-backend/asr-backend/internal/jsonerr"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
)

// UndefinedKey is the data key of a file that was uploaded before the project had a
// labelling configuration.
const UndefinedKey = "$undefined$"

// Task is one row of a project: a recording and what has been said about it. Earlier
// predictions and annotations ride along in every request and may be megabytes, so they
// stay undecoded until asked for.
type Task struct {
	ID      int64 // zero in a request written by hand
	Project int64 // zero when the request does not say
	Data    Data
	// Annotations, Predictions and Drafts are JSON lists, or nil. Drafts come in
	// interactive requests only.
	Annotations, Predictions, Drafts json.RawMessage
	// TotalAnnotations counts what Label Studio has, also where the list is left out; zero when
	// the request does not say.
	TotalAnnotations int
	// ModelVersions are the versions of its predictions, with commas between them, where
	// Label Studio lists tasks; it cuts a long list off.
	ModelVersions string
}

// UnmarshalJSON reads a task. Something other than an object reads as an empty task, so
// that one bad task neither fails its neighbours nor moves their positions.
func (t *Task) UnmarshalJSON(b []byte) error {
	var w struct {
		ID          number          `json:"id"`
		Project     number          `json:"project"`
		Data        Data            `json:"data"`
		Annotations json.RawMessage `json:"annotations"`
		Predictions json.RawMessage `json:"predictions"`
		Drafts      json.RawMessage `json:"drafts"`
		Annotated   number          `json:"total_annotations"`
		Versions    label           `json:"predictions_model_versions"`
	}
	*t = Task{}
	if json.Unmarshal(b, &w) != nil {
		return nil
	}
	*t = Task{
		ID: int64(w.ID), Project: int64(w.Project), Data: w.Data,
		Annotations: w.Annotations, Predictions: w.Predictions, Drafts: w.Drafts,
		TotalAnnotations: int(w.Annotated), ModelVersions: string(w.Versions),
	}
	return nil
}

// StoredPredictions decodes the predictions that Label Studio had when it asked.
func (t *Task) StoredPredictions() ([]StoredPrediction, error) {
	return decodeList[StoredPrediction](t.Predictions, "predictions", t.ID)
}

// HasPrediction reports whether the task came with a prediction of a version. A list that
// cannot be read has none.
func (t *Task) HasPrediction(version string) bool {
	_, ok := t.PredictedAt(version)
	return ok
}

// PredictedAt returns when the first prediction of a version that the task came with was stored or
// last changed, by Label Studio's clock, zero if it does not say; ok is false if there is none.
func (t *Task) PredictedAt(version string) (at time.Time, ok bool) {
	if !bytes.Contains(t.Predictions, []byte(version)) {
		return time.Time{}, false // most lists are megabytes without it
	}
	var list list[struct {
		Version label     `json:"model_version"`
		Created timestamp `json:"created_at"`
		Updated timestamp `json:"updated_at"`
	}]
	if json.Unmarshal(t.Predictions, &list) != nil {
		return time.Time{}, false
	}
	for _, p := range list {
		if string(p.Version) == version {
			if updated := time.Time(p.Updated); updated.After(time.Time(p.Created)) {
				return updated, true
			}
			return time.Time(p.Created), true
		}
	}
	return time.Time{}, false
}

// StoredAnnotations decodes the task's annotations.
func (t *Task) StoredAnnotations() ([]Annotation, error) {
	return decodeList[Annotation](t.Annotations, "annotations", t.ID)
}

func decodeList[T any](raw json.RawMessage, what string, task int64) ([]T, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var out list[T]
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("task %d: %s: %w", task, what, jsonerr.Explain(err))
	}
	return out, nil
}

// Data is the content of a task by key. Values stay as they came, so that the whole can
// be sent back: changing a task's data replaces all of it.
type Data map[string]json.RawMessage

// UnmarshalJSON reads an object; anything else reads as no data.
func (d *Data) UnmarshalJSON(b []byte) error {
	*d = objectFields(b)
	return nil
}

// Text returns the string under a key or at a path such as "rec.audio" or "files[0]", and
// whether there is one.
func (d Data) Text(key string) (string, bool) {
	raw := labelconfig.Lookup(d, key)
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// Empty reports whether a key or path is missing or holds nothing: null, "", [] or {}.
func (d Data) Empty(key string) bool {
	switch string(labelconfig.Lookup(d, key)) {
	case "", "null", `""`, "[]", "{}":
		return true
	}
	return false
}

// With returns a copy in which the keys of patch are replaced.
func (d Data) With(patch Data) Data {
	out := make(Data, len(d)+len(patch))
	maps.Copy(out, d)
	maps.Copy(out, patch)
	return out
}
