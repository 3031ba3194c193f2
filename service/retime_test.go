package service_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"
)

// timed waits until all texts of an annotation have the words they are wanted to have, as
// "one 1.0, two 1.8": the middle of each, in seconds.
func (w *world) timed(project, annotation int64, want ...string) {
	w.t.Helper()
	var got []string
	read := func() bool {
		pair, err := w.service.Kept(w.t.Context(), project, annotation)
		got = nil
		if err != nil || pair == nil {
			return false
		}
		for _, c := range pair.Corrected {
			var words []string
			for _, x := range c.Words {
				words = append(words, fmt.Sprintf("%s %.1f", x.Text, math.Round((x.Start+x.End)*5)/10))
			}
			got = append(got, strings.Join(words, ", "))
		}
		return strings.Join(got, "; ") == strings.Join(want, "; ")
	}
	for end := time.Now().Add(5 * time.Minute); !read(); time.Sleep(time.Second) {
		if time.Now().After(end) {
			w.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// written is a region that a person drew and wrote.
func written(id string, start, end float64, text string) []json.RawMessage {
	value := fmt.Sprintf(`"start":%g,"end":%g,"channel":0`, start, end)
	return []json.RawMessage{
		json.RawMessage(fmt.Sprintf(`{"id":%q,"from_name":"labels","to_name":"audio","type":"labels","origin":"manual","value":{%s,"labels":["Speech"]}}`, id, value)),
		json.RawMessage(fmt.Sprintf(`{"id":%q,"from_name":"transcription","to_name":"audio","type":"textarea","origin":"manual","value":{%s,"text":[%q]}}`, id, value, text)),
	}
}

func TestWordsOfTextsThatPeopleWroteAreTimed(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		r := tones.Recording{Seconds: 60} // one at 1.0 s, two at 1.8 s, three at 2.6 s, four at 3.4 s; one at 5.0 s
		ids := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "a.wav", r.WAV())}, map[string]any{"audio": w.Upload(p, "b.wav", r.WAV())})
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		predicted := w.Predictions(ids[0])[0].Result[:2]

		// A text as it was predicted has its words already.
		a := w.Annotate(ids[0], predicted)
		time.Sleep(time.Minute)
		w.timed(p, a, "")
		runs := w.metric("asr_backend_model_runs_total")
		// A word is changed, changed again, and changed back.
		a = w.Annotate(ids[0], with(predicted, `"one two three four"`, `"one three four"`))
		w.timed(p, a, "one 1.0, three 2.6, four 3.4")
		w.UpdateAnnotation(a, with(predicted, `"one two three four"`, `"two three four"`))
		w.timed(p, a, "two 1.8, three 2.6, four 3.4")
		w.UpdateAnnotation(a, with(predicted, `"one two three four"`, `"one three four"`))
		w.timed(p, a, "one 1.0, three 2.6, four 3.4")
		if n := w.metric("asr_backend_model_runs_total") - runs; n != 3 {
			t.Errorf("%v runs of the model for three texts", n)
		}
		// Regions that a person drew and wrote.
		a = w.Annotate(ids[1], append(written("x", 4.6, 6.2, "one two"), written("y", 2.3, 2.9, "three")...))
		w.timed(p, a, "three 2.6", "one 5.0, two 5.8")
		if n := w.metric("asr_backend_jobs"); n != 3+1 {
			t.Errorf("%v jobs are left; want two pushes, and a transcription of each recording", n)
		}
	})
}

// What is asked for again and again is done once: a second submit, a restart, a look at
// all annotations.
func TestTextsWithTimesAreNotTimedAgain(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 1)
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		result := append(written("x", 0.6, 2.2, "one two"), written("y", 2.3, 2.9, "three")...)
		result = append(result, written("z", 3.9, 4.4, "[a door]")...) // nothing is said
		a := w.Annotate(ids[0], result)
		w.timed(p, a, "one 1.0, two 1.8", "three 2.6", "")
		runs := w.metric("asr_backend_model_runs_total")
		w.UpdateAnnotation(a, result)
		w.ChangeWebhooks(p, func(h *labelstudiotest.Webhook) { h.SendPayload = false })
		w.Emit(p, "ANNOTATION_UPDATED", nil)
		time.Sleep(time.Hour)
		w.timed(p, a, "one 1.0, two 1.8", "three 2.6", "")
		if n := w.metric("asr_backend_model_runs_total"); n != runs {
			t.Errorf("%v runs of the model for nothing new", n-runs)
		}
		for _, request := range w.Requests() {
			if request.Method == "PATCH" && !strings.HasPrefix(request.URI, "/api/projects/") || strings.Contains(request.URI, "annotations") {
				t.Errorf("an annotation is none of ours to change: %s", request)
			}
		}
	})
}

// A text that is changed while its words are looked for gets those of what it says now.
func TestTheLastTextIsTimed(t *testing.T) {
	inWorld(t, func(w *world, _ *service.Options) { w.slow = 20 * time.Second }, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 1)
		w.EmitCreated(p, ids...)
		w.settled(5*time.Minute, ids...)
		a := w.Annotate(ids[0], written("x", 0.6, 2.2, "one"))
		time.Sleep(10 * time.Second) // while it is transcribed
		w.UpdateAnnotation(a, written("x", 0.6, 2.2, "two"))
		time.Sleep(time.Millisecond) // events of one moment count as one
		w.UpdateAnnotation(a, written("x", 0.6, 2.2, "one two"))
		w.timed(p, a, "one 1.0, two 1.8")
		b := w.Annotate(ids[0], written("x", 0.6, 2.2, "one"))
		time.Sleep(10 * time.Second)
		w.DeleteAnnotation(b)
		time.Sleep(5 * time.Minute)
		if pair, err := w.service.Kept(w.t.Context(), p, b); pair != nil || err != nil {
			t.Errorf("an annotation that is gone is kept: %+v, %v", pair, err)
		}
		w.timed(p, a, "one 1.0, two 1.8")
	})
}

// A recording that cannot be had for a while costs no words.
func TestTimesOutlastARecordingThatCannotBeFetched(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 1)
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		w.stop()
		w.SetDown(true)
		w.start()
		w.ready()
		a := w.Annotate(ids[0], written("x", 0.6, 2.2, "one two"))
		time.Sleep(time.Minute)
		w.stop() // in the middle of it
		w.SetDown(false)
		w.start()
		w.ready()
		w.timed(p, a, "one 1.0, two 1.8")
	})
}

// A page that shows rows and, to be corrected, the text that was put into the task's data.
func TestATextThatThePageShowsIsTimedToo(t *testing.T) {
	const config = `<View><Audio name="audio" value="$audio" sync="text"/><Paragraphs name="text" value="$alignment" sync="audio" textKey="text" nameKey="author"/>` +
		`<TextArea name="ground" toName="audio" value="$pred_text"/><TextArea name="following" toName="audio" value="$pred_text" editable="true"/></View>`
	inWorld(t, nil, func(w *world) {
		p := w.connected(config)
		r := tones.Recording{Seconds: 8}
		id := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "a.wav", r.WAV())})[0]
		w.EmitCreated(p, id)
		w.settled(time.Minute, id)
		area := func(name, text string) json.RawMessage {
			return json.RawMessage(fmt.Sprintf(`{"id":%q,"from_name":%q,"to_name":"audio","type":"textarea","value":{"text":[%q]}}`, name, name, text))
		}
		a := w.Annotate(id, []json.RawMessage{area("ground", r.Text()), area("following", r.Text())})
		w.until("compared", time.Minute, func() bool { return len(rates(w, p)) == 1 })
		if got := rates(w, p)[0]; got.Rate != 0 || got.Words != 8 {
			t.Errorf("a text that was not changed: %+v", got)
		}
		w.UpdateAnnotation(a, []json.RawMessage{area("ground", "one three four one two three four"), area("following", r.Text())})
		w.timed(p, a, "one 1.0, three 2.6, four 3.4, one 5.0, two 5.8, three 6.6, four 7.4")
		w.until("shown", 5*time.Minute, func() bool { return alignment(w, id) == "one / three four / one two three four" })
		w.UpdateAnnotation(a, []json.RawMessage{area("ground", "two three four one two three four"), area("following", r.Text())})
		w.until("shown again", 5*time.Minute, func() bool {
			return strings.HasPrefix(alignment(w, id), "two three four / ")
		})
		if got := w.Data(id)["pred_text"]; got != r.Text() {
			t.Errorf("the text that was predicted: %q", got)
		}
	})
}

// alignment returns the texts of the rows under that key.
func alignment(w *world, id int64) string {
	var texts []string
	rows, _ := w.Data(id)["alignment"].([]any)
	for _, r := range rows {
		row, _ := r.(map[string]any)
		texts = append(texts, fmt.Sprint(row["text"]))
	}
	return strings.Join(texts, " / ")
}

// paragraphs is a page with the whole text and, below, paragraphs.
const paragraphs = `<View><Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio"/>` +
	`<Paragraphs name="rows" value="$rows" sync="audio" layout="dialogue" textKey="text" nameKey="author"/>%s</View>`

func TestParagraphsShowWhatAPersonMadeOfThem(t *testing.T) {
	for name, c := range map[string]struct {
		controls string
		rows     any
		second   bool // annotation
		want     string
	}{
		"ours":                      {want: "0.9 one / 2.5 three four / 4.9 one two three four"},
		"somebody else's":           {rows: []any{map[string]any{"text": "theirs", "author": "x"}}, want: "0.0 theirs"},
		"of another program":        {rows: []any{map[string]any{"text": "theirs", "author": "x", "model_version": "nemo-202311171530"}}, want: "0.0 theirs"},
		"with labels on characters": {controls: `<ParagraphLabels name="who" toName="rows"><Label value="A"/></ParagraphLabels>`, want: "0.9 one two three four / 4.9 one two three four"},
		"of two annotations":        {second: true, want: "0.9 one two three four / 4.9 one two three four"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				p := w.connected(fmt.Sprintf(paragraphs, c.controls))
				data := map[string]any{"audio": w.Upload(p, "a.wav", tones.Recording{Seconds: 8}.WAV())}
				if c.rows != nil {
					data["rows"] = c.rows
				}
				id := w.AddTasks(p, data)[0]
				w.EmitCreated(p, id)
				w.settled(time.Minute, id)
				result := w.Predictions(id)[0].Result
				if c.second {
					w.Annotate(id, result)
				}
				a := w.Annotate(id, with(result, `"one two three four one`, `"one three four one`))
				w.timed(p, a, "one 1.0, three 2.6, four 3.4, one 5.0, two 5.8, three 6.6, four 7.4")
				time.Sleep(time.Minute)
				if got := rowsOf(w, id); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
				// Another version does not take a person's text away.
				if err := w.connect(p, `{"max_region":7}`); err != nil {
					t.Fatal(err)
				}
				w.retrieve(p, id)
				time.Sleep(10 * time.Minute)
				if got := rowsOf(w, id); got != c.want {
					t.Errorf("after another version: got %q, want %q", got, c.want)
				}
			})
		})
	}
}

// rowsOf returns the paragraphs of a task: when each begins, and its text.
func rowsOf(w *world, id int64) string {
	raw, err := json.Marshal(w.Data(id)["rows"])
	if err != nil {
		w.t.Fatal(err)
	}
	var rows []struct {
		Start float64
		Text  string
	}
	if err := json.Unmarshal(raw, &rows); err != nil {
		w.t.Fatalf("rows %s: %v", raw, err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, fmt.Sprintf("%.1f %s", r.Start, r.Text))
	}
	return strings.Join(out, " / ")
}
