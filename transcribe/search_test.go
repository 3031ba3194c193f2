package transcribe_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
	"github.com/asr-backend/asr-backend/wer"
)

// search returns a search with a model of the texts of testdata/speech.
func search(t *testing.T, phrases ...string) *beam.Search {
	t.Helper()
	m, err := lm.Open(oracle.Data(t, "beam", "words.arpa"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	var list []beam.Phrase
	for _, p := range phrases {
		list = append(list, beam.Phrase{Text: p, Weight: 2})
	}
	graph, err := beam.NewPhrases(list)
	if err != nil {
		t.Fatal(err)
	}
	s, err := beam.New(recognizer.Bundle().Vocabulary, beam.Options{Lexicon: beam.NewLexicon(m), Bonus: beam.DefaultBonus, Phrases: graph})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A language model that knows the words corrects most mistakes, and words keep their times.
func TestASearchFindsTheWordsOfItsModel(t *testing.T) {
	greedy := transcriber(t, transcribe.Options{})
	searched := transcriber(t, transcribe.Options{Search: search(t), SearchVersion: "books"})
	if greedy.Version() == searched.Version() {
		t.Error("the version does not show the search")
	}
	var before, after wer.Errors
	for file, said := range map[string]string{
		"1688-142285-0002": "you don't mean that you thought me so silly",
		"1688-142285-0003": "i really liked that account of himself better than anything else he said",
		"1688-142285-0004": "his statement of having been a shop boy was the thing i liked best of all",
	} {
		source := transcribe.Source{Path: oracle.Data(t, "speech", "librispeech", file+".flac")}
		plain, err := greedy.Transcribe(t.Context(), source, transcribe.Request{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := searched.Transcribe(t.Context(), source, transcribe.Request{})
		if err != nil {
			t.Fatal(err)
		}
		before.Add(wer.Compare(said, plain.Text()))
		after.Add(wer.Compare(said, got.Text()))
		checkOrder(t, got)
		for _, w := range words(got) { // what both wrote, and once, lies at the same place
			if strings.Count(said, w.Text) != 1 {
				continue
			}
			for _, o := range words(plain) {
				if o.Text == w.Text && (o.Start-w.Start).Abs() > 160*time.Millisecond {
					t.Errorf("%s: %q begins at %v, greedily at %v", file, w.Text, w.Start, o.Start)
				}
			}
		}
	}
	if before.Rate() < 0.2 || after.Rate() > before.Rate()/2 {
		t.Errorf("word error rate %.2f, greedily %.2f", after.Rate(), before.Rate())
	}
}

func checkOrder(t *testing.T, got *transcript.Transcript) {
	t.Helper()
	end := time.Duration(0)
	for _, w := range words(got) {
		if w.Start < end || w.End < w.Start || w.End > got.Duration || w.Confidence < 0 || w.Confidence > 1 {
			t.Errorf("%+v after %v, in %v", w, end, got.Duration)
		}
		end = w.End
	}
}

// The text does not depend on how many windows run at once, and a part has the words of the
// whole.
func TestASearchDoesNotDependOnBatches(t *testing.T) {
	oracle.NeedLibrary(t)
	source := transcribe.Source{Path: oracle.Data(t, "speech", "radio", "gb0.flac")}
	minute := transcribe.Request{End: time.Minute}
	bundle, err := models.Open(models.DefaultName, "")
	if err != nil {
		t.Fatal(err)
	}
	several, err := asr.New(t.Context(), library, bundle, asr.Options{Provider: ort.CPU, Batch: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer several.Close()
	o := transcribe.Options{Search: search(t, "general election"), SearchVersion: "books"}
	want, err := transcriber(t, o).Transcribe(t.Context(), source, minute)
	if err != nil {
		t.Fatal(err)
	}
	got, err := transcribe.New(several, o).Transcribe(t.Context(), source, transcribe.Request{End: time.Minute, KeepLogProbs: true})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(words(got), words(want)) {
		t.Errorf("got %q, want %q", text(words(got)), text(words(want)))
	}
	part, err := transcriber(t, o).Transcribe(t.Context(), source, transcribe.Request{Start: 20 * time.Second, End: 40 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(words(part)); n < 25 || !strings.Contains(filepath.Base(part.Source), "gb0") {
		t.Errorf("%d words in 20 s of %s", n, part.Source)
	}
	for _, w := range words(part) {
		if w.Start < 19*time.Second || w.End > 41*time.Second {
			t.Errorf("%+v is outside of the part", w)
		}
	}
}
