package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/wer"
)

// recognized is how far the times of recognized words are from the truth, of one model and decoder:
// of words that are recognized as they were said.
type recognized struct {
	name string
	sets []differences
	card time.Duration // the constant that was used
}

// measureRecognized measures models, each with its own decoder.
func measureRecognized(ctx context.Context, runtime *ort.Runtime, names []string, data string) ([]recognized, error) {
	var all []recognized
	for _, name := range names {
		b, err := models.Open(name, "")
		if err != nil {
			return nil, err
		}
		h, err := measure(ctx, runtime, b, data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, *h)
	}
	return all, nil
}

// measure measures one model and decoder, greedily.
func measure(ctx context.Context, runtime *ort.Runtime, b *asr.Bundle, data string) (_ *recognized, err error) {
	r, err := asr.New(ctx, runtime, b, asr.Options{Provider: ort.CPU, Decoding: asr.Decoding{LM: asr.LMNone}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	h := &recognized{name: fmt.Sprintf("%s, %s", b.Card.Name, r.DecodedBy(0)), card: b.Card.WordShift(), sets: make([]differences, len(sets))}
	for i, set := range sets {
		for _, file := range set.files {
			t, err := readTruth(data, file)
			if err != nil {
				return nil, err
			}
			words, err := recognizedWords(ctx, r, t.audio)
			if err != nil {
				return nil, err
			}
			h.add(i, t, words)
		}
	}
	return h, nil
}

// recognizedWords returns the words of a recording of one channel.
func recognizedWords(ctx context.Context, r *asr.Recognizer, path string) (_ []align.Word, err error) {
	s, err := audio.Open(ctx, path, audio.Options{Channels: audio.Mix})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	results, err := r.Recognize(ctx, s, asr.Request{})
	if err != nil {
		return nil, err
	}
	o := &results[0].Output
	if err := align.Retime(o); err != nil {
		return nil, err
	}
	return (&align.Emissions{Output: *o}).Words(), nil
}

// add compares the words of a recording that are right.
func (h *recognized) add(set int, t *truth, words []align.Word) {
	var said, got []string
	for _, w := range t.words {
		said = append(said, strings.Join(wer.Normalize(w), ""))
	}
	for _, w := range words {
		got = append(got, strings.Join(wer.Normalize(w.Text), ""))
	}
	i, k := 0, 0
	for _, p := range wer.Align(said, got) {
		if p.Right() && p.Said != "" {
			h.sets[set].add(t.spans[i], words[k].Span)
		}
		if p.Said != "" {
			i++
		}
		if p.Recognised != "" {
			k++
		}
	}
}

// constant is that with which the bias of starts and ends vanishes together, as the mean of the
// sets, in milliseconds.
func (h *recognized) constant() float64 {
	sum := 0.0
	for _, d := range h.sets {
		sum -= (quantile(d.start, 0.5) + quantile(d.end, 0.5)) / 2
	}
	return sum / float64(len(h.sets))
}

func printRecognized(w io.Writer, all []recognized) {
	fmt.Fprint(w, "All figures but those of words are milliseconds.\n\n")
	fmt.Fprint(w, "| times set by | model and decoder | right words | start: median | 90 % | bias | end: median | 90 % | bias |\n|---|---|---|---|---|---|---|---|---|\n")
	for i, set := range sets {
		for _, h := range all {
			d := &h.sets[i]
			fmt.Fprintf(w, "| %s | %s | %d | %s | %s |\n", set.name, h.name, len(d.start), summary(d.start), summary(d.end))
		}
	}
	fmt.Fprint(w, "\n| model and decoder | constant of its model.json | the bias vanishes with |\n|---|---|---|\n")
	for _, h := range all {
		fmt.Fprintf(w, "| %s | %d ms | %+.0f ms |\n", h.name, h.card.Milliseconds(), float64(h.card.Milliseconds())+h.constant())
	}
}
