package service_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"
)

// rates are the word error rates of a project, by version.
func rates(w *world, project int64) []service.VersionRate {
	for _, p := range w.status().Projects {
		if p.ID == project {
			return p.ErrorsBy
		}
	}
	return nil
}

// with returns a result with some words replaced.
func with(result []json.RawMessage, replace ...string) []json.RawMessage {
	var out []json.RawMessage
	for _, raw := range result {
		out = append(out, json.RawMessage(strings.NewReplacer(replace...).Replace(string(raw))))
	}
	return out
}

func TestCorrectionsGiveTheErrorRate(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 2) // five words each
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		first, second := w.Predictions(ids[0])[0].Result, w.Predictions(ids[1])[0].Result
		words := len(strings.Fields(strings.Join(texts(w.Predictions(ids[0])[0]), " "))) + len(strings.Fields(strings.Join(texts(w.Predictions(ids[1])[0]), " ")))

		a := w.Annotate(ids[0], with(first, "two", "too"))
		b := w.Annotate(ids[1], second)
		w.until("counted", time.Minute, func() bool { r := rates(w, p); return len(r) == 1 && r[0].Words == words })
		r := rates(w, p)[0]
		wrong := strings.Count(strings.Join(texts(w.Predictions(ids[0])[0]), " "), "two")
		if want := float64(wrong) / float64(words); r.Version != w.version(p) || r.Rate < want-1e-9 || r.Rate > want+1e-9 {
			t.Errorf("got %+v, want %v", r, want)
		}
		if page := w.page(); !strings.Contains(page, "words of corrected text (annotations: 1 changed, 1 submitted unchanged).") {
			t.Errorf("the page:\n%s", page)
		}
		// A second thought replaces the first.
		w.UpdateAnnotation(a, first)
		w.until("counted again", time.Minute, func() bool { r := rates(w, p); return len(r) == 1 && r[0].Rate == 0 && r[0].Words == words })
		// After a restart nothing is lost or counted twice.
		w.stop()
		w.start()
		w.ready()
		if r := rates(w, p); len(r) != 1 || r[0].Rate != 0 || r[0].Words != words {
			t.Errorf("after a restart: %+v", r)
		}
		// What is deleted does not count.
		w.DeleteAnnotation(a)
		w.DeleteAnnotation(b)
		w.until("uncounted", time.Minute, func() bool { return len(rates(w, p)) == 0 })
	})
}

func TestWhatIsNoCorrectionIsNotCounted(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		if err := w.connect(p, `{"reconcile":false}`); err != nil {
			t.Fatal(err)
		}
		ids := w.record(p, 2)
		w.EmitCreated(p, ids[:1]...)
		w.settled(time.Minute, ids[:1]...)
		result := w.Predictions(ids[0])[0].Result
		w.Annotate(ids[1], result) // of a recording that was not transcribed
		w.Annotate(ids[0], nil)    // without a text
		none := w.AddAnnotation(labelstudiotest.Annotation{Task: ids[0], Skipped: true, Result: result})
		skipped := map[string]any{"annotation": map[string]any{"id": none, "task": ids[0], "was_cancelled": true, "result": result}, "task": w.Payload(ids[0])}
		w.Emit(p, "ANNOTATION_CREATED", skipped)
		time.Sleep(time.Minute)
		if r := rates(w, p); len(r) != 0 {
			t.Errorf("counted %+v", r)
		}
		// Annotations made from predictions of many tasks come as lists under the singular.
		one := w.AddAnnotation(labelstudiotest.Annotation{Task: ids[0], Result: result})
		many := map[string]any{"annotation": []any{map[string]any{"id": one, "task": ids[0], "result": result}}, "task": []any{w.Payload(ids[0])}}
		w.Emit(p, "ANNOTATIONS_CREATED", many)
		w.until("counted", time.Minute, func() bool { return len(rates(w, p)) == 1 })
	})
}

// An annotation takes as long as it is long: to read, to compare, to keep.
func TestImportsDoNotWaitForAnnotations(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, other := w.connected(""), w.connected("")
		ids := w.record(p, 1)
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		done := make(chan struct{})
		w.Intercept(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.URL.Query().Get("fields") == "all" {
				select {
				case <-done:
				case <-r.Context().Done():
				}
			}
			next.ServeHTTP(rw, r)
		})
		w.Annotate(ids[0], w.Predictions(ids[0])[0].Result)
		for _, project := range []int64{p, other} {
			imported := w.record(project, 2)
			w.EmitCreated(project, imported...)
			w.settled(5*time.Second, imported...)
		}
		if r := rates(w, p); len(r) != 0 {
			t.Fatalf("the annotation was not held up: %+v", r)
		}
		close(done)
		w.until("counted", time.Minute, func() bool { return len(rates(w, p)) == 1 })
	})
}
