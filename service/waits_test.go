package service_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"
)

// shown sends a test request for a task and returns what the page shows: how many results its
// prediction has, or why there is none.
func (w *world) shown(id int64) (results int, reason string) {
	w.t.Helper()
	raw, err := w.Test(id)
	// One prediction is an object, and a reason stands in a list.
	var answer struct {
		Result []json.RawMessage
		Reason string
	}
	if err == nil {
		err = json.Unmarshal(bytes.Trim(raw, "[]"), &answer)
	}
	if err != nil {
		w.t.Fatalf("test request: %s, %v", raw, err)
	}
	return len(answer.Result), answer.Reason
}

// atOnce runs what a person waits for, and reports if it takes longer than two seconds.
func (w *world) atOnce(what string, do func()) {
	w.t.Helper()
	start := time.Now()
	do()
	if took := time.Since(start); took > 2*time.Second {
		w.t.Errorf("%s took %v", what, took)
	}
}

// A quarter of an hour takes minutes here. Nobody waits for it, whichever way he asks.
func TestNobodyWaitsForWhatIsNotReadyInTime(t *testing.T) {
	inWorld(t, func(w *world, _ *service.Options) { w.slow = 15 * time.Second }, func(w *world) {
		p := w.connected("")
		w.ready()
		long := w.long(p, 1)
		w.EmitCreated(p, long...)
		w.until("far enough to know its speed", 5*time.Minute, func() bool {
			r := w.status().Running
			return len(r) == 1 && r[0].DoneS > 200
		})
		w.atOnce("opening the task", func() {
			if n, err := w.Open(long[0]); n != 0 || err != nil {
				t.Errorf("%d predictions, %v", n, err)
			}
		})
		w.atOnce("Retrieve Predictions", func() {
			if n := w.retrieve(p, long...); n != 0 {
				t.Errorf("%d predictions", n)
			}
		})
		w.atOnce("Send Test Request", func() {
			_, reason := w.shown(long[0])
			for _, part := range []string{"being transcribed", "of 15:00 are done", "the rest takes about", "stored in Label Studio when it is ready"} {
				if !strings.Contains(reason, part) {
					t.Errorf("the reason %q does not say %q", reason, part)
				}
			}
		})
		if !strings.Contains(w.log.String(), `"reason":"the recording is being transcribed`) {
			t.Error("the log does not have the reason")
		}
		w.settled(time.Hour, long...)
		time.Sleep(20 * time.Second) // then it was not stored while the request was made
		w.atOnce("Send Test Request", func() {
			if n, reason := w.shown(long[0]); n == 0 {
				t.Errorf("nothing is shown of the prediction: %q", reason)
			}
		})
	})
}

// Nothing is known of a recording whose server does not answer, or of the first one if it does not
// get on. Nobody waits for these, and short ones are answered in full.
func TestNobodyWaitsForWhatIsNotKnown(t *testing.T) {
	for name, c := range map[string]struct {
		slow  time.Duration
		known bool // that there is a recording at all
		want  string
	}{
		"a server that does not answer": {0, false, "is being downloaded and opened"},
		"a model that does not get on":  {time.Minute, true, "0:00 of 0:05 are done"},
		"a short one":                   {time.Second, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world, _ *service.Options) { w.slow = c.slow }, func(w *world) {
				p := w.connected("")
				w.ready()
				ids := w.AddTasks(p, map[string]any{"audio": "/data/upload/1/on-its-way.wav"})
				if c.known {
					ids = w.record(p, 1)
				}
				w.atOnce("Send Test Request", func() {
					if n, reason := w.shown(ids[0]); (n > 0) != (c.want == "") || !strings.Contains(reason, c.want) {
						t.Errorf("%d results, reason %q", n, reason)
					}
				})
				w.atOnce("opening the task", func() {
					if _, err := w.Open(ids[0]); err != nil {
						t.Error(err)
					}
				})
			})
		})
	}
}

// A download that states its length is waited for, if the rest of it is there in time.
func TestADownloadThatIsThereInTimeIsWaitedFor(t *testing.T) {
	w := remote(t, labelstudiotest.Options{})
	const uri = "s3://bucket/slow.wav"
	bucket := labelstudiotest.New(t, labelstudiotest.Options{})
	underWay := make(chan struct{})
	bucket.Handle("/a.wav", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		body, n := tones.Recording{Seconds: 5}.WAV(), 0
		rw.Header().Set("Content-Type", "audio/wav")
		rw.Header().Set("Content-Length", strconv.Itoa(len(body)))
		for chunk := range slices.Chunk(body, len(body)/40) {
			_, _ = rw.Write(chunk) // the client is gone
			_ = http.NewResponseController(rw).Flush()
			time.Sleep(100 * time.Millisecond)
			if n++; n == 10 {
				close(underWay)
			}
		}
	}))
	w.AddCloudFile(uri, bucket.URL+"/a.wav")
	p := w.connected("")
	id := w.AddTasks(p, map[string]any{"audio": uri})[0]
	w.EmitCreated(p, id)
	<-underWay
	if n, reason := w.shown(id); n == 0 {
		t.Errorf("no results: %s", reason)
	}
}
