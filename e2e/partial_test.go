package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// testRequest is the button Send Test Request in a project with one task. It returns the answer
// that the page shows.
func (h *house) testRequest(t *testing.T, c connection) string {
	t.Helper()
	var shown struct {
		Response json.RawMessage `json:"response"`
	}
	h.call(t, "POST", fmt.Sprintf("/api/ml/%d/predict/test?random=true", c.ID), object{}, &shown)
	return string(shown.Response)
}

// showsInPart transcribes a recording of a quarter of an hour, shows it in part, and kills the backend
// again and again. The task has one prediction at each moment, and Send Test Request says what
// there is.
func showsInPart(t *testing.T, h *house) {
	address := speaks(t, 15*time.Minute)
	b := h.serve(t, "partial", serving{token: legacy, args: []string{"--threads", "1"}})
	b.ready(t)
	p := h.project(t, "partial", template(t, "asr-using-segments"))
	c := h.connectWith(t, p, b, object{"partial": 1})
	h.add(t, p, object{"audio": address + "/a-quarter.wav"})
	// look returns the version and the length of the one prediction, if there is one.
	look := func() (version string, items int) {
		rows := h.tasks(t, p)[0].Predictions
		if len(rows) > 1 {
			t.Fatalf("the task has %d predictions: %s and %s", len(rows), rows[0].Version, rows[1].Version)
		}
		if len(rows) == 0 {
			return "", 0
		}
		return rows[0].Version, len(rows[0].Result)
	}
	const kills = 3 // as far as the recording lasts
	longest, parts, tested := 0, 0, false
	eventually(t, "the whole prediction is there", 10*time.Minute, func() bool {
		version, items := look()
		switch {
		case version == c.Version:
			return items > longest
		case version != "" && version != c.Version+"-partial":
			t.Fatalf("version %s", version)
		case items < longest:
			t.Fatalf("the partial prediction has %d items and had %d", items, longest)
		case items > longest:
			longest = items
			parts++
			if !tested {
				tested = true
				// On a fast machine it may be transcribed by now.
				if shown := h.testRequest(t, c); !strings.Contains(shown, `"reason"`) || !strings.Contains(shown, "being transcribed") && !strings.Contains(shown, "in a moment") {
					t.Errorf("Send Test Request shows %s", shown)
				}
			}
			if parts <= kills {
				b.kill()
				b.start(t)
			}
		}
		return false
	})
	if parts == 0 {
		t.Error("there was no partial prediction")
	}
	t.Logf("%d partial predictions, and %d kills", parts, min(parts, kills))
	waitPushed(t, b, p)
	b.settled(t, p, 1, 0)
	time.Sleep(11 * time.Second) // before that, the request could be one that asks for what is missing
	if shown := h.testRequest(t, c); strings.Contains(shown, `"reason"`) || !strings.Contains(shown, c.Version) {
		t.Errorf("Send Test Request shows %.300s", shown)
	}
	b.process.end(15)
}
