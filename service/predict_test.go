package service_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"

	"github.com/google/go-cmp/cmp"
)

func TestAnImportedTaskGetsItsPredictionBeforeItIsOpened(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		r := tones.Recording{Seconds: 9, First: 2}
		id := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "a.wav", r.WAV())})[0]
		if status := w.EmitCreated(p, id); status != 201 {
			t.Fatalf("webhook: %d", status)
		}
		w.settled(time.Minute, id)
		if d := cmp.Diff(r.Regions(), texts(w.Predictions(id)[0])); d != "" {
			t.Errorf("want (-), got (+):\n%s", d)
		}
		if s := w.Predictions(id)[0].Score; s <= 0 || s > 1 {
			t.Errorf("score %v", s)
		}
	})
}

func TestPredictAnswersWhatIsReadyInTime(t *testing.T) {
	inWorld(t, func(w *world, _ *service.Options) { w.slow = 5 * time.Second }, func(w *world) {
		p := w.connected("")
		w.ready()
		first := w.record(p, 1) // from which the service knows how long one takes
		w.EmitCreated(p, first...)
		w.settled(time.Minute, first...)
		ids := w.record(p, 3)
		start := time.Now()
		if n := w.retrieve(p, ids...); n != 3 {
			t.Errorf("got %d predictions in answer to /predict, want 3", n)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("the answer took %v", took)
		}
		w.settled(0, ids...)
		// The pushes run, look, and find everything in place.
		time.Sleep(5 * time.Minute)
		w.settled(0, ids...)
		if s := w.state(ids[0]).State; s != "pushed" {
			t.Errorf("state %q", s)
		}
	})
}

func TestPredictAnswersNotNowInTimeAndPushesLater(t *testing.T) {
	inWorld(t, func(w *world, o *service.Options) { w.slow, o.PredictWait = 4*time.Minute, 10*time.Second }, func(w *world) {
		p := w.connected("")
		w.ready()
		ids := w.record(p, 2)
		start := time.Now()
		if n := w.retrieve(p, ids...); n != 0 {
			t.Errorf("got %d predictions from a model that takes four minutes", n)
		}
		if took := time.Since(start); took > 11*time.Second {
			t.Errorf("the answer took %v, want at most 10 s", took)
		}
		if s := w.state(ids[0]).State; s != "transcribing" {
			t.Errorf("state %q", s)
		}
		if n := w.retrieve(p, ids...); n != 0 {
			t.Errorf("got %d predictions when asked again", n)
		}
		w.settled(10*time.Minute, ids...)
		if n := w.metric("asr_backend_model_runs_total"); n != 2 {
			t.Errorf("%v runs of the model for two recordings of one window", n)
		}
	})
}

func TestTasksOfARequestThatAreReadyDoNotWaitForOneThatIsNot(t *testing.T) {
	inWorld(t, func(w *world, o *service.Options) { o.PredictWait = 20 * time.Second }, func(w *world) {
		p := w.connected("")
		w.ready()
		missing := w.AddTasks(p, map[string]any{"audio": "/data/upload/1/on-its-way.wav"}) // its server does not answer
		ids := append(missing, w.record(p, 4)...)
		if n := w.retrieve(p, ids...); n != 4 {
			t.Errorf("got %d predictions, want 4", n)
		}
		w.settled(0, ids[1:]...)
	})
}

func TestABadTaskSpoilsNoOther(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		bad := w.AddTasks(p,
			map[string]any{"text": "no recording"},
			map[string]any{"audio": nil},
			map[string]any{"audio": 7},
			map[string]any{"audio": "http://169.254.169.254/latest"},
			map[string]any{"audio": w.Upload(p, "empty.wav", nil)},
			map[string]any{"audio": w.Upload(p, "text.wav", []byte("this is no sound"))},
			map[string]any{"audio": "data:audio/wav;base64,!!!"},
		)
		good := w.record(p, 2)
		ids := append(append([]int64{good[0]}, bad...), good[1])
		if n := w.retrieve(p, ids...); n != 2 {
			t.Errorf("got %d predictions, want 2", n)
		}
		w.settled(0, good...)
		for _, id := range bad {
			s := w.state(id)
			if s.State != "failed" && s.State != "not accepted" || s.Reason == "" {
				t.Errorf("task with %v: %+v", w.Data(id), s)
			}
		}
	})
}

// The first visit of a task makes Label Studio ask twice at once.
func TestParallelVisitsGiveOneRow(t *testing.T) {
	for _, slow := range []time.Duration{0, 3 * time.Second, 80 * time.Second} {
		t.Run(fmt.Sprint("a model that takes ", slow), func(t *testing.T) {
			inWorld(t, func(w *world, _ *service.Options) {
				w.slow = slow
				w.SetStoring(2 * time.Second)
			}, func(w *world) {
				p := w.connected("")
				w.ready()
				ids := w.record(p, 1)
				var visits sync.WaitGroup
				for range 4 {
					visits.Go(func() { w.Open(ids[0]) })
				}
				visits.Wait()
				w.settled(2*time.Minute, ids...)
				time.Sleep(5 * time.Minute)
				w.settled(0, ids...)
				if n := w.metric("asr_backend_model_runs_total"); n != 1 {
					t.Errorf("%v runs of the model", n)
				}
			})
		})
	}
}

func TestARecordingInManyTasksIsTranscribedOnce(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, other := w.connected(""), w.connected("")
		value := w.Upload(p, "a.wav", tones.Recording{Seconds: 5}.WAV())
		var ids []int64
		for range 20 {
			ids = append(ids, w.AddTasks(p, map[string]any{"audio": value})...)
		}
		w.EmitCreated(p, ids...)
		if n := w.retrieve(p, ids...); n > 20 {
			t.Errorf("%d predictions for 20 tasks", n)
		}
		far := w.AddTasks(other, map[string]any{"audio": value})
		w.EmitCreated(other, far...)
		w.settled(5*time.Minute, append(ids, far...)...)
		if n := w.metric("asr_backend_model_runs_total"); n != 1 {
			t.Errorf("%v runs of the model for one recording", n)
		}
		if n := w.log.Count("recording transcribed"); n != 1 {
			t.Errorf("%d recordings were transcribed", n)
		}
	})
}

func TestADeletedPredictionIsGivenAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		lost bool // the answer to the request that asks again
		wait time.Duration
	}{
		{"a moment later", false, 5 * time.Second}, {"an hour later", false, time.Hour},
		{"a moment later, and the answer is lost", true, 5 * time.Second}, {"an hour later, and the answer is lost", true, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				p := w.connected("")
				ids := w.record(p, 1)
				w.EmitCreated(p, ids...)
				w.settled(time.Minute, ids...)
				time.Sleep(c.wait)
				w.DeletePredictions(ids[0])
				n := w.retrieve(p, ids...)
				if c.lost {
					w.DeletePredictions(ids[0])
				} else if n != 1 {
					t.Errorf("got %d predictions, want the one that was deleted", n)
				}
				time.Sleep(5 * time.Minute)
				w.settled(0, ids...)
				if n := w.log.Count("recording transcribed"); n != 1 {
					t.Errorf("transcribed %d times", n)
				}
			})
		})
	}
}

// Label Studio may have read the task before the delivery and ask after it.
func TestARequestThatMissedThePushAddsNoRow(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 1)
		old := w.Snapshot(p, ids...)
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		time.Sleep(time.Second)
		if n, err := w.RetrieveFrom(old); n != 0 || err != nil {
			t.Errorf("%d more rows, %v", n, err)
		}
		time.Sleep(5 * time.Minute)
		w.settled(0, ids...)
	})
}

func TestRequestsByHand(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.ready()
		r := tones.Recording{Seconds: 5, First: 1}
		data := map[string]any{"audio": w.Upload(1, "a.wav", r.WAV())}
		for name, body := range map[string]any{
			"one task in place of a list": map[string]any{"tasks": map[string]any{"data": data}, "label_config": segments},
			"no project":                  map[string]any{"tasks": []any{map[string]any{"data": data}}, "label_config": segments},
			"the same task twice":         map[string]any{"tasks": []any{map[string]any{"id": 5, "data": data}}, "label_config": segments},
			"unknown keys":                map[string]any{"tasks": []any{map[string]any{"data": data, "x": 1}}, "label_config": segments, "y": nil},
		} {
			status, reply := w.call("POST", "/predict", body)
			var got struct {
				Results []labelstudiotest.Prediction
			}
			if err := json.Unmarshal(reply, &got); err != nil || status != 200 || len(got.Results) != 1 {
				t.Errorf("%s: %d %s", name, status, reply)
				continue
			}
			if d := cmp.Diff(r.Regions(), texts(got.Results[0])); d != "" {
				t.Errorf("%s: want (-), got (+):\n%s", name, d)
			}
		}
		// Without a configuration there is nothing to fill.
		status, reply := w.call("POST", "/predict", map[string]any{"tasks": []any{map[string]any{"data": data}}})
		if status != 200 || !strings.HasPrefix(string(reply), `{"results":[[{"reason":"`) {
			t.Errorf("without a configuration: %d %s", status, reply)
		}
	})
}

func TestWithoutWaitingEverythingIsPushed(t *testing.T) {
	inWorld(t, func(_ *world, o *service.Options) { o.PredictWait = -1 }, func(w *world) {
		p := w.connected("")
		w.ready()
		ids := w.record(p, 5)
		start := time.Now()
		if n := w.retrieve(p, ids...); n != 0 || time.Since(start) > time.Second {
			t.Errorf("%d predictions after %v", n, time.Since(start))
		}
		w.settled(time.Minute, ids...)
	})
}

// Without a token the answer to /predict is the only way, and it is given each time.
func TestWithoutATokenAnswersAreTheOnlyWay(t *testing.T) {
	inWorld(t, func(_ *world, o *service.Options) { o.LabelStudio.URL, o.LabelStudio.Token = "", labelstudio.Secret{} }, func(w *world) {
		p := w.connected("")
		w.ready()
		ids := w.record(p, 1)
		if n := w.retrieve(p, ids...); n != 1 {
			t.Errorf("%d predictions", n)
		}
		time.Sleep(5 * time.Minute)
		w.settled(0, ids...)
		if s := w.status(); s.APIProblem == "" {
			t.Error("/status does not say that the token is missing")
		}
		if s := w.state(ids[0]); s.State != "transcribed" || s.Version != w.version(p) {
			t.Errorf("/status shows %+v", s)
		}
	})
}

func TestWithoutATokenFailuresAreShownToo(t *testing.T) {
	inWorld(t, func(_ *world, o *service.Options) { o.LabelStudio.URL, o.LabelStudio.Token = "", labelstudio.Secret{} }, func(w *world) {
		p := w.connected("")
		w.ready()
		damaged := w.Upload(p, "damaged.wav", []byte("RIFF"))
		ids := w.AddTasks(p, []map[string]any{{"audio": damaged}, {"audio": damaged}, {"audio": "data:,"}, {"text": "no recording"}}...)
		ids = append(ids, w.record(p, 1)...)
		if n := w.retrieve(p, ids...); n != 1 {
			t.Errorf("%d predictions", n)
		}
		for i, want := range []string{"failed", "failed", "failed", "not accepted", "transcribed"} {
			s := w.state(ids[i])
			if string(s.State) != want || want != "transcribed" && s.Reason == "" {
				t.Errorf("task %d: %+v, want %s", i, s, want)
			}
		}
		if counts := w.status().Projects[0].Counts; counts["failed"] != 3 || counts["transcribed"] != 1 {
			t.Errorf("counts %v", counts)
		}
		names := regexp.MustCompile(fmt.Sprintf(`"msg":"job given up","job":"[^"]+","project":%d,"task":(%d|%d|%d),"error"`, p, ids[0], ids[1], ids[2]))
		if n := len(names.FindAllString(w.log.String(), -1)); n != 2 {
			t.Errorf("%d jobs were given up by name", n)
		}
	})
}
