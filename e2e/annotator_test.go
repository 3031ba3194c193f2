package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/service/corrections"
)

// connected makes a project with tasks that are there before the backend is, so that
// nothing has been transcribed of them.
func connected(t *testing.T, h *house, title, config string, tasks int) (project int64, c connection) {
	t.Helper()
	server := h.clips
	project = h.project(t, title, config)
	var data []object
	for i := range tasks {
		data = append(data, object{"audio": fmt.Sprintf("%s/clip-%d.flac?%d", server, i, project)})
	}
	h.add(t, project, data...)
	return project, h.connect(t, project, h.main)
}

// opens visits tasks as an annotator does. The first visit of a project opens a task
// twice at once.
func opens(t *testing.T, h *house) {
	p, _ := connected(t, h, "open", template(t, "asr-using-segments"), 2)
	list := h.tasks(t, p)
	var seen task
	h.call(t, "GET", fmt.Sprintf("/api/tasks/%d/", list[0].ID), nil, &seen)
	if len(seen.Predictions) != 1 {
		t.Errorf("a task that is opened shows %d predictions", len(seen.Predictions))
	}
	var visits sync.WaitGroup
	for range 3 {
		visits.Go(func() {
			status, raw, err := h.send("GET", fmt.Sprintf("/api/tasks/%d/", list[1].ID), "", nil)
			if err != nil || status != 200 {
				t.Errorf("a visit: %d %.200s %v", status, raw, err)
			}
		})
	}
	visits.Wait()
	h.main.settled(t, p, 2, 30*time.Second)
}

func streams(t *testing.T, h *house) {
	p, c := connected(t, h, "stream", template(t, "speech-transcription"), 1)
	var next task
	h.call(t, "GET", fmt.Sprintf("/api/projects/%d/next", p), nil, &next)
	if len(next.Predictions) != 1 || next.Predictions[0].Version != c.Version || len(texts(items(t, next.Predictions[0].Result))) == 0 {
		t.Errorf("the stream shows %+v, want one prediction of %s", next.Predictions, c.Version)
	}
}

func interacts(t *testing.T, h *house) {
	p, c := connected(t, h, "interactive", template(t, "asr-using-segments"), 2)
	k := h.tasks(t, p)[1]
	drawn := object{"id": "drawn1", "from_name": "labels", "to_name": "audio", "type": "labels", "origin": "manual",
		"value": object{"start": 0.2, "end": 3.1, "channel": 0, "labels": []string{"Noise"}}}
	var reply struct {
		Data   row
		Errors []string
	}
	ask := func() []item {
		t.Helper()
		h.call(t, "POST", fmt.Sprintf("/api/ml/%d/interactive-annotating", c.ID), object{"task": k.ID, "context": object{"result": []any{drawn}}}, &reply)
		if len(reply.Errors) > 0 {
			t.Fatal(reply.Errors)
		}
		return items(t, reply.Data.Result)
	}
	for _, when := range []string{"before the recording is transcribed", "after it is transcribed"} {
		got := ask()
		if len(got) != 2 || got[0].Type != "labels" || got[1].Type != "textarea" {
			t.Fatalf("%s: %+v", when, got)
		}
		for _, it := range got {
			if it.ID != "drawn1" || it.Value.Start != 0.2 || it.Value.End != 3.1 {
				t.Errorf("%s: an item of another region: %+v", when, it)
			}
		}
		if got[0].Value.Labels[0] != "Noise" || len(strings.Fields(got[1].Value.Text[0])) < 2 {
			t.Errorf("%s: label %q, text %q", when, got[0].Value.Labels, got[1].Value.Text)
		}
		t.Logf("%s: %q", when, got[1].Value.Text)
		h.retrieve(t, p, k.ID)
	}
}

// annotates makes, changes and deletes annotations and looks at the word error rate.
func annotates(t *testing.T, h *house) {
	p, _ := connected(t, h, "annotate", template(t, "asr-using-segments"), 2)
	h.retrieve(t, p)
	list := h.main.settled(t, p, 2, 30*time.Second)
	rate := func() (words int, rate float64) {
		for _, r := range h.main.status(t, p).ErrorsBy {
			words, rate = words+r.Words, r.Rate
		}
		return words, rate
	}
	said := strings.Fields(strings.Join(texts(items(t, list[0].Predictions[0].Result)), " "))
	a := h.accept(t, list[0])
	eventually(t, "an annotation counts", 20*time.Second, func() bool { n, r := rate(); return n == len(said) && r == 0 })

	changed := strings.ReplaceAll(string(mustJSON(t, list[0].Predictions[0].Result)), said[0], "corrected")
	h.call(t, "PATCH", fmt.Sprintf("/api/annotations/%d/", a), object{"result": json.RawMessage(changed)}, nil)
	eventually(t, "a correction counts", 20*time.Second, func() bool { n, r := rate(); return n == len(said) && r > 0 })

	h.call(t, "DELETE", fmt.Sprintf("/api/annotations/%d/", a), nil, nil)
	eventually(t, "what is deleted does not count", 20*time.Second, func() bool { n, _ := rate(); return n == 0 })

	// Annotations made from predictions of several tasks.
	h.call(t, "POST", fmt.Sprintf("/api/dm/actions?id=predictions_to_annotations&project=%d", p), object{"selectedItems": object{"all": true, "excluded": []int64{}}}, nil)
	eventually(t, "both annotations are copies", 20*time.Second, func() bool {
		n, _ := rate()
		copied := 0
		for _, r := range h.main.status(t, p).ErrorsBy {
			copied += r.Annotations[string(corrections.Copied)]
		}
		return n == 0 && copied == 2
	})
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// trains presses Start Training.
func trains(t *testing.T, h *house) {
	p, c := connected(t, h, "train", template(t, "automatic-speech-recognition"), 5)
	h.call(t, "POST", fmt.Sprintf("/api/ml/%d/train", c.ID), object{}, nil)
	h.main.settled(t, p, 5, time.Minute)
	// What the button prepared follows a change of the labelling configuration.
	h.call(t, "PATCH", fmt.Sprintf("/api/projects/%d", p), object{"label_config": template(t, "asr-using-segments")}, nil)
	eventually(t, "new predictions", time.Minute, func() bool {
		list := h.tasks(t, p)
		return unsettled(list) == "" && len(items(t, list[0].Predictions[0].Result)) > 1
	})
}
