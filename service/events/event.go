package events

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/asr-backend/asr-backend/internal/must"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service/projects"
)

// Kind is the kind of job that does what follows from an event.
const Kind = "event"

// event is the arguments of such a job. To be enqueued it has a payload, and when it is
// worked on what the payload says.
type event struct {
	project int64
	at      time.Time
	part    int
	payload []byte

	labelstudio.Event
	short bool
}

// Kind implements jobs.Args.
func (event) Kind() string { return Kind }

// Project implements jobs.Args.
func (e event) Project() string { return projects.Name(e.project) }

// Key implements jobs.Args. It differs for each event: Label Studio may send equal ones.
func (e event) Key() string {
	return fmt.Sprintf("%s/%d/%d-%d-%s", Kind, e.project, e.at.UnixNano(), e.part, projects.Fingerprint(e.payload))
}

// MarshalBinary returns the payload.
func (e event) MarshalBinary() ([]byte, error) { return e.payload, nil }

// UnmarshalBinary reads a payload.
func (e *event) UnmarshalBinary(payload []byte) error {
	body, err := unpack(payload)
	if err != nil {
		return err
	}
	var marks map[string]json.RawMessage
	if err := json.Unmarshal(body, &marks); err != nil {
		return err
	}
	_, e.short = marks[shortKey]
	return json.Unmarshal(body, &e.Event)
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
		whole["tasks"] = must.JSON(some)
		var e labelstudio.Event
		part := must.JSON(whole)
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
	return must.JSON(map[string]any{
		"action": e.Action, "project": map[string]any{"id": e.ProjectID},
		"tasks": tasks, "annotations": annotations, shortKey: true,
	})
}

func pack(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // the level exists
	_, _ = w.Write(body)                            // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// mostBody bounds an unpacked event, in bytes.
const mostBody = 512 << 20

func unpack(payload []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, mostBody))
}
