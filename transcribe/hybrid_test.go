package transcribe_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
)

// hybrid loads the tiny hybrid of testdata/transducer.
func hybrid(t *testing.T) *asr.Recognizer {
	t.Helper()
	oracle.NeedLibrary(t)
	b, err := asr.OpenBundle(oracle.Data(t, "transducer", "hybrid", "both"), "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := asr.New(t.Context(), library, b, asr.Options{Provider: ort.CPU})
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

func hybridClip(t *testing.T, name string) string {
	t.Helper()
	return oracle.Data(t, "transducer", "clips", name+".flac")
}

// The pieces that the transducer of a hybrid writes are in the rows in which torchaudio places them
// by the rows of the CTC head.
func TestAHybridIsAlignedAsTorchaudioDoes(t *testing.T) {
	var want struct {
		Clips map[string][][2]timeline.Row
	}
	raw, err := os.ReadFile(oracle.Data(t, "transducer", "hybrid", "aligned.json"))
	if err == nil {
		err = json.Unmarshal(raw, &want)
	}
	if err != nil || len(want.Clips) < 6 {
		t.Fatal(len(want.Clips), err)
	}
	r := hybrid(t)
	moved := 0
	for clip, spans := range want.Clips {
		s, err := audio.Open(t.Context(), hybridClip(t, clip), audio.Options{})
		if err != nil {
			t.Fatal(err)
		}
		results, err := r.Recognize(t.Context(), s, asr.Request{})
		s.Close()
		if err != nil {
			t.Fatal(err)
		}
		o := &results[0].Output
		before := slices.Clone(o.Tokens)
		if err := align.Retime(o); err != nil {
			t.Fatal(err)
		}
		for i, token := range o.Tokens {
			if token.First != before[i].First {
				moved++
			}
			if got := [2]timeline.Row{token.First, token.Last}; got != spans[i] {
				t.Errorf("%s: piece %d, %q, is in rows %v, want %v; written in %d", clip, i, o.Vocabulary.Piece(token.Piece), got, spans[i], before[i].First)
			}
		}
	}
	if moved < 20 {
		t.Errorf("only %d pieces are moved", moved)
	}
}

// A hybrid transcribes with its transducer, and finds given texts with its CTC head.
func TestAHybridTranscribesAndAligns(t *testing.T) {
	tr, err := transcribe.New(hybrid(t), transcribe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const clip = "LJ001-0024"
	source := transcribe.Source{Path: hybridClip(t, clip)}
	text, err := tr.Transcribe(t.Context(), source, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if want := "greedy RNN-T, word times from CTC"; text.Diagnostics.Decoding != want {
		t.Errorf("decoding %q, want %q", text.Diagnostics.Decoding, want)
	}
	aligned, err := tr.Align(t.Context(), source, text, "en", transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	words := 0
	for i, s := range text.Segments {
		for k, w := range s.Words {
			words++
			other := aligned.Transcript.Segments[i].Words[k]
			if d := (w.Start - other.Start).Abs(); d > 2*timeline.RowDuration {
				t.Errorf("%s begins at %v, and when its text is given at %v", w.Text, w.Start, other.Start)
			}
		}
	}
	if words < 10 {
		t.Errorf("%d words", words)
	}
}

// A part of a recording has the words that the whole has there.
func TestPartsOfAHybrid(t *testing.T) {
	tr, err := transcribe.New(hybrid(t), transcribe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	source := transcribe.Source{Path: hybridClip(t, "LJ001-0024")}
	whole, err := tr.Transcribe(t.Context(), source, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range whole.Segments {
		all = append(all, s.Text)
	}
	joined := strings.Join(all, " ")
	part, err := tr.Transcribe(t.Context(), source, transcribe.Request{End: whole.Duration / 2})
	if err != nil {
		t.Fatal(err)
	}
	var first []string
	for _, s := range part.Segments {
		first = append(first, s.Text)
	}
	if text := strings.Join(first, " "); len(text) < len(joined)/4 || !strings.HasPrefix(joined, text) {
		t.Errorf("the first half is %q of %q", text, joined)
	}
}

// Hotwords reach a transducer: the transcript says so, and names that are written anyway stay.
func TestHotwordsOfATransducer(t *testing.T) {
	r := hybrid(t)
	text := func(hotwords ...beam.Phrase) (string, string) {
		tr, err := transcribe.New(r, transcribe.Options{Hotwords: hotwords})
		if err != nil {
			t.Fatal(err)
		}
		out, err := tr.Transcribe(t.Context(), transcribe.Source{Path: hybridClip(t, "LJ001-0024")}, transcribe.Request{})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, s := range out.Segments {
			all = append(all, s.Text)
		}
		return strings.Join(all, " "), out.Diagnostics.Decoding
	}
	plain, _ := text()
	if same, decoding := text(beam.Phrase{Text: "Peter Schoeffer", Weight: 1.5}); same != plain || decoding != "greedy RNN-T, 1 hotword, word times from CTC" {
		t.Errorf("a name that is written anyway changes %q to %q; %s", plain, same, decoding)
	}
}
