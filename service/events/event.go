package events

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service/projects"
)

// Kinds of jobs that do what follows from events. Reading and comparing a long annotation takes
// seconds to minutes, so those of annotations are a kind of their own, whose worker holds up
// nothing else.
const (
	Kind           = "event"
	AnnotationKind = "annotation"
)

// event is the arguments of such a job.
type event struct {
	labelstudio.Notice
	at time.Time
}

// Kind implements jobs.Args.
func (event) Kind() string { return Kind }

// Project implements jobs.Args.
func (e event) Project() string { return projects.Name(e.Notice.Project) }

// Key implements jobs.Args. It differs for each event: Label Studio may send equal ones.
func (e event) Key() string { return e.key(Kind) }

func (e event) key(kind string) string {
	payload, _ := e.MarshalBinary() // of numbers and a string: cannot fail
	return fmt.Sprintf("%s/%d/%d-%s", kind, e.Notice.Project, e.at.UnixNano(), projects.Fingerprint(payload))
}

// annotationEvent is the arguments of a job for an event about annotations.
type annotationEvent struct{ event }

// Kind implements jobs.Args.
func (annotationEvent) Kind() string { return AnnotationKind }

// Key implements jobs.Args.
func (e annotationEvent) Key() string { return e.key(AnnotationKind) }

// aboutAnnotations reports whether events of an action are about annotations.
func aboutAnnotations(a labelstudio.Action) bool {
	switch a {
	case labelstudio.AnnotationCreated, labelstudio.AnnotationsCreated, labelstudio.AnnotationUpdated, labelstudio.AnnotationsDeleted:
		return true
	}
	return false
}

// payload is an event as it is stored.
type payload struct {
	Action      labelstudio.Action `json:"action"`
	Project     int64              `json:"project,omitempty"`
	Tasks       []int64            `json:"tasks,omitempty"`
	Annotations []int64            `json:"annotations,omitempty"`
	Truncated   bool               `json:"truncated,omitempty"`
}

// MarshalBinary writes the payload.
func (e event) MarshalBinary() ([]byte, error) { return json.Marshal(payload(e.Notice)) }

// UnmarshalBinary reads a payload, also that of an earlier program, which stored the body of
// the webhook compressed.
func (e *event) UnmarshalBinary(raw []byte) error {
	if !bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		return json.Unmarshal(raw, (*payload)(&e.Notice))
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	e.Notice, err = labelstudio.ReadNotice(io.LimitReader(r, mostBody))
	return err
}

// mostBody bounds an unpacked event of an earlier program, in bytes.
const mostBody = 512 << 20
