package tones_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/transcribe"

	"github.com/google/go-cmp/cmp"
)

func TestTheModelRecognizesTheTones(t *testing.T) {
	oracle.NeedLibrary(t)
	runtime, err := ort.Open(oracle.Library())
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.Close()
	bundle, err := asr.OpenBundle(oracle.Data(t, "models", "toys", "tones"), "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := asr.New(t.Context(), runtime, bundle, asr.Options{Provider: ort.CPU})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tr, err := transcribe.New(r, transcribe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, recording := range []tones.Recording{{Seconds: 1}, {Seconds: 2}, {Seconds: 5, First: 3}, {Seconds: 9}, {Seconds: 61, First: 2}} {
		path := filepath.Join(t.TempDir(), "a.wav")
		if err := os.WriteFile(path, recording.WAV(), 0o600); err != nil {
			t.Fatal(err)
		}
		transcript, err := tr.Transcribe(t.Context(), transcribe.Source{Path: path}, transcribe.Request{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range transcript.Segments {
			got = append(got, s.Text)
		}
		if d := cmp.Diff(recording.Regions(), got); d != "" || transcript.Duration != recording.Duration() {
			t.Errorf("%+v, want (-), got (+):\n%s\nlength %v", recording, d, transcript.Duration)
		}
	}
}
