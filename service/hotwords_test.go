package service_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"

	"github.com/google/go-cmp/cmp"
)

// Tasks whose recordings wait while the hotwords change get their prediction with those of now, also
// if it is soon the same list as at first.
func TestHotwordsMayChangeWhileRecordingsWait(t *testing.T) {
	for name, lists := range map[string][]string{
		"to another list":     {`{"hotwords":["one"]}`, `{"hotwords":["two","three :3"]}`},
		"to none":             {`{"hotwords":["one"]}`, `{}`},
		"from none":           {``, `{"hotwords":["one"]}`},
		"there and back":      {`{"hotwords":["one"]}`, `{"hotwords":["two"]}`, `{"hotwords":["one"]}`},
		"from none and back":  {``, `{"hotwords":["two"]}`, `{}`},
		"to others of weight": {`{"hotwords":["one"]}`, `{"hotwords":["one"],"hotword_weight":4}`},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world, _ *service.Options) { w.slow = 20 * time.Second }, func(w *world) {
				p := w.project("")
				if err := w.connect(p, lists[0]); err != nil {
					t.Fatal(err)
				}
				w.ready()
				ids := w.record(p, 4)
				w.EmitCreated(p, ids...)
				for _, list := range lists[1:] {
					time.Sleep(25 * time.Second)
					if err := w.connect(p, list); err != nil {
						t.Fatal(err)
					}
				}
				w.settled(10*time.Minute, ids...)
				time.Sleep(5 * time.Minute)
				w.settled(0, ids...)
				for _, id := range ids {
					if s := w.state(id); s.State != "pushed" {
						t.Errorf("task %d: %+v", id, s)
					}
				}
			})
		})
	}
}

// asks sends what a page sends for a drawn region, with hotwords of the request.
func (w *world) asks(project, task int64, hotwords any) (status int, texts []string, reply string) {
	w.t.Helper()
	body := map[string]any{
		"tasks": []any{map[string]any{"id": task, "project": project, "data": w.Payload(task)["data"]}}, "project": fmt.Sprint(project, ".1"), "label_config": segments,
		"params": map[string]any{"hotwords": hotwords, "context": map[string]any{"result": []any{drawn("abc", 4.6, 6.2)}}},
	}
	status, raw := w.call("POST", "/predict", body)
	var answer struct {
		Results []labelstudiotest.Prediction
	}
	if err := json.Unmarshal(raw, &answer); err == nil && len(answer.Results) == 1 {
		for _, it := range items(answer.Results[0]) {
			texts = append(texts, it.Value.Text...)
		}
	}
	return status, texts, string(raw)
}

// A drawn region is transcribed with the hotwords of its request, also if there is a transcript.
func TestADrawnRegionHasHotwordsOfItsRequest(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		id := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "a.wav", tones.Recording{Seconds: 60}.WAV())})[0]
		w.EmitCreated(p, id)
		w.settled(time.Minute, id)
		const region = "region transcribed"
		for _, c := range []struct {
			hotwords any
			more     int // regions transcribed
			warning  string
		}{
			{nil, 0, ""},
			{[]string{}, 0, ""},
			{[]string{"one two", "three :2.5"}, 1, ""},
			{[]string{"R2D2"}, 1, `1 of 1 hotword cannot be written`},
		} {
			before := w.log.Count(region)
			status, got, reply := w.asks(p, id, c.hotwords)
			if d := cmp.Diff([]string{"one two"}, got); status != 200 || d != "" {
				t.Errorf("%v: %d %s; want (-), got (+):\n%s", c.hotwords, status, reply, d)
			}
			if n := w.log.Count(region) - before; n != c.more {
				t.Errorf("%v: %d regions were transcribed, want %d", c.hotwords, n, c.more)
			}
			if !strings.Contains(w.log.String(), c.warning) {
				t.Errorf("%v: the log does not say %q", c.hotwords, c.warning)
			}
		}
		for want, hotwords := range map[string]any{
			`params: hotwords: the weight \"x\" of \"one\" is not a number from 0 to 20`: []string{"one :x"},
			`params: hotwords: phrase \"?\" has no letters`:                              []string{"one", "?"},
			`\"params.hotwords\": got a string, want a list`:                             "one",
		} {
			if status, _, reply := w.asks(p, id, hotwords); status != 400 || !strings.Contains(reply, want) {
				t.Errorf("%v: %d %s, want %q", hotwords, status, reply, want)
			}
		}
		if s := w.state(id); s.State != "pushed" {
			t.Errorf("state %+v", s)
		}
	})
}

func TestStatusSaysHowTextsAreFound(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		plain, words := w.connected(""), w.project("")
		if err := w.connect(words, `{"hotwords":["one two","three"]}`); err != nil {
			t.Fatal(err)
		}
		w.ready()
		const found = "beam search of width 64, 2 hotwords"
		s := w.status()
		if s.Model.Decoding != "greedy" {
			t.Errorf("the model finds texts by %q", s.Model.Decoding)
		}
		for _, p := range s.Projects {
			if want := map[int64]string{plain: "greedy", words: found}[p.ID]; p.Decoding != want {
				t.Errorf("project %d finds texts by %q, want %q", p.ID, p.Decoding, want)
			}
		}
		if page := w.page(); !strings.Contains(page, "; decoding: greedy.") {
			t.Errorf("the page of all projects:\n%s", page)
		}
		if _, page := w.ask("?project="+fmt.Sprint(words), "text/html"); !strings.Contains(page, "<p>Decoding: "+found+".</p>") {
			t.Errorf("the page of the project:\n%s", page)
		}
	})
}
