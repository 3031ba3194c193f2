package lm_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/lm"
)

// The embedded model's language model has the words of speech that it has not been made of,
// and predicts them far better than words alone do.
func TestDefaultModel(t *testing.T) {
	m, err := lm.Open(filepath.Join(oracle.Root(t), "models", "default", "lm.bin.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if f := m.Facts(); f.Folding != lm.FoldEnglish || f.Units != lm.Words || m.Order() != 3 {
		t.Errorf("got order %d and %+v", m.Order(), f)
	}
	f, err := os.Open(oracle.Data(t, "speech", "index.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var tally lm.Tally
	words := 0.0
	for s := bufio.NewScanner(f); s.Scan(); {
		set, rest, _ := strings.Cut(s.Text(), "\t")
		_, text, _ := strings.Cut(rest, "\t")
		if set != "librispeech" {
			continue
		}
		w := strings.Fields(m.Fold(text))
		tally.Add(m, w)
		for _, s := range w {
			n, _ := m.Word(s)
			words += float64(m.Unigram(n))
		}
	}
	if tally.Sentences != 35 || tally.Words < 500 || tally.Unknown > 5 {
		t.Errorf("%d sentences, %d words, %d unknown", tally.Sentences, tally.Words, tally.Unknown)
	}
	if p := tally.Perplexity(); p < 300 || p > 380 || tally.Log10 < 0.9*words {
		t.Errorf("perplexity %.1f, log10 %.1f, of words alone %.1f", p, tally.Log10, words)
	}
}
