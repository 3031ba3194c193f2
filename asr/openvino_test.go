package asr_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/sealed"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/timeline"
)

func TestOpenVINOHasOnePrecision(t *testing.T) {
	oracle.NeedLibrary(t)
	b := bundle(t, "tiny-random")
	for name, o := range map[string]asr.Options{
		"int8":        {Weights: asr.INT8},
		"tf32":        {TF32: true},
		"as exported": {AsExported: true},
	} {
		o.Provider = ort.OpenVINO
		if r, err := asr.New(t.Context(), library, b, o); err == nil || errors.Is(err, ort.ErrOpenVINO) {
			t.Errorf("%s: got %v, %v, want an error of the options", name, r, err)
		}
	}
}

func TestRowsOfOpenVINOHaveAnIdentityOfTheirOwn(t *testing.T) {
	b := bundle(t, "tiny-random")
	seen := map[string]bool{}
	for _, o := range []asr.Options{{Provider: ort.CPU}, {Provider: ort.OpenVINO}, {Provider: ort.CPU, Weights: asr.INT8}} {
		seen[o.Identity(b, "", "").Weights] = true
	}
	if len(seen) != 3 || !seen["bf16"] {
		t.Errorf("weights are %v", seen)
	}
}

func TestOpenVINOThatIsNotThereIsAnError(t *testing.T) {
	oracle.NeedLibrary(t)
	if library.OpenVINOPath() != "" {
		t.Skip("it is loaded")
	}
	o := asr.Options{Provider: ort.OpenVINO, OpenVINO: "/nowhere/plugin.so"}
	if r, err := asr.New(t.Context(), library, bundle(t, "tiny-random"), o); !errors.Is(err, ort.ErrOpenVINO) {
		t.Errorf("got %v, %v", r, err)
	}
}

// onOpenVINO loads a model on OpenVINO and closes it with the test.
func onOpenVINO(t *testing.T, b *asr.Bundle, o asr.Options) *asr.Recognizer {
	t.Helper()
	o.Provider, o.OpenVINO = ort.OpenVINO, oracle.OpenVINO(t)
	r, err := asr.New(t.Context(), library, b, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// Rows in bf16 keep the best pieces that fp32 is sure of, and are the same from all workers.
func TestRowsOfOpenVINO(t *testing.T) {
	oracle.OpenVINO(t)
	b, err := asr.OpenBundleFS(models.Default(), "")
	if err != nil {
		t.Fatal(err)
	}
	rows := func(r *asr.Recognizer) []ctc.Row {
		stream, err := audio.Open(t.Context(), filepath.Join(oracle.Root(t), "samples", "sonnet.mp3"), audio.Options{FFmpeg: "off"})
		if err != nil {
			t.Error(err)
			return nil
		}
		defer stream.Close()
		out, err := r.Recognize(t.Context(), stream, asr.Request{})
		if err != nil {
			t.Error(err)
			return nil
		}
		return out[0].Rows
	}
	exact := rows(recognizer(t, b, asr.Options{}))
	one := onOpenVINO(t, b, asr.Options{Threads: 1})
	if d := one.Device(); d.Provider != ort.OpenVINO || d.Precision != asr.BF16 || d.AsExported != "" || d.Difference == 0 {
		t.Errorf("the device is %+v", d)
	}
	got := rows(one)
	sure, other, worst := 0, 0, 0.0
	for i, w := range exact {
		if w.LogProb < -0.7 {
			continue
		}
		if sure++; got[i].Best != w.Best {
			other++
		} else {
			worst = max(worst, math.Abs(float64(got[i].LogProb-w.LogProb)))
		}
	}
	t.Logf("of %d rows that fp32 is sure of, %d have another best piece; log-probabilities differ by up to %.2g", sure, other, worst)
	if sure < 100 || other*100 > sure {
		t.Errorf("of %d rows that fp32 is sure of, %d have another best piece", sure, other)
	}
	several := onOpenVINO(t, b, asr.Options{Threads: 3})
	var running sync.WaitGroup
	for range 6 {
		running.Go(func() {
			if again := rows(several); !slices.Equal(again, got) {
				t.Error("rows of several workers differ from those of one")
			}
		})
	}
	running.Wait()
}

// What was compared is compared again for another graph only, and a refusal stays.
func TestOpenVINOIsComparedOnce(t *testing.T) {
	oracle.OpenVINO(t)
	dir := t.TempDir()
	for _, name := range []string{"model.onnx", "tokens.txt"} {
		data, err := os.ReadFile(filepath.Join(oracle.Root(t), "models", "default", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	onOpenVINO(t, open(t, dir), asr.Options{})
	path := filepath.Join(dir, asr.OptimizedDir, "model.onnx.openvino.json")
	note := map[string]any{}
	if _, err := sealed.Read(path, &note); err != nil || note["Difference"] == 0.0 {
		t.Fatalf("the note is %v, %v", note, err)
	}
	note["Difference"] = 0.125
	keep := func() {
		t.Helper()
		if err := sealed.Write(path, note); err != nil {
			t.Fatal(err)
		}
	}
	keep()
	if d := onOpenVINO(t, open(t, dir), asr.Options{}).Device().Difference; d != 0.125 {
		t.Errorf("it was compared again: %g", d)
	}
	note["Refused"] = "of a whim"
	keep()
	o := asr.Options{Provider: ort.OpenVINO, OpenVINO: oracle.OpenVINO(t)}
	if r, err := asr.New(t.Context(), library, open(t, dir), o); err == nil || !strings.Contains(err.Error(), "does not run on OpenVINO: of a whim") {
		t.Errorf("got %v, %v", r, err)
	}
	note["Kernels"] = "of another machine"
	keep()
	if d := onOpenVINO(t, open(t, dir), asr.Options{}).Device().Difference; d == 0.125 {
		t.Error("what another machine computed was taken for this one's")
	}
	for name, note := range map[string]bool{"that was compared": true, "that was not compared": false} {
		if err := os.Truncate(filepath.Join(dir, asr.OptimizedDir, "model.onnx.data"), 1000); err != nil {
			t.Fatal(err)
		}
		if !note {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		if r, err := asr.New(t.Context(), library, open(t, dir), o); err == nil {
			r.Close()
			t.Errorf("a damaged graph %s was loaded", name)
		}
		onOpenVINO(t, open(t, dir), asr.Options{}) // it was made anew
	}
}

// A model of another structure has no optimized graph.
func TestOtherModelsDoNotRunOnOpenVINO(t *testing.T) {
	oracle.OpenVINO(t)
	o := asr.Options{Provider: ort.OpenVINO, OpenVINO: oracle.OpenVINO(t)}
	r, err := asr.New(t.Context(), library, bundle(t, "toys", "tones"), o)
	if err == nil || !strings.Contains(err.Error(), "not the structure of a FastConformer") {
		t.Errorf("got %v, %v", r, err)
	}
}

// A run on OpenVINO goes on to its end, is waited for, and leaves the session usable.
func TestACancelledRunOnOpenVINOIsWaitedFor(t *testing.T) {
	oracle.OpenVINO(t)
	b, err := asr.OpenBundleFS(models.Default(), "")
	if err != nil {
		t.Fatal(err)
	}
	r := onOpenVINO(t, b, asr.Options{Threads: 1})
	why := errors.New("changed my mind")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
	if _, err := r.Recognize(ctx, &recording{n: timeline.SampleRate * 3600, sample: noise}, asr.Request{}); !errors.Is(err, why) {
		t.Errorf("got %v, want the cause of the cancellation", err)
	}
	if rows := recognize(t, r, &recording{n: timeline.SampleRate, sample: noise}, asr.Request{}).Rows; len(rows) != 13 {
		t.Errorf("%d rows after it, want 13", len(rows))
	}
}
