package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// corrects changes the text that a page shows beside paragraphs: once it is saved, the
// paragraphs show it with its times, and the annotation is as it was saved.
func corrects(t *testing.T, h *house) {
	p := h.project(t, "correct", template(t, "long-audio"))
	h.connect(t, p, h.main)
	h.add(t, p, object{"audio": h.clips + "/clip-0.flac?correct", "alignment": []any{}, "pred_text": ""})
	k := h.main.settled(t, p, 1, time.Minute)[0]
	text, _ := k.Data["pred_text"].(string)
	words := strings.Fields(text)
	if len(words) < 4 {
		t.Fatalf("recognized %q", text)
	}
	words[1] = "corrected"
	said := strings.Join(words, " ")
	item := object{"id": "t1", "from_name": "ground", "to_name": "audio", "type": "textarea", "origin": "manual", "value": object{"text": []string{said}}}
	var saved, kept struct {
		ID      int64
		Result  []json.RawMessage
		Updated string `json:"updated_at"`
	}
	h.call(t, "POST", fmt.Sprintf("/api/tasks/%d/annotations/", k.ID), object{"result": []any{item}}, &saved)
	rows := func() (text string, annotation any) {
		list, _ := h.tasks(t, p)[0].Data["alignment"].([]any)
		var texts []string
		for i, r := range list {
			row, _ := r.(object)
			texts = append(texts, fmt.Sprint(row["text"]))
			if start, _ := row["start"].(float64); start < 0 || start > 60 {
				t.Errorf("a row begins at %v", row["start"])
			}
			if i == 0 {
				annotation = row["annotation"]
			}
		}
		return strings.Join(texts, " "), annotation
	}
	eventually(t, "paragraphs show the correction", time.Minute, func() bool { text, _ := rows(); return text == said })
	if _, of := rows(); of != float64(saved.ID) {
		t.Errorf("the rows are of annotation %v, want %d", of, saved.ID)
	}
	h.call(t, "GET", fmt.Sprintf("/api/annotations/%d/", saved.ID), nil, &kept)
	if kept.Updated != saved.Updated || string(mustJSON(t, kept.Result)) != string(mustJSON(t, saved.Result)) {
		t.Errorf("the annotation was %s, is %s", mustJSON(t, saved), mustJSON(t, kept))
	}
}
