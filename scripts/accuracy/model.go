package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/align/verbalize"
	"github.com/asr-backend/asr-backend/align/viterbi"
	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/timeline"
)

// model recognizes recordings, and verbalizes texts for it.
type model struct {
	recognizer *asr.Recognizer
	verbalizer *verbalize.Verbalizer
}

func newModel(ctx context.Context, runtime *ort.Runtime, bundle *asr.Bundle) (*model, error) {
	tokenizer, err := bundle.Tokenizer()
	if err != nil {
		return nil, err
	}
	r, err := asr.New(ctx, runtime, bundle, asr.Options{Provider: ort.CPU, Decoding: asr.Decoding{LM: asr.LMNone}})
	if err != nil {
		return nil, err
	}
	return &model{r, verbalize.New(tokenizer, bundle.Vocabulary, "en")}, nil
}

func (e *model) close() error { return e.recognizer.Close() }

// recognize recognizes a recording of one channel.
func (e *model) recognize(ctx context.Context, path string) (_ *align.Emissions, err error) {
	s, err := audio.Open(ctx, path, audio.Options{Channels: audio.Mix})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var rows [][]float32
	results, err := e.recognizer.Recognize(ctx, s, asr.Request{LogProbs: func(_ int, _ timeline.Row, row []float32) error {
		rows = append(rows, append([]float32(nil), row...))
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return &align.Emissions{Output: results[0].Output, LogProbs: func(i timeline.Row) []float32 { return rows[i] }}, nil
}

// plain returns where torchaudio and NeMo Forced Aligner say that words are: the spans of
// the best path through all of them, a row being the 80 ms that begin where it is centred.
// That they find the same path is what tests of package viterbi hold.
func plain(h *align.Emissions, ref align.Reference) ([]align.Span, error) {
	var tokens []ctc.Piece
	for _, w := range ref {
		tokens = append(tokens, w.Variants[0]...)
	}
	path, err := viterbi.Align(&viterbi.Problem{Scores: h.LogProbs, Rows: timeline.Row(len(h.Rows)), Blank: h.Vocabulary.Blank(), Tokens: tokens})
	if err != nil {
		return nil, err
	}
	out, at := make([]align.Span, len(ref)), 0
	for i, w := range ref {
		last := at + len(w.Variants[0]) - 1
		out[i] = align.NeMoSpan(path.Spans[at].First, path.Spans[last].Last)
		at = last + 1
	}
	return out, nil
}

// words aligns a text; the model's constant is shift.
func words(ctx context.Context, h *align.Emissions, ref align.Reference, shift time.Duration) ([]align.Word, error) {
	shifted := *h
	shifted.Shift = shift
	a, err := shifted.Align(ctx, ref)
	if err != nil {
		return nil, err
	}
	if len(a.Words) != len(ref) {
		return nil, fmt.Errorf("%d of %d words", len(a.Words), len(ref))
	}
	return a.Words, nil
}
