package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/service"

	"github.com/google/go-cmp/cmp"
)

// recordingsComeAllWays imports recordings in three ways, annotates what was predicted as
// it is, and holds the export to what `transcribe` says of the same files.
func recordingsComeAllWays(t *testing.T, h *house) {
	p := h.project(t, "all ways", template(t, "speech-transcription"))
	h.main.ready(t)
	h.connect(t, p, h.main)
	files := []string{reading(t, 1), filepath.Join(filepath.Dir(reading(t, 0)), "2033-164914-0006.flac"), reading(t, 2)}

	h.upload(t, p, "a recording, uploaded.flac", files[0])
	place(t, files[1], filepath.Join(h.documents, "calls", "with a blank.flac"))
	h.folder(t, p, "calls")
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(files[2]))))
	defer server.Close()
	h.add(t, p, object{"audio": server.URL + "/" + filepath.Base(files[2])})

	list := h.main.settled(t, p, 3, time.Minute)
	for i, k := range list {
		t.Logf("task %d: %v", k.ID, k.Data["audio"])
		same(t, h.transcribe(t, files[i]), items(t, k.Predictions[0].Result))
		if s := k.Predictions[0].Score; s <= 0 || s > 1 {
			t.Errorf("score %v", s)
		}
		h.accept(t, k)
	}
	var export []struct {
		ID          int64
		Annotations []struct{ Result []json.RawMessage }
	}
	h.call(t, "GET", fmt.Sprintf("/api/projects/%d/export?exportType=JSON", p), nil, &export)
	if len(export) != 3 {
		t.Fatalf("%d tasks exported", len(export))
	}
	for _, k := range export {
		for i := range list {
			if list[i].ID != k.ID {
				continue
			}
			got := items(t, k.Annotations[0].Result)
			same(t, h.transcribe(t, files[i]), got)
			if d := cmp.Diff(kept(items(t, list[i].Predictions[0].Result)), kept(got)); d != "" {
				t.Errorf("predicted (-), exported (+):\n%s", d)
			}
			wordsMatch(t, h, files[i], got)
		}
	}
}

// storageReturns deletes a storage from under a task, and connects it again.
func storageReturns(t *testing.T, h *house) {
	p := h.project(t, "storage", template(t, "automatic-speech-recognition"))
	h.connect(t, p, h.main)
	place(t, reading(t, 3), filepath.Join(h.documents, "storage", "first.flac"))
	place(t, reading(t, 4), filepath.Join(h.documents, "storage", "second.flac"))
	storage := h.storage(t, p, "storage")
	h.add(t, p, object{"audio": "/data/local-files/?d=storage/first.flac"})
	h.main.settled(t, p, 1, time.Minute)
	h.call(t, "DELETE", fmt.Sprintf("/api/storages/localfiles/%d", storage), nil, nil)
	h.add(t, p, object{"audio": "/data/local-files/?d=storage/second.flac"})
	lost := h.tasks(t, p)[1].ID
	state := func() (s service.TaskStatus) {
		for _, one := range h.main.status(t, p).Tasks {
			if one.ID == lost {
				s = one
			}
		}
		return s
	}
	eventually(t, "the recording is given up", time.Minute, func() bool { return state().State == "failed" })
	if s := state(); !strings.Contains(s.Reason, "has no storage for local files in storage/") {
		t.Errorf("%+v", s)
	}
	h.storage(t, p, "storage")
	h.call(t, "PATCH", fmt.Sprintf("/api/projects/%d/", p), object{"title": "storage again"}, nil) // so that the backend looks
	h.main.settled(t, p, 2, time.Minute)
}

// place copies a file.
func place(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, raw, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// accept submits a task's prediction as its annotation and returns the annotation's id.
func (s *studio) accept(t *testing.T, k task) int64 {
	t.Helper()
	var a struct{ ID int64 }
	s.call(t, "POST", fmt.Sprintf("/api/tasks/%d/annotations/", k.ID), object{"result": k.Predictions[0].Result, "parent_prediction": k.Predictions[0].ID, "lead_time": 3.5}, &a)
	return a.ID
}

// kept is what has to come through an annotation.
func kept(items []item) []string {
	var out []string
	for _, it := range items {
		out = append(out, fmt.Sprintf("%s %s %s %.3f-%.3f %q %q %s", it.ID, it.FromName, it.Type, it.Value.Start, it.Value.End, it.Value.Text, it.Value.Labels, it.Meta))
	}
	return out
}

// wordsMatch holds the words in the textareas' meta to those of `transcribe`.
func wordsMatch(t *testing.T, h *house, file string, got []item) {
	t.Helper()
	type word struct {
		Text       string
		Start, End float64
	}
	var want, have []word
	for _, s := range h.transcribe(t, file).Segments {
		for _, w := range s.Words {
			want = append(want, word{w.Text, w.Start.Seconds(), w.End.Seconds()})
		}
	}
	for _, it := range got {
		if it.Type != "textarea" {
			continue
		}
		var meta struct{ Words [][]any }
		if err := json.Unmarshal(it.Meta, &meta); err != nil {
			t.Fatalf("%v in %s", err, it.Meta)
		}
		for _, w := range meta.Words {
			have = append(have, word{w[0].(string), w[1].(float64), w[2].(float64)})
		}
	}
	if d := cmp.Diff(want, have, near); d != "" {
		t.Errorf("words of transcribe (-), of the export (+):\n%s", d)
	}
}

// retrieves asks for predictions of tasks that were there before the backend was.
func retrieves(t *testing.T, h *house) {
	server := h.clips
	p := h.project(t, "retrieve", template(t, "automatic-speech-recognition"))
	var data []object
	for i := range 54 {
		data = append(data, object{"audio": fmt.Sprintf("%s/clip-%d.flac", server, i)})
	}
	h.add(t, p, data...)
	h.connectWith(t, p, h.main, object{"reconcile": false})
	list := h.tasks(t, p)
	want := map[int]string{}
	for i := range 6 {
		want[i] = h.transcribe(t, reading(t, i)).Text()
	}
	from := 0
	for _, n := range []int{1, 3, 50} {
		var ids []int64
		for _, k := range list[from : from+n] {
			ids = append(ids, k.ID)
		}
		start := time.Now()
		h.retrieve(t, p, ids...)
		t.Logf("%d tasks in %.1f s", n, time.Since(start).Seconds())
		from += n
		for i, k := range h.tasks(t, p) {
			if i >= from {
				if len(k.Predictions) != 0 {
					t.Errorf("task %d was not asked for and has %d predictions", k.ID, len(k.Predictions))
				}
				continue
			}
			if len(k.Predictions) != 1 {
				t.Errorf("of %d tasks: task %d has %d predictions after the answer", n, k.ID, len(k.Predictions))
				continue
			}
			if got := texts(items(t, k.Predictions[0].Result)); strings.Join(got, "|") != want[i%6] {
				t.Errorf("task %d: %q, want %q", k.ID, got, want[i%6])
			}
		}
	}
	// Nothing is asked twice, and nothing new is stored.
	h.retrieve(t, p)
	if bad := unsettled(h.tasks(t, p)); bad != "" {
		t.Error(bad)
	}
}

// clips serves the readings under any number of names.
func clips(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var i int
		if _, err := fmt.Sscanf(r.URL.Path, "/clip-%d.flac", &i); err != nil {
			http.NotFound(w, r)
			return
		}
		http.ServeFile(w, r, reading(t, i))
	}))
	t.Cleanup(s.Close)
	return s.URL
}
