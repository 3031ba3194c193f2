package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"

	"github.com/google/go-cmp/cmp"
)

// templates makes a project of every template: the stock ones, Long Audio, and some of
// our own for what those do not have. Label Studio itself checks each result against the
// configuration when it is stored, and a second time as an annotation.
func templates(t *testing.T, h *house) {
	server := h.clips
	files, err := filepath.Glob(oracle.Data(t, "label-studio", "templates", "*.xml"))
	if err != nil || len(files) < 15 {
		t.Fatalf("%d templates: %v", len(files), err)
	}
	direct := h.transcribe(t, reading(t, 1))
	for i, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		t.Run(name, func(t *testing.T) {
			p := h.project(t, name, template(t, name))
			c := h.connect(t, p, h.main)
			url := fmt.Sprintf("%s/clip-1.flac?template=%d", server, i)
			h.add(t, p, object{
				"audio": url, "url": url, "audio_file": url, "caller": url, "callee": fmt.Sprintf("%s/clip-2.flac?template=%d", server, i),
				"kinds": []object{{"value": "Speech"}, {"value": "Noise"}}, "transcriptions": []object{{"value": "a"}, {"value": "b"}},
				"text": []object{}, "alignment": []object{}, "pred_text": "", "kept": "as it was",
			})
			switch name {
			case "asr-hypotheses", "signal-quality-detection", "sound-event-detection":
				// Connected, and said not to be served, without a prediction.
				if s := h.main.status(t, p); len(s.Serves) != 0 || len(s.Notes) == 0 {
					t.Errorf("status %+v, want a note on why nothing is served", s)
				}
				h.retrieve(t, p)
				if n := len(h.tasks(t, p)[0].Predictions); n != 0 {
					t.Errorf("%d predictions", n)
				}
				return
			case "long-audio":
				k := h.main.settled(t, p, 1, 30*time.Second)[0]
				inData(t, direct.Text(), k, "alignment")
				if got := k.Data["pred_text"]; got != direct.Text() {
					t.Errorf("pred_text %q, want %q", got, direct.Text())
				}
				return
			case "conversational-analysis", "contextual-scrolling":
				inData(t, direct.Text(), h.main.settled(t, p, 1, 30*time.Second)[0], "text")
				// Paragraphs that somebody wrote stay.
				written := []any{object{"author": "A", "text": "Somebody wrote this.", "start": 0.0, "end": 1.0}}
				h.add(t, p, object{"audio": url, "url": url, "text": written})
				if d := cmp.Diff(written, h.main.settled(t, p, 2, 30*time.Second)[1].Data["text"]); d != "" {
					t.Errorf("paragraphs as they were (-), as they are (+):\n%s", d)
				}
				return
			}
			k := h.main.settled(t, p, 1, 30*time.Second)[0]
			if v := k.Predictions[0].Version; v != c.Version {
				t.Errorf("version %s, /setup said %s", v, c.Version)
			}
			got := items(t, k.Predictions[0].Result)
			if len(got) == 0 {
				t.Fatal("an empty prediction")
			}
			if name != "own-two-recordings" {
				if said := texts(got); len(said) > 0 && !slices.Contains(said, direct.Text()) && strings.Join(said, " ") != direct.Text() {
					t.Errorf("texts %q, want %q", said, direct.Text())
				}
			}
			h.accept(t, k)
			var annotated []struct{ Result []json.RawMessage }
			h.call(t, "GET", fmt.Sprintf("/api/tasks/%d/annotations/", k.ID), nil, &annotated)
			if len(annotated) != 1 || len(annotated[0].Result) != len(got) {
				t.Errorf("an annotation of %d items came back as %+v", len(got), annotated)
			}
		})
	}
}

// inData looks at paragraphs that went into the task's data under a key.
func inData(t *testing.T, want string, k task, key string) {
	t.Helper()
	if k.Data["kept"] != "as it was" {
		t.Errorf("another key of the task's data was not kept: %v", k.Data)
	}
	paragraphs, _ := k.Data[key].([]any)
	var said []string
	for _, p := range paragraphs {
		o, _ := p.(object)
		start, _ := o["start"].(float64)
		end, _ := o["end"].(float64)
		text, _ := o["text"].(string)
		if end <= start {
			t.Errorf("a paragraph from %v to %v", start, end)
		}
		said = append(said, text)
	}
	if strings.Join(said, " ") != want {
		t.Errorf("paragraphs %q, want %q", said, want)
	}
	// The page would show a text twice that was predicted too.
	if n := len(k.Predictions[0].Result); n != 0 {
		t.Errorf("%d items are predicted too", n)
	}
}
