package recordings_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// A transducer transcribes for projects. It finds no given texts, which is no failure.
func TestATransducerTranscribesForProjects(t *testing.T) {
	oracle.NeedLibrary(t)
	f := newFixtureWith(t, servicetest.Options{Model: filepath.Join("..", "..", "transducer", "tdt", "sherpa")})
	flac, err := os.ReadFile(oracle.Data(t, "transducer", "clips", "LJ001-0020.flac"))
	if err != nil {
		t.Fatal(err)
	}
	p := f.project(segments)
	value := f.Upload("a.flac", flac)
	got := f.transcribed(p, value)
	if want := "the lower-case being in fact invented in the early Middle Ages."; got.Text() != want || got.Diagnostics.Decoding != "greedy TDT" {
		t.Errorf("%q by %q, want %q", got.Text(), got.Diagnostics.Decoding, want)
	}
	a, err := f.Align(t.Context(), recordings.Of(p, 1, value), []recordings.Text{{Text: "the lower-case"}, {Text: "being in", End: got.Duration}}, priority.Batch)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Words) != 2 || len(a.Words[0])+len(a.Words[1]) > 0 || a.Whole != nil {
		t.Errorf("aligned: %+v", a)
	}
}
