package service_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden replies")

// anyVersion is a version of the toy model, in JSON.
var anyVersion = regexp.MustCompile(`"tones-[0-9a-f]{12}"`)

// requestID is an id that is made for each request.
var requestID = regexp.MustCompile(`"request_id": "[0-9a-f]+"`)

// predictRequest is what the tests need of a request for predictions.
type predictRequest struct {
	Config string `json:"label_config"`
	Tasks  []struct {
		Data map[string]any `json:"data"`
	} `json:"tasks"`
}

// uploads puts a recording wherever the tasks of a request say that one is. Nothing is
// where a cloud storage would be.
func (w *world) uploads(r predictRequest) {
	w.t.Helper()
	for i, task := range r.Tasks {
		for _, v := range task.Data {
			value, _ := v.(string)
			if strings.HasPrefix(value, "/data/") {
				w.Put(value, tones.Recording{Seconds: 6, First: i}.WAV())
			}
		}
	}
}

// TestRealRequests replays what a real Label Studio sent, in its order, and holds the
// replies of the service with the toy model to testdata/replies. The tasks are none of the
// fake Label Studio's, so that nothing is pushed. label-studio-sdk then judges the
// replies under the configuration that came with the request.
func TestRealRequests(t *testing.T) {
	var questions []oracle.Predictions
	inWorld(t, nil, func(w *world) {
		w.ready()
		for _, c := range labelstudiotest.Captures() {
			var r predictRequest
			if c.Path == "/predict" {
				if err := json.Unmarshal(c.Body, &r); err != nil {
					t.Fatal(err)
				}
				w.uploads(r)
			}
			raw := w.replay(c, c.Name, c.Body)
			if c.Path == "/setup" && bytes.Contains(raw, []byte("extra params")) {
				// Somebody typed what another backend knows; it is taken back.
				w.replay(c, c.Name+"-corrected", withoutExtra(t, c.Body))
			}
			if c.Path == "/predict" {
				var said struct{ Results json.RawMessage }
				if err := json.Unmarshal(raw, &said); err != nil {
					t.Fatalf("%s: %v in %s", c.Name, err, raw)
				}
				questions = append(questions, oracle.Predictions{Name: c.Name, Config: r.Config, Tasks: len(r.Tasks), Results: said.Results})
			}
			time.Sleep(20 * time.Minute) // each request is one of its own
		}
	})
	if n := oracle.ValidatePredictions(t, questions); n < 10 {
		t.Errorf("the replies have only %d items", n)
	}
}

// replay sends a captured request with a body and holds the reply to its golden file.
func (w *world) replay(c labelstudiotest.Capture, name string, body []byte) []byte {
	w.t.Helper()
	reply, err := w.service.Test(c.RequestWith(body))
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	defer reply.Body.Close()
	raw, err := io.ReadAll(reply.Body)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	golden(w.t, name, reply.Status, raw)
	return raw
}

// withoutExtra returns the body of a request for /setup with empty extra params.
func withoutExtra(t *testing.T, body []byte) []byte {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(body, &fields); err != nil {
		t.Fatal(err)
	}
	fields["extra_params"] = map[string]any{}
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// golden holds a reply to its file. Versions are digests of the model and the program, and
// left out.
func golden(t *testing.T, name, status string, raw []byte) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, raw, "", " "); err != nil {
		t.Errorf("%s: %v in %s", name, err, raw)
		return
	}
	got := status + "\n" + anyVersion.ReplaceAllString(pretty.String(), `"tones-VERSION"`) + "\n"
	got = requestID.ReplaceAllString(got, `"request_id": "ID"`)
	file := filepath.Join("testdata", "replies", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}
