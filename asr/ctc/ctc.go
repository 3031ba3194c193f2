// Package ctc reads the output of a CTC model: rows of log-probabilities become tokens,
// and tokens become the words a SentencePiece tokenizer would print.
//
// Connectionist temporal classification labels every row (80 ms) with one piece of the
// vocabulary or with blank. A label sequence means the text that is left after equal
// neighbours are merged and blanks are taken out, so "blank" between two equal pieces is
// what makes a double letter. Trained models are peaky: a piece holds one row, often
// late in its sound, and blank fills the rest.
//
// The greedy label sequence takes the best piece of each row. Its runs are also the best
// alignment of its own text: no path can beat the row-wise maxima. So the time of a
// token is simply the run of rows in which it won.
//
// Confidence follows NeMo: Tsallis entropy of the row with α = 0.33, mapped to 0..1, the
// minimum over the rows of a token and over the tokens of a word. Entropy separates wrong
// words from right ones better than the winner's probability does (Laptev and Ginsburg,
// arXiv:2212.08703). The map is linear, where NeMo's default is exponential: the order of
// words by confidence is the same, but with the exponential map nearly every word of a
// small model has a confidence of nearly 0, and means over words say nothing.
//
// References: Graves et al., ICML 2006; sentencepiece (Decode); NeMo
// asr/parts/submodules/ctc_decoding.py and asr/parts/utils/asr_confidence_utils.py.
package ctc

import (
	"math"

	"github.com/asr-backend/asr-backend/timeline"
)

// Piece is the index of a vocabulary entry, and of a column of the model's output.
type Piece int32

// Row is what is kept of one output row of the model: 16 bytes, whatever the vocabulary.
type Row struct {
	Best       Piece   // the most probable piece, the lowest index among equals
	LogProb    float32 // natural log of its probability
	Blank      float32 // natural log of the probability of blank
	Confidence float32 // 0..1, of the whole distribution; 1 for rows won by blank
}

// Token is a run of rows won by the same piece.
type Token struct {
	Piece       Piece
	First, Last timeline.Row // inclusive
	LogProb     float32      // mean over its rows
	Confidence  float32      // minimum over its rows; of a search, see package beam
}

// SilentRow is the row that stands for a stretch that was not run because there is no
// sound in it: blank, with certainty.
func SilentRow(blank Piece) Row { return Row{Best: blank, Confidence: 1} }

// Summarize reduces one row of log-probabilities to a Row. The measure may be nil if
// confidence is not wanted.
func Summarize(logProbs []float32, blank Piece, m *Measure) Row {
	best, top := 0, logProbs[0]
	for i, v := range logProbs[1:] {
		if v > top {
			best, top = i+1, v
		}
	}
	r := Row{Best: Piece(best), LogProb: top, Blank: logProbs[blank], Confidence: 1}
	if r.Best != blank && m != nil {
		r.Confidence = m.Confidence(logProbs)
	}
	return r
}

// Greedy merges runs of equal pieces and drops blanks. The first row is numbered start.
func Greedy(rows []Row, blank Piece, start timeline.Row) []Token {
	var tokens []Token
	previous := blank
	for i := range rows {
		r, at := &rows[i], start+timeline.Row(i)
		switch {
		case r.Best == blank:
		case r.Best == previous:
			t := &tokens[len(tokens)-1]
			n := float32(at - t.First)
			t.LogProb = (t.LogProb*n + r.LogProb) / (n + 1)
			t.Last, t.Confidence = at, min(t.Confidence, r.Confidence)
		default:
			tokens = append(tokens, Token{r.Best, at, at, r.LogProb, r.Confidence})
		}
		previous = r.Best
	}
	return tokens
}

// Measure computes the confidence of rows of a given width: linearly normalised Tsallis
// entropy.
type Measure struct {
	most float64 // the sum of p^α when nothing is known, minus one
}

// Alpha is the exponent of Tsallis entropy, NeMo's default.
const Alpha = 0.33

// NewMeasure returns the measure for rows of width values, blank included.
func NewMeasure(width int) *Measure {
	return &Measure{most: math.Pow(float64(width), 1-Alpha) - 1}
}

// Confidence returns 1 for a row that is certain of one piece and 0 for one that knows
// nothing.
func (m *Measure) Confidence(logProbs []float32) float32 {
	var sum float64
	for _, v := range logProbs {
		sum += math.Exp(Alpha * float64(v))
	}
	return m.confidence(sum)
}

func (m *Measure) confidence(sum float64) float32 {
	return float32(min(max(1-(sum-1)/m.most, 0), 1))
}

// Sums is a row that a device has summed up.
type Sums struct {
	Best       int64   // its best piece
	Top, Blank float32 // the log-probabilities of that and of blank
	Power      float32 // the sum of p^Alpha
}

// Row returns the Row that Summarize would have returned.
func (m *Measure) Row(s Sums, blank Piece) Row {
	r := Row{Best: Piece(s.Best), LogProb: s.Top, Blank: s.Blank, Confidence: 1}
	if r.Best != blank {
		r.Confidence = m.confidence(float64(s.Power))
	}
	return r
}
