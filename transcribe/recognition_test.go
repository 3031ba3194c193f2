package transcribe_test

import (
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// One run of the model answers all questions, in any order, as a run for each would.
func TestARecognitionAnswersEveryQuestion(t *testing.T) {
	tr := on(t, decoding(t, asr.Options{Decoding: asr.Decoding{LM: asr.LMNone}}), transcribe.Options{})
	source := transcribe.Source{Path: oracle.Data(t, "speech", "ljspeech", "LJ001-0003.flac")}
	plain, err := tr.Transcribe(t.Context(), source, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	reference := paragraphs(plain.Text())
	aligned, err := tr.Align(t.Context(), source, reference, "en", transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := tr.Recognize(t.Context(), source, transcribe.Request{KeepLogProbs: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 2 {
		a, err := r.Align(t.Context(), reference, "en")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(aligned, a, cmpopts.IgnoreUnexported(transcribe.Aligned{})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(plain, r.Transcript()); diff != "" {
			t.Error(diff)
		}
	}
	region := aligned.Transcript.Segments[0]
	got, _, err := r.Words(t.Context(), transcript.Mixed, region.Start, region.End, region.Text, "en")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(got, region.Words, func(a, b transcript.Word) bool { return a.Text == b.Text }) {
		t.Errorf("got the words %q, want %q", text(got), text(region.Words))
	}
}

// Transcription alone keeps no log-probabilities, which a text would need.
func TestATextNeedsLogProbs(t *testing.T) {
	r, err := transcriber(t, transcribe.Options{}).Recognize(t.Context(), transcribe.Source{Path: oracle.Data(t, "speech", "ljspeech", "LJ001-0003.flac")}, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if len(words(r.Transcript())) == 0 {
		t.Error("there are no words")
	}
	if _, err := r.Align(t.Context(), paragraphs("anything"), "en"); err == nil {
		t.Error("a text was aligned without log-probabilities")
	}
}
