package transcribe_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
	"github.com/asr-backend/asr-backend/wer"
)

// decoding opens the embedded model with another way to find texts.
func decoding(t *testing.T, o asr.Options) *asr.Recognizer {
	t.Helper()
	oracle.NeedLibrary(t)
	bundle, err := models.Open(models.DefaultName, "")
	if err != nil {
		t.Fatal(err)
	}
	o.Provider = ort.CPU
	r, err := asr.New(t.Context(), library, bundle, o)
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

// on returns a Transcriber on a recognizer.
func on(t *testing.T, r *asr.Recognizer, o transcribe.Options) *transcribe.Transcriber {
	t.Helper()
	tr, err := transcribe.New(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// A language model that knows the words corrects most mistakes, and words keep their times.
func TestASearchFindsTheWordsOfItsModel(t *testing.T) {
	// The language model is one of the texts of testdata/speech.
	greedy := on(t, decoding(t, asr.Options{Decoding: asr.Decoding{LM: asr.LMNone}}), transcribe.Options{})
	half, zero := float32(0.5), float32(0)
	searched := on(t, decoding(t, asr.Options{Decoding: asr.Decoding{LM: oracle.Data(t, "beam", "words.arpa"), LMWeight: &half, WordBonus: &half, BlankPenalty: &zero}}), transcribe.Options{})
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
		if plain.Diagnostics.Decoding != "greedy" || got.Diagnostics.Decoding != "beam search of width 64 with the language model words.arpa" {
			t.Errorf("decoded by %q and %q", plain.Diagnostics.Decoding, got.Diagnostics.Decoding)
		}
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
	o := transcribe.Options{Hotwords: []beam.Phrase{{Text: "general election", Weight: 2}}}
	want, err := transcriber(t, o).Transcribe(t.Context(), source, minute)
	if err != nil {
		t.Fatal(err)
	}
	got, err := on(t, decoding(t, asr.Options{Batch: 3}), o).Transcribe(t.Context(), source, minute)
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

// A version names all that texts depend on, and nothing else.
func TestAVersionNamesTheWayToDecode(t *testing.T) {
	oracle.NeedLibrary(t)
	bundle, err := models.Open(models.DefaultName, "")
	if err != nil {
		t.Fatal(err)
	}
	half, zero := float32(0.5), float32(0)
	version := func(d asr.Decoding, o transcribe.Options) string {
		lm := ""
		if d.LanguageModel(bundle) != nil {
			lm = "digest"
		}
		return o.Version(asr.Options{Decoding: d}.Identity(bundle, "model", lm))
	}
	words := transcribe.Options{Hotwords: []beam.Phrase{{Text: "a name"}}}
	heavier := transcribe.Options{Hotwords: []beam.Phrase{{Text: "a name", Weight: 3}}}
	seen := map[string]string{}
	for name, v := range map[string]string{
		"its own":           version(asr.Decoding{}, transcribe.Options{}),
		"none":              version(asr.Decoding{LM: asr.LMNone}, transcribe.Options{}),
		"weight":            version(asr.Decoding{LMWeight: &half}, transcribe.Options{}),
		"bonus":             version(asr.Decoding{WordBonus: &half}, transcribe.Options{}),
		"penalty":           version(asr.Decoding{BlankPenalty: &zero}, transcribe.Options{}),
		"beam":              version(asr.Decoding{Beam: 32}, transcribe.Options{}),
		"hotwords":          version(asr.Decoding{}, words),
		"their weight":      version(asr.Decoding{}, heavier),
		"hotwords alone":    version(asr.Decoding{LM: asr.LMNone}, words),
		"hotwords and beam": version(asr.Decoding{LM: asr.LMNone, Beam: 32}, words),
		"alternatives":      version(asr.Decoding{}, transcribe.Options{NBest: 5}),
		"greedy with them":  version(asr.Decoding{LM: asr.LMNone}, transcribe.Options{NBest: 5}),
		"in another beam":   version(asr.Decoding{LM: asr.LMNone, Beam: 4}, transcribe.Options{NBest: 5}),
	} {
		if other, ok := seen[v]; ok {
			t.Errorf("%s and %s have the version %s", name, other, v)
		}
		seen[v] = name
	}
	own, none := version(asr.Decoding{}, transcribe.Options{}), version(asr.Decoding{LM: asr.LMNone}, transcribe.Options{})
	for name, equal := range map[string]bool{
		"default":                  version(asr.Decoding{LM: asr.LMDefault, Beam: beam.DefaultWidth}, transcribe.Options{}) == own,
		"a beam without a search":  version(asr.Decoding{LM: asr.LMNone, Beam: 32}, transcribe.Options{}) == none,
		"a weight without a model": version(asr.Decoding{LM: asr.LMNone, LMWeight: &half}, transcribe.Options{}) == none,
		"how words are written":    version(asr.Decoding{}, transcribe.Options{Hotwords: []beam.Phrase{{Text: "A  Name!", Weight: beam.DefaultPhraseWeight}}}) == version(asr.Decoding{}, words),
		"one text":                 version(asr.Decoding{}, transcribe.Options{NBest: 1}) == own,
	} {
		if !equal {
			t.Errorf("%s changes the version", name)
		}
	}
}

// Alternatives are other texts of the same region, the most probable first, whatever the text is
// found with.
func TestARegionHasAlternatives(t *testing.T) {
	source := transcribe.Source{Path: oracle.Data(t, "speech", "librispeech", "1688-142285-0003.flac")}
	for _, lm := range []string{asr.LMDefault, asr.LMNone} {
		r := decoding(t, asr.Options{Decoding: asr.Decoding{LM: lm}})
		plain, err := on(t, r, transcribe.Options{}).Transcribe(t.Context(), source, transcribe.Request{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := on(t, r, transcribe.Options{NBest: 4}).Transcribe(t.Context(), source, transcribe.Request{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Text() != plain.Text() || len(plain.Segments[0].Alternatives) != 0 {
			t.Errorf("%s: %q with alternatives, %q without; %v", lm, got.Text(), plain.Text(), plain.Segments[0].Alternatives)
		}
		for _, s := range got.Segments {
			seen, last, sum := map[string]bool{s.Text: true}, 1.0, 0.0
			for _, a := range s.Alternatives {
				if seen[a.Text] || a.Probability > last || a.Probability <= 0 {
					t.Errorf("%s: %q has %+v", lm, s.Text, s.Alternatives)
				}
				seen[a.Text], last = true, a.Probability
				sum += a.Probability
				if rate := wer.Compare(s.Text, a.Text).Rate(); rate > 0.5 {
					t.Errorf("%s: %q is far from %q", lm, a.Text, s.Text)
				}
			}
			if len(s.Alternatives) != 3 || sum > 1 {
				t.Errorf("%s: %q has %d alternatives, together %v", lm, s.Text, len(s.Alternatives), sum)
			}
		}
	}
}

// The confidences of words that a search finds separate right ones from wrong ones.
func TestConfidencesSeparateRightWords(t *testing.T) {
	tr := transcriber(t, transcribe.Options{})
	var right, wrong []float64
	for file, said := range librispeech(t) {
		got, err := tr.Transcribe(t.Context(), transcribe.Source{Path: oracle.Data(t, "speech", "librispeech", file)}, transcribe.Request{})
		if err != nil {
			t.Fatal(err)
		}
		spoken := wer.Normalize(said)
		for _, w := range words(got) {
			if slices.Contains(spoken, w.Text) {
				right = append(right, w.Confidence)
			} else {
				wrong = append(wrong, w.Confidence)
			}
		}
	}
	above := 0.0 // the area under the ROC curve
	for _, r := range right {
		for _, w := range wrong {
			switch {
			case r > w:
				above++
			case r == w:
				above += 0.5
			}
		}
	}
	if area := above / float64(len(right)*len(wrong)); len(wrong) < 50 || area < 0.75 {
		t.Errorf("%d right and %d wrong words are separated with an area of %.3f", len(right), len(wrong), area)
	}
}

// librispeech returns the files of a set and what is said in them.
func librispeech(t *testing.T) map[string]string {
	t.Helper()
	index, err := os.ReadFile(oracle.Data(t, "speech", "index.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(index)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); f[0] == "librispeech" {
			said[f[1]] = f[2]
		}
	}
	return said
}
