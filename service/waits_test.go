package service_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

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
