package asr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

const arpa = `\data\
ngram 1=5

\1-grams:
-1.3	<unk>
-99	<s>
-0.7	</s>
-0.6	one
-0.9	two

\end\
`

const pieces = `\data\
ngram 1=5

\1-grams:
-1.3	<unk>
-99	<s>
-0.7	</s>
-0.6	▁one
-0.9	▁two

\end\
`

// folder copies a toy model, with files beside it.
func folder(t *testing.T, files map[string]string) *asr.Bundle {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(oracle.Data(t, "models", "toys", "tones"))); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := asr.OpenBundle(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A model is decoded with the language model beside it, by the numbers of its card.
func TestAModelHasALanguageModelOfItsOwn(t *testing.T) {
	card := `{"name": "tones", "lm_weight": 0.25, "blank_penalty": 1.5}`
	b := folder(t, map[string]string{"lm.bin": arpa, "model.json": card})
	other := filepath.Join(t.TempDir(), "other.arpa")
	if err := os.WriteFile(other, []byte(arpa), 0o600); err != nil {
		t.Fatal(err)
	}
	heavy := float32(2)
	for name, c := range map[string]struct {
		bundle   *asr.Bundle
		decoding asr.Decoding
		want     string
		options  beam.Options // of which the numbers count
	}{
		"its own":         {b, asr.Decoding{}, "beam search of width 64 with the language model of tones", beam.Options{Weight: 0.25, Bonus: 0.5, BlankPenalty: 1.5}},
		"with a flag":     {b, asr.Decoding{LM: asr.LMDefault, LMWeight: &heavy, Beam: 7}, "beam search of width 7 with the language model of tones", beam.Options{Weight: 2, Bonus: 0.5, BlankPenalty: 1.5}},
		"another":         {b, asr.Decoding{LM: other}, "beam search of width 64 with the language model other.arpa", beam.Options{Weight: 0.25, Bonus: 0.5, BlankPenalty: 1.5}},
		"none":            {b, asr.Decoding{LM: asr.LMNone}, "greedy", beam.Options{}},
		"there is no own": {folder(t, nil), asr.Decoding{}, "greedy", beam.Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			r := recognizer(t, c.bundle, asr.Options{Decoding: c.decoding})
			if got := r.DecodedBy(0); got != c.want {
				t.Errorf("decoded by %q, want %q", got, c.want)
			}
			lexicon, o := r.Lexicon()
			if o.Weight != c.options.Weight || o.Bonus != c.options.Bonus || o.BlankPenalty != c.options.BlankPenalty {
				t.Errorf("got %+v", o)
			}
			if greedy := c.want == "greedy"; greedy != (lexicon == nil) || greedy != (r.Search(nil) == nil) || greedy != (r.Identity().LM == "") {
				t.Errorf("lexicon %v, search %v, identity %+v", lexicon, r.Search(nil), r.Identity())
			}
			graph, err := beam.NewPhrases([]beam.Phrase{{Text: "one"}, {Text: "two"}})
			if err != nil {
				t.Fatal(err)
			}
			if s := r.Search(graph); s == nil || s.Options().Lexicon != lexicon || !strings.HasSuffix(r.DecodedBy(2), ", 2 hotwords") || !strings.HasSuffix(r.DecodedBy(1), ", 1 hotword") {
				t.Errorf("with phrases %v, %q", s, r.DecodedBy(2))
			}
			if s := r.SearchAlternatives(nil); s == nil || !s.Options().Histories {
				t.Errorf("alternatives: %+v", s)
			}
		})
	}
}

// What is wrong with a language model is said when the model is loaded.
func TestLanguageModelsAreRefused(t *testing.T) {
	oracle.NeedLibrary(t)
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "x.lm")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	zero, heavy := float32(0), float32(11)
	for want, d := range map[string]asr.Decoding{
		"read the language model: ":       {LM: filepath.Join(t.TempDir(), "nowhere.lm")},
		"open language model ":            {LM: write("no model")},
		"it is one of pieces":             {LM: write(pieces)},
		"weight 0 of the language model":  {LMWeight: &zero},
		"weight 11 of the language model": {LMWeight: &heavy},
		"penalty of 21 for blank":         {BlankPenalty: new(float32(21))},
		"bonus of -21 for a word":         {WordBonus: new(float32(-21))},
		"width -1; want 1":                {Beam: -1},
	} {
		r, err := asr.New(t.Context(), library, bundle(t, "toys", "tones"), asr.Options{Provider: ort.CPU, Decoding: d})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if err == nil {
			_ = r.Close()
		}
	}
}
