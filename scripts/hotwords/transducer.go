package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
)

// transduce measures lists with the transducer of a model, which runs on every recording again.
// Its processor time is that of the whole, and is not printed.
func (e *experiment) transduce(ctx context.Context, o *options, lists map[int][]list, weights []float64) (err error) {
	bundle, runtime, err := openModel(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	r, err := asr.New(ctx, runtime, bundle, asr.Options{Provider: ort.CPU})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for _, size := range sizes {
		for _, w := range weights {
			out := result{LM: r.DecodedBy(0), Size: size, Weight: w, Texts: map[string]string{}}
			for i := range e.recordings {
				rec := &e.recordings[i]
				if out.Texts[rec.name], err = recognized(ctx, r, rec.path, lists[size][i].words, w); err != nil {
					return fmt.Errorf("%s: %w", rec.path, err)
				}
			}
			e.print(&out, lists[size])
		}
	}
	return nil
}

// recognized returns the text of a recording with a list.
func recognized(ctx context.Context, r *asr.Recognizer, path string, words []string, weight float64) (_ string, err error) {
	graph, err := phrases(words, weight)
	if err != nil {
		return "", err
	}
	bias, err := r.Bias(graph)
	if err != nil {
		return "", err
	}
	stream, err := audio.Open(ctx, path, audio.Options{})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	results, err := r.Recognize(ctx, stream, asr.Request{Bias: bias})
	if err != nil {
		return "", err
	}
	return results[0].Vocabulary.TokenText(results[0].Tokens), nil
}
