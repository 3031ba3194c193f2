package events

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/must"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
)

func TestEventsComeBackAsTheyWereSent(t *testing.T) {
	body := []byte(`{"action":"TASKS_CREATED","project":{"id":7},"tasks":[{"id":5,"data":{"audio":"a.wav"}}]}`)
	var sent labelstudio.Event
	if err := json.Unmarshal(body, &sent); err != nil {
		t.Fatal(err)
	}
	all := parts(body, &sent)
	if len(all) != 1 {
		t.Fatalf("%d parts", len(all))
	}
	var got event
	if err := got.UnmarshalBinary(all[0]); err != nil || got.short || got.Action != "TASKS_CREATED" || got.ProjectID != 7 || len(got.Tasks) != 1 || got.Tasks[0].ID != 5 {
		t.Errorf("got %+v, %v", got, err)
	}
	e := event{project: 7, at: time.Unix(0, 946684861200000000), payload: all[0]}
	if e.Project() != "7" || !strings.HasPrefix(e.Key(), "event/7/946684861200000000-0-") {
		t.Errorf("key %s of project %s", e.Key(), e.Project())
	}
}

// noise is text that does not compress.
func noise(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[r.IntN(64)]
	}
	return string(b)
}

func TestALargeImportIsSplitByItsTasks(t *testing.T) {
	var tasks []any
	const n = 50
	for i := range n {
		tasks = append(tasks, map[string]any{"id": i + 1, "data": map[string]any{"x": noise(100_000)}})
	}
	body := must.JSON(map[string]any{"action": "TASKS_CREATED", "project": map[string]any{"id": 7}, "tasks": tasks})
	var sent labelstudio.Event
	if err := json.Unmarshal(body, &sent); err != nil {
		t.Fatal(err)
	}
	next := int64(1)
	for _, payload := range parts(body, &sent) {
		if len(payload) > jobs.MaxPayload {
			t.Errorf("a part of %d bytes", len(payload))
		}
		var e event
		if err := e.UnmarshalBinary(payload); err != nil || e.short || e.ProjectID != 7 {
			t.Fatalf("%+v, %v", e, err)
		}
		for _, task := range e.Tasks {
			if task.ID != next {
				t.Fatalf("task %d in place of %d", task.ID, next)
			}
			next++
		}
	}
	if next != n+1 {
		t.Errorf("%d of %d tasks", next-1, n)
	}
}

func TestAHugeAnnotationIsStoredShort(t *testing.T) {
	body := []byte(fmt.Sprintf(`{"action":"ANNOTATION_CREATED","project":{"id":7},"task":{"id":5},"annotation":{"id":9,"task":5,"result":[{"id":"x","meta":{"a":%q}}]}}`, noise(4<<20)))
	var sent labelstudio.Event
	if err := json.Unmarshal(body, &sent); err != nil {
		t.Fatal(err)
	}
	all := parts(body, &sent)
	if len(all) != 1 || len(all[0]) > 1000 {
		t.Fatalf("%d parts, the first of %d bytes", len(all), len(all[0]))
	}
	var e event
	if err := e.UnmarshalBinary(all[0]); err != nil || !e.short || e.Action != labelstudio.AnnotationCreated || e.ProjectID != 7 {
		t.Errorf("%+v, %v", e, err)
	}
	if len(e.Tasks) != 1 || e.Tasks[0].ID != 5 || len(e.Annotations) != 1 || e.Annotations[0].ID != 9 || e.Annotations[0].Task != 5 {
		t.Errorf("tasks %+v, annotations %+v", e.Tasks, e.Annotations)
	}
}

func FuzzPayload(f *testing.F) {
	f.Add(pack([]byte(`{"action":"TASKS_CREATED","tasks":[{"id":1}]}`)))
	f.Add(pack([]byte(`[]`)))
	f.Add([]byte("not packed"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var e event
		_ = e.UnmarshalBinary(payload) // must not panic
	})
}
