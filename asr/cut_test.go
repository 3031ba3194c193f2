package asr_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"

	"pgregory.net/rapid"
)

// cut returns the first and the end row of each window that the model runs over.
func cut(t testing.TB, w asr.Window, n timeline.Sample) (windows [][2]timeline.Row) {
	r := asr.NewSimulated(t, 2, w)
	defer r.End()
	stop := make(chan struct{})
	defer close(stop)
	go r.FinishAll(stop)
	recognize(t, r.Recognizer, &recording{n: n, sample: noise}, asr.Request{Save: func(_ int, start timeline.Row, s *ctc.Saved) {
		windows = append(windows, [2]timeline.Row{start, start + timeline.Row(len(s.Rows))})
	}})
	return windows
}

// Windows cover a recording without gaps, begin at every step, and each row is in the middle of one, but
// for the ends of the recording. Only the last may be shorter, and it may begin between steps.
func TestWindowsCoverARecording(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := asr.Window{Rows: timeline.Row(rapid.IntRange(3, 60).Draw(rt, "rows"))}
		w.Context = timeline.Row(rapid.IntRange(1, int(w.Rows-1)/2).Draw(rt, "context"))
		w.Last = timeline.Row(rapid.IntRange(0, int(w.Rows)).Draw(rt, "last"))
		n := timeline.Sample(rapid.IntRange(160, 200*1280).Draw(rt, "samples"))
		rows := timeline.RowsIn(timeline.FramesIn(n))
		got := cut(t, w, n)
		shortest := w.Last
		if shortest == 0 {
			shortest = w.Rows
		}
		step := w.Rows - 2*w.Context
		for i, at := range got {
			last := i == len(got)-1
			switch long := at[1] - at[0]; {
			case i == 0 && at[0] != 0, last && at[1] != rows:
				rt.Fatalf("%v does not cover %d rows", got, rows)
			case i > 0 && got[i-1][1]-at[0] < 2*w.Context:
				rt.Fatalf("windows of %v share less than %d rows", got, 2*w.Context)
			case !last && (long != w.Rows || at[0] != timeline.Row(i)*step):
				rt.Fatalf("%v: want windows of %d rows every %d", got, w.Rows, step)
			case last && i > 0 && (long > w.Rows || long < shortest || at[0] > timeline.Row(i)*step || long > shortest && at[0] != timeline.Row(i)*step):
				rt.Fatalf("%v: want a last window at row %d, or of %d rows", got, timeline.Row(i)*step, shortest)
			}
		}
	})
}

// A recording that is little longer than a window costs little more.
func TestTheLastWindowIsNoLongerThanItNeedsToBe(t *testing.T) {
	for length, want := range map[time.Duration]string{
		4 * time.Second:          "[[0 50]]",
		25600 * time.Millisecond: "[[0 320]]",
		25700 * time.Millisecond: "[[0 320] [242 322]]",
		27 * time.Second:         "[[0 320] [258 338]]",
		36 * time.Second:         "[[0 320] [280 450]]",
		48 * time.Second:         "[[0 320] [280 600]]",
		50 * time.Second:         "[[0 320] [280 600] [545 625]]",
	} {
		if got := fmt.Sprint(cut(t, asr.DefaultWindow, timeline.SampleAt(length))); got != want {
			t.Errorf("%v: windows %s, want %s", length, got, want)
		}
	}
}
