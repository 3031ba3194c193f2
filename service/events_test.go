package service_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"
)

func TestFiveThousandTasksAreTakenAtOnce(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		value := w.Upload(p, "a.wav", tones.Recording{Seconds: 3}.WAV())
		n := 5000
		if testing.Short() {
			n = 1000
		}
		var data []map[string]any
		for i := range n {
			// Data of no use to us, and not to be compressed away.
			data = append(data, map[string]any{"audio": value, "note": fmt.Sprint("note ", i*i*7919, strings.Repeat(fmt.Sprint(i*104729), 20))})
		}
		ids := w.AddTasks(p, data...)
		start := time.Now()
		if status := w.EmitCreated(p, ids...); status != 201 || time.Since(start) > time.Second {
			t.Fatalf("webhook: %d after %v", status, time.Since(start))
		}
		w.settled(time.Hour, ids...)
		if n := w.log.Count("recording transcribed"); n != 1 {
			t.Errorf("the one recording was transcribed %d times", n)
		}
		if jobs := w.metric("asr_backend_jobs"); jobs != float64(n+1) {
			t.Errorf("%v jobs are kept, want one a task and one for the recording", jobs)
		}
	})
}

// PROJECT_UPDATED with a configuration that asks for other results: all tasks get the new
// prediction, and going back gives the first again.
func TestAChangedConfigurationIsFollowedThereAndBack(t *testing.T) {
	whole := `<View><Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio"/></View>`
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 3)
		w.EmitCreated(p, ids[:2]...)
		w.settled(time.Minute, ids[:2]...)
		for _, config := range []string{whole, segments, whole, segments} {
			w.ChangeProject(p, func(p *labelstudiotest.Project) { p.Config = config })
			w.Emit(p, "PROJECT_UPDATED", nil)
			if err := w.Refresh(p); err != nil {
				t.Fatal(err)
			}
			w.settled(time.Minute, ids...)
			time.Sleep(3 * time.Minute)
			w.settled(0, ids...)
		}
		if n := w.metric("asr_backend_model_runs_total"); n != 3 {
			t.Errorf("%v runs of the model for three recordings whose transcripts did not change", n)
		}
		before := len(w.Requests())
		w.Emit(p, "PROJECT_UPDATED", nil) // a change of the title, say
		time.Sleep(time.Minute)
		if more := w.Requests()[before:]; len(more) != 3 {
			t.Errorf("%d requests, want two for the project and one for its tasks, for a change that changes nothing: %v", len(more), more)
		}
	})
}

func TestChangedSettingsReplaceWhatIsAskedForAgain(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 2)
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		if err := w.connect(p, `{"words":false}`); err != nil {
			t.Fatal(err)
		}
		if n := w.retrieve(p, ids...); n != 2 {
			t.Errorf("%d predictions of the new version", n)
		}
		// The rows of the old version go when the delivery looks.
		time.Sleep(5 * time.Minute)
		w.settled(0, ids...)
	})
}

func TestStartTrainingPreparesAllTasks(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, other := w.connected(""), w.connected("")
		if err := w.connect(other, `{"reconcile":false}`); err != nil {
			t.Fatal(err)
		}
		ids, others := w.record(p, 230), w.record(other, 1) // three pages
		if err := w.Train(p); err != nil {
			t.Error(err)
		}
		w.settled(time.Hour, ids...)
		if rows := w.Predictions(others[0]); len(rows) != 0 {
			t.Error("another project was prepared too")
		}
	})
}

// A webhook that sends no payload says only that something is new.
func TestEventsWithoutPayloadAreLookedUp(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, other := w.connected(""), w.connected("")
		gone := w.connected("")
		w.DeleteProject(gone)
		ids := append(w.record(p, 2), w.record(other, 1)...)
		for _, id := range []int64{p, other} {
			w.ChangeWebhooks(id, func(h *labelstudiotest.Webhook) { h.SendPayload = false })
		}
		w.Emit(p, "TASKS_CREATED", nil)
		w.settled(time.Minute, ids...)

		w.ChangeProject(other, func(p *labelstudiotest.Project) {
			p.Config = `<View><Audio name="audio" value="$audio"/><TextArea name="all" toName="audio"/></View>`
		})
		w.Emit(other, "PROJECT_UPDATED", nil)
		time.Sleep(time.Second)
		if err := w.Refresh(other); err != nil {
			t.Fatal(err)
		}
		w.settled(time.Minute, ids...)

		w.Annotate(ids[0], w.Predictions(ids[0])[0].Result)
		w.until("compared", time.Minute, func() bool { return len(rates(w, p)) == 1 })
		w.ForgetAnnotations(ids[0])
		w.Emit(p, "ANNOTATIONS_DELETED", nil)
		w.until("forgotten", time.Minute, func() bool { return len(rates(w, p)) == 0 })
	})
}

func TestWebhookAnswersForEveryAction(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.ready()
		p := w.connected("")
		for action, want := range map[string]int{
			"TASKS_DELETED": 201, "LABEL_LINK_CREATED": 201, "LABEL_LINK_UPDATED": 201, "LABEL_LINK_DELETED": 201, "ANNOTATIONS_CREATED": 201,
			"PROJECT_CREATED": 200, "SOMETHING_NEW": 200, "": 200,
		} {
			if status := w.Emit(p, action, map[string]any{"tasks": []any{}}); status != want {
				t.Errorf("%s: %d, want %d", action, status, want)
			}
		}
		if status, _ := w.call("POST", "/webhook", []int{1}); status != 400 {
			t.Errorf("a list: %d", status)
		}
		time.Sleep(time.Minute)
		if n := w.metric("asr_backend_jobs"); n != 0 {
			t.Errorf("%v jobs are left of events", n)
		}
	})
}

func TestDeletedTasksAreForgotten(t *testing.T) {
	inWorld(t, func(w *world, _ *service.Options) { w.slow = 30 * time.Second }, func(w *world) {
		p := w.connected("")
		w.ready()
		ids := w.record(p, 4)
		w.EmitCreated(p, ids...)
		time.Sleep(10 * time.Second)
		w.DeleteTasks(ids[0], ids[3])
		w.EmitDeleted(p, ids[0], ids[3])
		w.settled(time.Hour, ids[1], ids[2])
		for _, id := range []int64{ids[0], ids[3]} {
			if s := w.state(id); s.State != "unknown" {
				t.Errorf("task %d: %+v", id, s)
			}
		}
		// One that is deleted without a word.
		late := w.record(p, 5)[4:]
		w.DeleteTasks(late...)
		w.Emit(p, "TASKS_CREATED", map[string]any{"tasks": []any{map[string]any{"id": late[0], "data": map[string]any{"audio": fmt.Sprintf("/data/upload/%d/r4.wav", p)}}}})
		time.Sleep(10 * time.Minute)
		if s := w.state(late[0]); s.State != "unknown" && s.State != "pushed" {
			t.Errorf("a task that is gone: %+v", s)
		}
	})
}

// An event that is too large for the queue: an annotation of a long recording.
func TestAHugeAnnotationIsReadFromLabelStudio(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 1)
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		result := w.Predictions(ids[0])[0].Result
		for i := range 30_000 {
			result = append(result, json.RawMessage(fmt.Sprintf(`{"id":"x%d","from_name":"labels","to_name":"audio","type":"labels","meta":{"a":"%x"},"value":{"start":%d.%d,"end":%d.5,"labels":["Noise"]}}`, i, i*i*2654435761, i%5, i*7919, i%5+1)))
		}
		w.Annotate(ids[0], result)
		w.until("compared", time.Minute, func() bool { return len(rates(w, p)) == 1 })
		if r := rates(w, p)[0]; r.Rate != 0 || r.Words == 0 {
			t.Errorf("%+v", r)
		}
		// And one task whose data are too large for that.
		big := map[string]any{"audio": w.Upload(p, "big.wav", tones.Recording{Seconds: 5}.WAV())}
		for i := range 40_000 {
			big[fmt.Sprint("k", i)] = fmt.Sprintf("%x", i*i*2654435761)
		}
		id := w.AddTasks(p, big)
		w.EmitCreated(p, id...)
		w.settled(time.Minute, id...)
	})
}

// Events are worked on once Label Studio works again.
func TestEventsOutlastLabelStudio(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 2)
		w.Intercept(func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) { rw.WriteHeader(502) })
		if err := w.Train(p); err != nil {
			t.Error(err)
		}
		time.Sleep(20 * time.Minute)
		w.Intercept(nil)
		w.settled(time.Hour, ids...)
	})
}
