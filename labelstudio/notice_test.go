package labelstudio_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio"
)

// eventCaptures are the webhooks that a Label Studio 1.23.2 sent, by number.
var eventCaptures = []string{"10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "24"}

// A Notice names what the whole event does.
func TestNoticesOfRealEvents(t *testing.T) {
	for _, number := range eventCaptures {
		body := capture(number)
		whole := decode[labelstudio.Event](t, body)
		n, err := labelstudio.ReadNotice(bytes.NewReader(body))
		if err != nil || n.Truncated {
			t.Fatalf("%s: %v, truncated %v", number, err, n.Truncated)
		}
		var tasks, annotations []int64
		for i := range whole.Tasks {
			tasks = append(tasks, whole.Tasks[i].ID)
		}
		for i := range whole.Annotations {
			annotations = append(annotations, whole.Annotations[i].ID)
		}
		if n.Action != whole.Action || n.Project != whole.ProjectID || !slices.Equal(n.Tasks, tasks) || !slices.Equal(n.Annotations, annotations) {
			t.Errorf("%s: %+v, want %s of project %d with tasks %v and annotations %v", number, n, whole.Action, whole.ProjectID, tasks, annotations)
		}
	}
}

func TestNoticesOfDamagedEventsAreRefused(t *testing.T) {
	for _, body := range []string{``, `[]`, `null`, `7`, `{`, `{"action":"TASKS_CREATED"`, `{"action":"TASKS_CREATED"} {}`, `{"tasks":[{"id":1}`, `{"tasks":[1,]}`} {
		if n, err := labelstudio.ReadNotice(strings.NewReader(body)); err == nil {
			t.Errorf("%s reads as %+v", body, n)
		}
	}
}

func TestDeepEventsTakeNoMemory(t *testing.T) {
	for depth, ok := range map[int]bool{900: true, 1 << 20: false} {
		deep := `{"action":"TASKS_CREATED","tasks":[` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `,{"id":5}]}`
		n, err := labelstudio.ReadNotice(strings.NewReader(deep))
		if (err == nil) != ok || ok && !slices.Equal(n.Tasks, []int64{5}) {
			t.Errorf("%d deep: tasks %v, %v", depth, n.Tasks, err)
		}
	}
}

func TestNoticesAreBounded(t *testing.T) {
	body := `{"tasks":[` + strings.Repeat(`{"id":1},`, labelstudio.MaxNoticeIDs) + `{"id":2}]}`
	n, err := labelstudio.ReadNotice(strings.NewReader(body))
	if err != nil || !n.Truncated || len(n.Tasks) != labelstudio.MaxNoticeIDs {
		t.Fatalf("%d tasks, truncated %v, %v", len(n.Tasks), n.Truncated, err)
	}
}

func FuzzNotice(f *testing.F) {
	for _, number := range eventCaptures {
		f.Add([]byte(capture(number)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := labelstudio.ReadNotice(bytes.NewReader(body))
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatal("what is no JSON was read")
		}
		if len(n.Tasks) > labelstudio.MaxNoticeIDs || len(n.Annotations) > labelstudio.MaxNoticeIDs {
			t.Fatal("more ids than MaxNoticeIDs")
		}
	})
}
