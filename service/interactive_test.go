package service_test

import (
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"

	"github.com/google/go-cmp/cmp"
)

// drawn is a region as the page sends it.
func drawn(id string, start, end float64) any {
	return map[string]any{"id": id, "from_name": "labels", "to_name": "audio", "type": "labels", "origin": "manual",
		"value": map[string]any{"start": start, "end": end, "channel": 0, "labels": []string{"Noise"}}}
}

// item is an item of a result.
type item struct {
	ID, Type string
	Value    struct {
		Start, End float64
		Text       []string
		Labels     []string
	}
}

func items(r labelstudiotest.Prediction) []item {
	var out []item
	for _, raw := range r.Result {
		var it item
		_ = json.Unmarshal(raw, &it) // the zero item is none that a test wants
		out = append(out, it)
	}
	return out
}

func TestADrawnRegionGetsItsText(t *testing.T) {
	for _, transcribed := range []bool{false, true} {
		name := "before the recording is transcribed"
		if transcribed {
			name = "from the recording's transcript"
		}
		t.Run(name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				p := w.connected("")
				w.ready()
				r := tones.Recording{Seconds: 60}
				id := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "a.wav", r.WAV())})[0]
				if transcribed {
					w.EmitCreated(p, id)
					w.settled(time.Minute, id)
				}
				// The second region begins with the tone at 4.96 s.
				got := w.interact(id, []any{drawn("abc", 4.6, 6.2)})
				if got.Version != w.version(p) {
					t.Errorf("version %q, want %q", got.Version, w.version(p))
				}
				if d := cmp.Diff([]string{"one two"}, texts(got)); d != "" {
					t.Errorf("want (-), got (+):\n%s", d)
				}
				for _, it := range items(got) {
					if it.ID != "abc" || it.Value.Start != 4.6 || it.Value.End != 6.2 {
						t.Errorf("item %+v is not of the region", it)
					}
					if it.Type == "labels" && (len(it.Value.Labels) != 1 || it.Value.Labels[0] != "Noise") {
						t.Errorf("labels %v", it.Value.Labels)
					}
				}
				if n := len(items(got)); n != 2 {
					t.Errorf("%d items, want the label and the text", n)
				}
				time.Sleep(3 * time.Minute)
				if rows := w.Predictions(id); len(rows) > 1 {
					t.Errorf("%d rows", len(rows))
				}
			})
		})
	}
}

// What cannot be answered is an object too, without items.
func TestAnInteractiveAnswerIsAlwaysAnObject(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		id := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "a.wav", tones.Recording{Seconds: 60}.WAV())})[0]
		gone := w.AddTasks(p, map[string]any{"audio": "/data/upload/9/gone.wav"})[0]
		for name, c := range map[string]struct {
			task    int64
			regions []any
		}{
			"silence":           {id, []any{drawn("a", 0.1, 0.5)}},
			"no regions":        {id, []any{}},
			"an empty region":   {id, []any{drawn("a", 5, 5)}},
			"beyond the end":    {id, []any{drawn("a", 70, 80)}},
			"no such recording": {gone, []any{drawn("a", 1, 2)}},
			"another tag's":     {id, []any{map[string]any{"id": "q", "from_name": "x", "to_name": "y", "type": "choices", "value": map[string]any{"choices": []string{"a"}}}}},
		} {
			if got := w.interact(c.task, c.regions); len(got.Result) != 0 {
				t.Errorf("%s: %+v", name, items(got))
			}
		}
		if s := w.state(gone); s.State != "region not transcribed" || s.Reason == "" {
			t.Errorf("state %+v", s)
		}
	})
}

func TestSeveralDrawnRegionsAreAnsweredTogether(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		id := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "a.wav", tones.Recording{Seconds: 60}.WAV())})[0]
		got := w.interact(id, []any{drawn("first", 0.6, 2.2), drawn("second", 4.6, 5.4)})
		said := map[string]string{}
		for _, it := range items(got) {
			if len(it.Value.Text) > 0 {
				said[it.ID] = it.Value.Text[0]
			}
		}
		if d := cmp.Diff(map[string]string{"first": "one two", "second": "one"}, said); d != "" {
			t.Errorf("want (-), got (+):\n%s", d)
		}
	})
}

// Long recordings are being transcribed by every worker, and an annotator draws a region: it is
// run before what waits.
func TestADrawnRegionGoesAheadOfEverythingElse(t *testing.T) {
	inWorld(t, func(w *world, _ *service.Options) { w.slow = 2 * time.Second }, func(w *world) {
		p := w.connected("")
		w.ready()
		var data []map[string]any
		for i := range 6 {
			r := tones.Recording{Seconds: 1200, First: i % 4}
			data = append(data, map[string]any{"audio": w.Upload(p, string(rune('a'+i))+".wav", r.WAV())})
		}
		ids := w.AddTasks(p, data...)
		w.EmitCreated(p, ids...)
		w.until("transcribing", time.Minute, func() bool { return len(w.status().Running) >= 2 })
		id := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "drawn.wav", tones.Recording{Seconds: 30}.WAV())})[0]
		time.Sleep(10 * time.Second)
		before := w.metric("asr_backend_model_runs_total")
		start := time.Now()
		got := w.interact(id, []any{drawn("abc", 4.6, 6.2)})
		if d := cmp.Diff([]string{"one two"}, texts(got)); d != "" {
			t.Errorf("want (-), got (+):\n%s", d)
		}
		// The run under way is not broken off, and the region's own comes next.
		if runs := w.metric("asr_backend_model_runs_total") - before; runs > 3 || time.Since(start) > 7*time.Second {
			t.Errorf("the region was answered after %v runs and %v", runs, time.Since(start))
		}
		if n := w.log.Count("recording transcribed"); n > 2 {
			t.Errorf("%d recordings were transcribed meanwhile: nothing was in the way", n)
		}
	})
}

// While a model loads, the page gets its answer in time, and says nothing.
func TestAnInteractiveRequestDoesNotWaitForAModelForEver(t *testing.T) {
	inWorld(t, func(_ *world, o *service.Options) { slowly(o, 5*time.Minute) }, func(w *world) {
		p := w.project("")
		id := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "a.wav", tones.Recording{Seconds: 9}.WAV())})[0]
		w.until("connected", 10*time.Minute, func() bool { return w.connect(p, "") == nil })
		w.until("loading again", time.Minute, func() bool { return w.service.Ready() != nil })
		start := time.Now()
		got := w.interact(id, []any{drawn("abc", 0.6, 2.2)})
		if took := time.Since(start); len(got.Result) != 0 || took > 30*time.Second {
			t.Errorf("%d items after %v", len(got.Result), took)
		}
	})
}

// stereo puts two recordings of the same length side by side.
func stereo(left, right []byte) []byte {
	const header = 44
	out := append([]byte(nil), left[:header]...)
	out[22] = 2 // channels
	size := uint32(2 * (len(left) - header))
	binary.LittleEndian.PutUint32(out[4:], size+header-8)
	binary.LittleEndian.PutUint32(out[28:], 2*binary.LittleEndian.Uint32(left[28:]))
	out[32] = 4 // bytes of a frame
	binary.LittleEndian.PutUint32(out[40:], size)
	for i := header; i < len(left); i += 2 {
		out = append(out, left[i], left[i+1], right[i], right[i+1])
	}
	return out
}

// A region belongs to a channel: that the other one has words there says nothing about it.
func TestADrawnRegionIsTranscribedOnItsOwnChannel(t *testing.T) {
	const config = `<View><Labels name="labels" toName="audio"><Label value="Speech"/></Labels>` +
		`<Audio name="audio" value="$audio" splitchannels="true"/><TextArea name="transcription" toName="audio" perRegion="true"/></View>`
	inWorld(t, nil, func(w *world) {
		p := w.connected(config)
		value := w.Upload(p, "a.wav", stereo(tones.Recording{Seconds: 5}.WAV(), make([]byte, len(tones.Recording{Seconds: 5}.WAV()))))
		id := w.AddTasks(p, map[string]any{"audio": value})[0]
		w.EmitCreated(p, id)
		w.settled(time.Minute, id)
		region := func(channel int) any {
			return map[string]any{"id": "x", "from_name": "labels", "to_name": "audio", "type": "labels", "origin": "manual",
				"value": map[string]any{"start": 0.6, "end": 3.8, "channel": channel, "labels": []string{"Speech"}}}
		}
		runs := w.metric("asr_backend_interactive_seconds")
		if got := texts(w.interact(id, []any{region(0)})); len(got) != 1 || got[0] != "one two three four" {
			t.Errorf("the channel with words: %q", got)
		}
		if n := w.metric("asr_backend_interactive_seconds"); n != runs {
			t.Error("a region that was transcribed already was transcribed again")
		}
		if got := texts(w.interact(id, []any{region(1)})); len(got) != 0 {
			t.Errorf("the silent channel: %q", got)
		}
		if n := w.metric("asr_backend_interactive_seconds"); n != runs+1 {
			t.Error("a region of a channel without words was not transcribed")
		}
	})
}
