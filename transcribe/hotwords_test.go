package transcribe_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/transcribe"
)

// Hotwords that the model cannot write are named in one warning, with and without a language model.
func TestHotwordsThatCannotBeWrittenAreSaid(t *testing.T) {
	greedy := decoding(t, asr.Options{Decoding: asr.Decoding{LM: asr.LMNone}})
	source := transcribe.Source{Path: oracle.Data(t, "speech", "librispeech", "1688-142285-0002.flac")}
	for _, c := range []struct {
		list []string
		want string
	}{
		{nil, ""},
		{[]string{"Grete Hermann", "o'clock!"}, ""},
		{[]string{"R2D2"}, `1 of 1 hotword cannot be written with the letters of the model: "R2D2".`},
		{[]string{"R2D2", "Hermann", "Привет", "C3PO", "state-of-the-art", "BB8"},
			`5 of 6 hotwords cannot be written with the letters of the model: "R2D2", "Привет", "C3PO" and 2 more.`},
	} {
		var o transcribe.Options
		for _, text := range c.list {
			o.Hotwords = append(o.Hotwords, beam.Phrase{Text: text})
		}
		for _, tr := range []*transcribe.Transcriber{transcriber(t, o), on(t, greedy, o)} {
			got, err := tr.Transcribe(t.Context(), source, transcribe.Request{})
			if err != nil {
				t.Fatal(err)
			}
			said := slices.DeleteFunc(got.Diagnostics.Warnings, func(w string) bool { return !strings.Contains(w, "hotword") })
			if strings.Join(said, " ") != c.want {
				t.Errorf("%q: warnings %q, want %q", c.list, said, c.want)
			}
		}
	}
	// The times of a text that is there are not searched for.
	tr := transcriber(t, transcribe.Options{Hotwords: []beam.Phrase{{Text: "R2D2"}}})
	r, err := tr.Recognize(t.Context(), source, transcribe.Request{KeepLogProbs: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if w := r.Transcript().Diagnostics.Warnings; len(w) != 0 {
		t.Errorf("warnings %q without a search", w)
	}
}
