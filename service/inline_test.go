package service_test

import (
	"encoding/base64"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/service"
)

// inline returns a data URI with a WAV file of so many bytes, most of them in a chunk that
// decoders pass over.
func inline(r tones.Recording, size int) string {
	wav := r.WAV()
	junk := binary.LittleEndian.AppendUint32([]byte("JUNK"), uint32(size-len(wav)-8))
	wav = slices.Insert(wav, 12, append(junk, make([]byte, size-len(wav)-8)...)...)
	binary.LittleEndian.PutUint32(wav[4:], uint32(len(wav)-8))
	return "data:audio/wav;base64," + base64.StdEncoding.EncodeToString(wav)
}

func TestRecordingsInTheTaskItself(t *testing.T) {
	r := tones.Recording{Seconds: 5}
	for name, c := range map[string]struct {
		size  int
		empty bool // the cache, while the job waits
	}{
		"a short one":                       {size: len(r.WAV()) + 8 + 100},
		"the largest":                       {size: media.MaxInline},
		"one that the cache lost meanwhile": {size: 1 << 20, empty: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world, _ *service.Options) { w.slow = time.Minute }, func(w *world) {
				p := w.connected("")
				w.ready()
				first := w.record(p, 1)[0] // takes the time in which the cache is emptied
				id := w.AddTasks(p, map[string]any{"audio": inline(r, c.size)})[0]
				w.EmitCreated(p, first, id)
				if c.empty {
					w.until("accepted", time.Minute, func() bool { return w.state(id).State != "unknown" })
					w.stop()
					files, err := filepath.Glob(filepath.Join(w.options.Media.CacheDir, "*-inline"))
					if err != nil || len(files) != 1 || os.Remove(files[0]) != nil {
						t.Fatalf("the cache has %q, %v", files, err)
					}
					w.start()
				}
				w.settled(time.Hour, first, id)
				if got := texts(w.Predictions(id)[0]); !slices.Equal(got, r.Regions()) {
					t.Errorf("texts %q, want %q", got, r.Regions())
				}
			})
		})
	}
}

func TestRecordingsInTheTaskThatAreTooLarge(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		id := w.AddTasks(p, map[string]any{"audio": inline(tones.Recording{Seconds: 5}, media.MaxInline+1)})[0]
		w.EmitCreated(p, id)
		w.until("refused", time.Minute, func() bool { return w.state(id).State == "not accepted" })
		if s := w.state(id); !strings.Contains(s.Reason, "too large") || s.Hint == "" && !strings.Contains(s.Reason, "storage") {
			t.Errorf("%+v", s)
		}
	})
}

// What is wrong with one task is no failure of the event that announces it, nor of a look at
// its project.
func TestARecordingInATaskThatIsNoneStopsNoOther(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		bad := func() int64 {
			return w.AddTasks(p, map[string]any{"audio": "data:audio/wav;base64," + strings.Repeat("*", 200<<10)})[0]
		}
		announced := bad()
		ids := w.record(p, 2)
		w.EmitCreated(p, append(ids, announced)...)
		w.settled(time.Minute, ids...)
		w.stop()
		missed := bad()
		ids = w.record(p, 130) // two pages
		w.start()
		w.settled(10*time.Minute, ids...)
		for _, id := range []int64{announced, missed} {
			if s := w.state(id); s.State != "not accepted" || !strings.Contains(s.Reason, "data URI") {
				t.Errorf("%+v", s)
			}
		}
		if n := w.metric("asr_backend_jobs_given_up_total"); n != 0 {
			t.Errorf("%v jobs were given up", n)
		}
		for _, line := range []string{"could not be compared", "job given up"} {
			if strings.Contains(w.log.String(), line) {
				t.Errorf("the log has %q", line)
			}
		}
	})
}

func TestRecordingsInTheTaskWithoutAToken(t *testing.T) {
	r := tones.Recording{Seconds: 5}
	inWorld(t, func(_ *world, o *service.Options) { o.LabelStudio.URL, o.LabelStudio.Token = "", labelstudio.Secret{} }, func(w *world) {
		p := w.connected("")
		w.ready()
		id := w.AddTasks(p, map[string]any{"audio": inline(r, 1<<20)})[0]
		if n := w.retrieve(p, id); n != 1 {
			t.Errorf("%d predictions, %+v", n, w.state(id))
		}
	})
}
