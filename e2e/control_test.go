package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/service/control"
)

// credentials of a backend whose jobs are controlled.
const operator, secret = "operator", "a-password-of-tests"

// jobs runs `asr-backend jobs`, which must succeed, and reads what it prints as JSON.
func (b *backend) jobs(t *testing.T, out any, args ...string) {
	t.Helper()
	raw := b.command(t, "jobs", append(args, "--json")...)
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, raw)
	}
}

// controls cancels a long recording while it is transcribed, kills the backend, and retries it.
func controls(t *testing.T, h *house) {
	address := speaks(t, 8*time.Minute)
	b := h.serve(t, "controlled", serving{token: legacy, signed: true, args: []string{"--threads", "1", "--recordings", "1"}})
	b.ready(t)
	p := h.project(t, "controlled", template(t, "asr-using-segments"))
	c := h.connect(t, p, b)
	h.add(t, p, object{"audio": address + "/long.wav"})
	id := fmt.Sprint(h.tasks(t, p)[0].ID)
	show := func() (d control.Detail) { b.jobs(t, &d, "show", id); return d }
	eventually(t, "the recording is being transcribed", 2*time.Minute, func() bool {
		var list control.List
		b.jobs(t, &list, "list", "--project", fmt.Sprint(p), "--state", "transcribing")
		return list.Total == 1 && show().Percent > 0
	})
	var report control.Report
	b.jobs(t, &report, "cancel", id)
	if report.Counts[control.Cancelled] != 1 {
		t.Fatalf("%+v", report)
	}
	h.upload(t, p, "short.flac", reading(t, 0)) // its turn comes at once
	predictions := func() (n int) {
		for _, k := range h.tasks(t, p) {
			n += len(k.Predictions)
		}
		return n
	}
	eventually(t, "the other task has its prediction", time.Minute, func() bool { return predictions() == 1 })
	b.kill()
	b.start(t)
	b.ready(t)
	h.call(t, "POST", fmt.Sprintf("/api/ml/%d/train", c.ID), object{}, nil) // every task is looked at
	time.Sleep(8 * time.Second)
	if d := show(); d.State != "cancelled" || predictions() != 1 || len(d.Transcriptions) != 1 || d.Transcriptions[0].State != "cancelled" {
		t.Errorf("after a kill: %+v, %d predictions", d, predictions())
	}
	if done := b.lines(t, "recording transcribed"); len(done) != 1 || !strings.Contains(fmt.Sprint(done[0]["file"]), "short") {
		t.Errorf("transcribed: %v", done)
	}
	b.jobs(t, &report, "retry", "--project", fmt.Sprint(p))
	if report.Counts[control.Retried] != 1 {
		t.Errorf("%+v", report)
	}
	b.jobs(t, &report, "prioritize", id)
	eventually(t, "the cancelled task has its prediction", 10*time.Minute, func() bool { return predictions() == 2 })
	if d := show(); d.Push == nil || d.Push.Class != "expedited" {
		t.Errorf("%+v", d)
	}
	b.process.end(syscall.SIGTERM)
}
