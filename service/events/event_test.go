package events

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"

	"github.com/google/go-cmp/cmp"
)

func TestEventsComeBackAsTheyWereStored(t *testing.T) {
	sent := event{at: time.Unix(0, 946684861200000000), Notice: labelstudio.Notice{
		Action: labelstudio.AnnotationUpdated, Project: 7, Tasks: []int64{5}, Annotations: []int64{9, 10}, Truncated: true}}
	raw, err := sent.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var got event
	if err := got.UnmarshalBinary(raw); err != nil || !cmp.Equal(got.Notice, sent.Notice) {
		t.Errorf("%s comes back as %+v, %v", raw, got.Notice, err)
	}
	if sent.Project() != "7" || !strings.HasPrefix(sent.Key(), "event/7/946684861200000000-") {
		t.Errorf("key %s of project %s", sent.Key(), sent.Project())
	}
}

func TestEventsAboutAnnotationsAreAKindOfTheirOwn(t *testing.T) {
	n := labelstudio.Notice{Action: labelstudio.AnnotationCreated, Project: 7, Tasks: []int64{5}, Annotations: []int64{9}}
	e := event{at: time.Unix(0, 946684861200000000), Notice: n}
	about := annotationEvent{e}
	if about.Kind() == e.Kind() || about.Key() == e.Key() || !strings.HasPrefix(about.Key(), "annotation/7/946684861200000000-") || about.Project() != "7" {
		t.Errorf("%s of kind %s and project %s", about.Key(), about.Kind(), about.Project())
	}
	raw, err := about.MarshalBinary()
	var got annotationEvent
	if err := errors.Join(err, got.UnmarshalBinary(raw)); err != nil || !cmp.Equal(got.Notice, n) {
		t.Errorf("comes back as %+v, %v", got.Notice, err)
	}
	for action, want := range map[labelstudio.Action]bool{labelstudio.AnnotationsDeleted: true, labelstudio.TasksCreated: false, labelstudio.ProjectUpdated: false} {
		if aboutAnnotations(action) != want {
			t.Errorf("%s: %v", action, !want)
		}
	}
}

// Earlier programs stored the body of the webhook.
func TestEventsOfEarlierProgramsAreRead(t *testing.T) {
	body := `{"action":"ANNOTATION_CREATED","project":{"id":7},"task":{"id":5},"annotation":{"id":9,"task":5,"result":[]}}`
	var e event
	if err := e.UnmarshalBinary(packed(body)); err != nil {
		t.Fatal(err)
	}
	want := labelstudio.Notice{Action: labelstudio.AnnotationCreated, Project: 7, Tasks: []int64{5}, Annotations: []int64{9}}
	if d := cmp.Diff(want, e.Notice); d != "" {
		t.Error(d)
	}
}

func packed(body string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(body)) // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func FuzzPayload(f *testing.F) {
	f.Add(packed(`{"action":"TASKS_CREATED","tasks":[{"id":1}]}`))
	f.Add(packed(`[]`))
	f.Add([]byte(`{"action":"TASKS_CREATED","project":7,"tasks":[1,2]}`))
	f.Add([]byte("not packed"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var e event
		_ = e.UnmarshalBinary(payload) // must not panic
	})
}
