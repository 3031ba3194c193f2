package service_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service"
	"github.com/asr-backend/asr-backend/service/control"
)

// do does something with tasks and returns what became of all of them: one outcome.
func (w *world) do(action control.Action, want string, tasks ...int64) {
	w.t.Helper()
	r, err := w.service.Control(w.t.Context(), action, tasks...)
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Counts[want] != len(tasks) || len(r.Outcomes) != len(tasks) {
		w.t.Fatalf("%s: %+v, want %d %s", action, r, len(tasks), want)
	}
}

// detail returns all about a task.
func (w *world) detail(task int64) control.Detail {
	w.t.Helper()
	d, ok, err := w.service.Controls().Of(w.t.Context(), task)
	if err != nil || !ok {
		w.t.Fatalf("task %d: known %v, %v", task, ok, err)
	}
	return d
}

// stays waits for a while in which tasks stay in a state and get no prediction.
func (w *world) stays(state string, tasks ...int64) {
	w.t.Helper()
	time.Sleep(70 * time.Minute) // the comparison with Label Studio comes every hour
	for _, id := range tasks {
		if s := w.state(id); string(s.State) != state || len(w.Predictions(id)) != 0 {
			w.t.Errorf("task %d: %+v, %d predictions; want %s", id, s, len(w.Predictions(id)), state)
		}
	}
}

func TestACancelledTaskStaysSoUntilSomebodyRetriesIt(t *testing.T) {
	inWorld(t, func(w *world, _ *service.Options) { w.slow = time.Minute }, func(w *world) {
		p := w.connected("")
		w.ready()
		ids := w.long(p, 1)
		w.EmitCreated(p, ids...)
		w.until("under way", 10*time.Minute, func() bool { r := w.status().Running; return len(r) == 1 && r[0].DoneS > 0 })
		w.do(control.Cancel, control.Cancelled, ids...)
		w.until("stopped", 2*time.Minute, func() bool { return len(w.status().Running) == 0 }) // the run of the model ends
		runs := w.metric("asr_backend_model_runs_total")
		w.stays("cancelled", ids...)
		d := w.detail(ids[0])
		if len(d.Transcriptions) != 1 || d.Transcriptions[0].State != "cancelled" || d.Push == nil || d.Push.State != "cancelled" || d.Attention {
			t.Errorf("%+v", d)
		}
		w.do(control.Cancel, control.Cancelled, ids...) // again
		w.EmitCreated(p, ids...)
		w.Emit(p, "PROJECT_UPDATED", nil)
		w.stays("cancelled", ids...)
		w.stop()
		w.start()
		w.ready()
		w.EmitCreated(p, ids...)
		w.stays("cancelled", ids...)
		w.crash()
		w.stays("cancelled", ids...)
		if n := w.log.Count("recording transcribed"); n > 0 {
			t.Errorf("%d recordings were transcribed", n)
		}
		if runs == 0 {
			t.Error("the model has not run before")
		}
		w.hurries.Store(true)
		w.do(control.Retry, control.Retried, ids...)
		w.settled(time.Hour, ids...)
		w.do(control.Cancel, control.Unchanged, ids...)
		w.do(control.Retry, control.Unchanged, ids...)
		w.do(control.Prioritize, control.Unchanged, ids...)
		w.do(control.Cancel, control.NotKnown, 4711)
	})
}

func TestACancelledTaskIsRetriedByWhoOpensIt(t *testing.T) {
	inWorld(t, func(w *world, o *service.Options) { w.slow, o.Recordings = time.Minute, 1 }, func(w *world) {
		p := w.connected("")
		w.ready()
		ids := w.record(p, 4)
		w.EmitCreated(p, ids...)
		w.until("under way", time.Minute, func() bool { return len(w.status().Running) == 1 })
		w.do(control.Cancel, control.Cancelled, ids[1:]...) // some of them may be open and wait for a turn
		w.settled(time.Hour, ids[0])
		w.stays("cancelled", ids[1:]...)
		w.hurries.Store(true)
		w.retrieve(p, ids[1])
		w.settled(time.Hour, ids[:2]...)
		w.stays("cancelled", ids[2:]...)
		w.retrieve(p, ids[2:]...)
		w.settled(time.Hour, ids...)
	})
}

// As long as one of the tasks wants it, the recording is transcribed.
func TestCancelLeavesRecordingsThatOthersWaitFor(t *testing.T) {
	inWorld(t, func(w *world, _ *service.Options) { w.slow = 10 * time.Second }, func(w *world) {
		p := w.connected("")
		w.ready()
		value := w.Upload(p, "long.wav", tones.Recording{Seconds: 300}.WAV())
		ids := w.AddTasks(p, slices.Repeat([]map[string]any{{"audio": value}}, 3)...)
		w.EmitCreated(p, ids...)
		w.until("under way", time.Minute, func() bool { return len(w.status().Running) == 1 })
		w.do(control.Cancel, control.Cancelled, ids[0])
		w.do(control.Cancel, control.Cancelled, ids[1])
		if time.Sleep(5 * time.Second); len(w.status().Running) != 1 {
			t.Error("the recording is not transcribed any more")
		}
		w.do(control.Cancel, control.Cancelled, ids[2])
		w.until("stopped", time.Minute, func() bool { return len(w.status().Running) == 0 })
		w.stays("cancelled", ids...)
		// A new task brings the recording back, and nothing else.
		more := w.AddTasks(p, map[string]any{"audio": value})
		w.EmitCreated(p, more...)
		w.settled(time.Hour, more...)
		w.stays("cancelled", ids...)
		w.do(control.Retry, control.Retried, ids...)
		w.settled(time.Hour, ids...)
		if n := w.log.Count("recording transcribed"); n != 1 {
			t.Errorf("%d transcriptions of one recording", n)
		}
	})
}

func TestRetryHasFreshAttempts(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		broken := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "broken.wav", []byte("RIFFxxxxWAVE"))}, map[string]any{"other": 1})
		w.EmitCreated(p, broken...)
		w.until("given up", 10*time.Minute, func() bool { return w.state(broken[0]).State == "failed" && w.state(broken[1]).State == "not accepted" })
		before := w.detail(broken[0])
		if before.Transcriptions[0].Attempts == 0 || before.Push.Outcome != "not transcribed" || before.Transcriptions[0].File != "broken.wav" {
			t.Errorf("%+v", before)
		}
		w.do(control.Cancel, control.Unchanged, broken...)
		for id, want := range map[int64]string{broken[0]: control.Retried, broken[1]: control.Failed} {
			w.do(control.Retry, want, id)
		}
		w.until("given up again", 10*time.Minute, func() bool {
			d := w.detail(broken[0])
			return d.State == "failed" && d.Transcriptions[0].Ended.After(before.Transcriptions[0].Ended)
		})
		if d := w.detail(broken[0]); d.Transcriptions[0].Attempts != before.Transcriptions[0].Attempts {
			t.Errorf("%d attempts, %d the first time", d.Transcriptions[0].Attempts, before.Transcriptions[0].Attempts)
		}
		whole := w.record(p, 1)
		w.EmitCreated(p, whole...)
		w.settled(time.Hour, whole...)
		runs := w.metric("asr_backend_model_runs_total")
		r, err := w.service.Controls().Do(w.t.Context(), control.Retry, control.Selection{Tasks: whole, Force: true})
		if err != nil || r.Counts[control.Retried] != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		w.until("done again", time.Hour, func() bool {
			return w.metric("asr_backend_model_runs_total") > runs && w.state(whole[0]).State == "pushed"
		})
		w.settled(0, whole...)
	})
}

func TestPrioritizeGoesBeforeImportsAndAfterWhoIsWaiting(t *testing.T) {
	inWorld(t, func(w *world, o *service.Options) { w.slow, o.Recordings = time.Minute, 1 }, func(w *world) {
		p := w.connected("")
		w.ready()
		ids := w.record(p, 4)
		var more []int64
		for i := range 8 {
			r := tones.Recording{Seconds: 6 + i}
			more = append(more, w.AddTasks(p, map[string]any{"audio": w.Upload(p, fmt.Sprintf("m%d.wav", i), r.WAV())})...)
		}
		w.EmitCreated(p, append(ids, more...)...)
		w.until("under way", time.Minute, func() bool { return len(w.status().Running) > 0 })
		last := more[len(more)-1]
		w.do(control.Prioritize, control.Prioritized, last)
		if d := w.detail(last); d.Transcriptions[0].Class != "expedited" || d.Push.Class != "expedited" {
			t.Errorf("%+v", d)
		}
		w.until("delivered", time.Hour, func() bool { return w.delivered([]int64{last}) == 1 })
		if n := w.delivered(append(ids, more[:7]...)); n > 3 {
			t.Errorf("%d others were done before", n)
		}
		w.settled(24*time.Hour, append(ids, more...)...)
	})
}

// A recording that runs as an import, beside others, goes on in a higher class once its task is
// opened or prioritized.
func TestARunningImportIsRaised(t *testing.T) {
	for name, raise := range map[string]struct {
		do    func(w *world, project, task int64)
		class priority.Class
	}{
		"prioritized": {func(w *world, _, task int64) { w.do(control.Prioritize, control.Prioritized, task) }, priority.Expedited},
		"opened":      {func(w *world, project, task int64) { w.retrieve(project, task) }, priority.Opened},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world, o *service.Options) {
				w.slow, o.Recordings, o.PredictWait = 3*time.Second, 1, -1
			}, func(w *world) {
				p := w.connected("")
				w.ready()
				ids := w.long(p, 3)
				w.EmitCreated(p, ids...)
				w.until("all open", time.Hour, func() bool { return len(w.status().Running) == len(ids) })
				last := ids[len(ids)-1]
				before := w.detail(last)
				raise.do(w, p, last)
				w.until("raised", 10*time.Second, func() bool { return w.detail(last).Transcriptions[0].Class == raise.class.String() })
				w.until("delivered", 24*time.Hour, func() bool { return w.delivered([]int64{last}) == 1 })
				if n := w.delivered(ids); n != 1 {
					t.Errorf("%d were done, with the one that was raised at %v", n, before.Percent)
				}
				w.settled(24*time.Hour, ids...)
				if n := w.log.Count("recording transcribed"); n != len(ids) {
					t.Errorf("%d transcriptions", n)
				}
			})
		})
	}
}
