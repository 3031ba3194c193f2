package lm

import "math"

// Tally adds up the scores of sentences.
type Tally struct {
	Sentences int     `json:"sentences"`
	Words     int     `json:"words"`
	Unknown   int     `json:"unknown"` // words that the model does not have
	Log10     float64 `json:"log10"`   // of all words and the ends of all sentences
	// Log10Unknown is the part of Log10 that unknown words have.
	Log10Unknown float64 `json:"log10_unknown"`
}

// Add scores a sentence of words, which have been folded, and returns its log10 probability
// with its end.
func (t *Tally) Add(m *Model, words []string) float64 {
	s, sum := m.Begin(), 0.0
	for _, text := range words {
		w, known := m.Word(text)
		p, next := m.Score(s, w)
		if !known {
			t.Unknown++
			t.Log10Unknown += float64(p)
		}
		sum, s = sum+float64(p), next
	}
	sum += float64(m.End(s))
	t.Sentences++
	t.Words += len(words)
	t.Log10 += sum
	return sum
}

// Perplexity is that of all words, with unknown ones as <unk>, and the ends of sentences. Of
// nothing it is NaN.
func (t *Tally) Perplexity() float64 {
	return math.Pow(10, -t.Log10/float64(t.Words+t.Sentences))
}

// KnownPerplexity is that of known words and the ends of sentences.
func (t *Tally) KnownPerplexity() float64 {
	return math.Pow(10, -(t.Log10-t.Log10Unknown)/float64(t.Words-t.Unknown+t.Sentences))
}
