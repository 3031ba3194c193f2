package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/service"
)

// long adds recordings of a quarter of an hour to a project and returns their tasks.
func (w *world) long(project int64, n int) []int64 {
	var data []map[string]any
	for i := range n {
		r := tones.Recording{Seconds: 900 + i/4, First: i % 4}
		data = append(data, map[string]any{"audio": w.Upload(project, fmt.Sprintf("long%d.wav", i), r.WAV())})
	}
	return w.AddTasks(project, data...)
}

// delivered returns how many tasks have a prediction.
func (w *world) delivered(tasks []int64) int {
	n := 0
	for _, id := range tasks {
		n += len(w.Predictions(id))
	}
	return n
}

func TestShortRecordingsDoNotWaitForLongOnesOfAnotherProject(t *testing.T) {
	inWorld(t, func(w *world, _ *service.Options) { w.slow = 15 * time.Second }, func(w *world) {
		p, other := w.connected(""), w.connected("")
		w.ready()
		long := w.long(p, 2)
		w.EmitCreated(p, long...)
		w.until("transcribing", time.Minute, func() bool { return len(w.status().Running) == 2 })
		short := w.record(other, 4) // all different
		w.EmitCreated(other, short...)
		w.until("waiting for a turn", 3*time.Minute, func() bool {
			for _, r := range w.status().Running {
				if r.Waiting {
					return r.Project == p && r.DoneS > 0
				}
			}
			return false
		})
		w.until("delivered", time.Hour, func() bool { return w.delivered(short) == len(short) })
		if n := w.delivered(long); n > 0 {
			t.Errorf("%d of the long recordings were transcribed before the short ones", n)
		}
		w.settled(24*time.Hour, append(long, short...)...)
		if n := w.log.Count("recording transcribed"); n != len(long)+len(short) {
			t.Errorf("%d recordings were transcribed", n)
		}
	})
}

// However often one is imported, and whatever became of the turns before.
func TestAShortImportIsDoneInMomentsBesideLongOnes(t *testing.T) {
	inWorld(t, func(w *world, _ *service.Options) { w.slow = time.Second }, func(w *world) {
		p, other := w.connected(""), w.connected("")
		w.ready()
		long := w.long(p, 2)
		w.EmitCreated(p, long...)
		w.until("transcribing", time.Minute, func() bool { return len(w.status().Running) == 2 })
		for i := range 6 {
			project := []int64{p, other}[i%2]
			r := tones.Recording{Seconds: 6 + i, First: i % 4}
			id := w.AddTasks(project, map[string]any{"audio": w.Upload(project, fmt.Sprintf("short%d.wav", i), r.WAV())})
			w.EmitCreated(project, id...)
			w.until(fmt.Sprintf("transcribed: import %d", i), 6*time.Second, func() bool { return w.delivered(id) == 1 })
		}
		if n := w.delivered(long); n > 0 {
			t.Errorf("%d of the long recordings were transcribed meanwhile: nothing was in the way", n)
		}
		w.settled(time.Hour, long...)
	})
}

// More long recordings than may be open at once: one makes room, which is no failure of it.
func TestALongRecordingMakesRoomForOneOfAnotherProject(t *testing.T) {
	if testing.Short() {
		t.Skip("transcribes hours of audio")
	}
	inWorld(t, func(w *world, o *service.Options) { w.slow, o.Recordings = 15*time.Second, 1 }, func(w *world) {
		p, other := w.connected(""), w.connected("")
		w.ready()
		long := w.long(p, 8)
		w.EmitCreated(p, long...)
		w.until("all open", time.Hour, func() bool { return len(w.status().Running) == 7 })
		before := w.delivered(long)
		short := w.record(other, 2)
		w.EmitCreated(other, short...)
		w.until("delivered", 2*time.Hour, func() bool { return w.delivered(short) == len(short) })
		if n := w.delivered(long) - before; n > 0 {
			t.Errorf("%d of the long recordings were transcribed before the short ones", n)
		}
		w.settled(24*time.Hour, long[:2]...)
		if n := w.log.Count("job will be tried again"); n > 0 {
			t.Errorf("making room counts as a failure: %d", n)
		}
	})
}
