package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// hours is how long the recordings are that must open in the page.
const hours = 3

// opened is a task for browser.mjs.
type opened struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"` // regions or paragraphs
	Project  int64   `json:"project"`
	Task     int64   `json:"task"`
	Duration float64 `json:"duration"` // seconds
	Regions  int     `json:"regions"`  // or paragraphs
	Late     float64 `json:"late"`     // start of the last paragraph but two, in seconds
	Labels   int     `json:"labels"`   // how many there are
}

// TestBrowser makes a project of each of the configurations of doc/configurations by the command
// `create`, and works on a recording of hours in Chromium.
func TestBrowser(t *testing.T) {
	driver := os.Getenv("ASR_BACKEND_BROWSER")
	if driver == "" {
		t.Skip("no browser: run `make e2e-browser`")
	}
	h := build(t)
	if err := os.MkdirAll(filepath.Join(h.documents, "long"), 0o755); err != nil {
		t.Fatal(err)
	}
	long, call := filepath.Join(h.documents, "long", "talk.mp3"), filepath.Join(h.documents, "long", "call.mp3")
	talk, other := filepath.Join(oracle.Root(t), "samples", "address.mp3"), filepath.Join(oracle.Root(t), "samples", "sonnet.mp3")
	length := fmt.Sprint(hours * 3600)
	ffmpeg(t, "-stream_loop", "-1", "-i", talk, "-t", length, "-c", "copy", long)
	ffmpeg(t, "-stream_loop", "-1", "-i", talk, "-stream_loop", "-1", "-i", other,
		"-filter_complex", "[0:a]aresample=16000,aformat=channel_layouts=mono[l];[1:a]aresample=16000,aformat=channel_layouts=mono[r];[l][r]join=inputs=2:channel_layout=stereo:map=0.0-FL|1.0-FR", "-t", length, "-b:a", "64k", call)
	for _, name := range []string{"lectures", "interviews", "meetings", "long-audio", "calls"} {
		t.Run(name, func(t *testing.T) {
			file := long
			if name == "calls" {
				file = call
			}
			o := opened{Name: name, Kind: "regions", Project: h.create(t, name), Duration: seconds(t, file)}
			if o.Duration < 0.99*hours*3600 {
				t.Fatalf("the recording has %v s", o.Duration)
			}
			var storage struct{ ID int64 }
			h.call(t, "POST", "/api/storages/localfiles", object{"project": o.Project, "title": name, "path": filepath.Dir(file), "use_blob_urls": true}, &storage)
			h.add(t, o.Project, object{"audio": "/data/local-files/?d=long/" + filepath.Base(file), "alignment": []object{}, "pred_text": ""})
			o.look(t, h, h.main.settled(t, o.Project, 1, 40*time.Minute)[0])
			o.stored(t, h, o.work(t, h, driver))
		})
	}
}

// work opens the task in the page and returns what it corrected there.
func (o *opened) work(t *testing.T, h *house, driver string) string {
	t.Helper()
	out := os.Getenv("ASR_BACKEND_PICTURES")
	if out == "" {
		out = filepath.Join(h.dir, "browser")
	}
	request, err := json.Marshal(object{"studio": h.url, "email": email, "password": password, "out": out, "task": o})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", filepath.Join(driver, "browser.mjs"))
	var said, failed bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(request), &said, &failed
	err = cmd.Run()
	t.Logf("%s\nscreenshots are in %s", said.String(), out)
	if err != nil {
		t.Fatalf("%v\n%s", err, failed.String())
	}
	var did struct{ Corrected string }
	if err := json.Unmarshal(said.Bytes(), &did); err != nil {
		t.Fatal(err)
	}
	return did.Corrected
}

// look takes what the page has to show from a task.
func (o *opened) look(t *testing.T, h *house, k task) {
	t.Helper()
	o.Task = k.ID
	if rows, _ := k.Data["alignment"].([]any); len(rows) > 3 {
		o.Kind, o.Regions = "paragraphs", len(rows)
		late, _ := rows[len(rows)-3].(object)
		o.Late, _ = late["start"].(float64)
	}
	var project struct {
		Config string `json:"label_config"`
	}
	h.call(t, "GET", fmt.Sprintf("/api/projects/%d", o.Project), nil, &project)
	o.Labels = strings.Count(project.Config, "<Label ")
	for _, it := range items(t, k.Predictions[0].Result) {
		if it.Type == "textarea" {
			o.Regions++
		}
	}
	if o.Regions < 100*hours {
		t.Errorf("%s: %d regions in %d hours", o.Name, o.Regions, hours)
	}
}

// stored compares the annotation that was submitted with the prediction: one text is another.
func (o *opened) stored(t *testing.T, h *house, corrected string) {
	t.Helper()
	k := h.tasks(t, o.Project)[0]
	var annotated []struct{ Result []json.RawMessage }
	h.call(t, "GET", fmt.Sprintf("/api/tasks/%d/annotations/", k.ID), nil, &annotated)
	if len(annotated) != 1 {
		t.Fatalf("%s: %d annotations", o.Name, len(annotated))
	}
	got := texts(items(t, annotated[0].Result))
	if o.Kind == "paragraphs" {
		if want, _ := k.Data["pred_text"].(string); len(got) != 1 || got[0] != want+corrected {
			t.Errorf("%s: stored %d texts of %d letters", o.Name, len(got), len(strings.Join(got, "")))
		}
		return
	}
	changed := 0
	for _, text := range got {
		if strings.HasSuffix(text, " corrected") {
			changed++
			if text != corrected {
				t.Errorf("%s: stored %q, want %q", o.Name, text, corrected)
			}
		}
	}
	if predicted := texts(items(t, k.Predictions[0].Result)); len(got) != len(predicted) || changed != 1 {
		t.Errorf("%s: %d texts of %d predicted, %d corrected", o.Name, len(got), len(predicted), changed)
	}
}

func ffmpeg(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ffmpeg", append([]string{"-v", "error", "-y"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
}

// seconds is how long a recording is.
func seconds(t *testing.T, file string) float64 {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	length, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		t.Fatal(err)
	}
	return length
}
