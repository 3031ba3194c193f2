package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/wer"
	"golang.org/x/sys/unix"
)

// recording is one of testdata/speech.
type recording struct {
	name  string
	path  string
	words []string
	rows  [][]float32
}

// experiment is what all measurements share.
type experiment struct {
	vocabulary *ctc.Vocabulary
	recordings []recording
	rare       *rare
	searches   []namedSearch
	transducer bool // of which there are no searches
}

type namedSearch struct {
	lm     string // none or with
	search *beam.Search
}

// open reads the models and recognizes the recordings.
func open(ctx context.Context, o *options) (_ *experiment, err error) {
	bundle, runtime, err := openModel(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	if e, err := openTransducer(bundle, o); e != nil || err != nil {
		return e, err
	}
	e := &experiment{vocabulary: bundle.Vocabulary}
	decoding := asr.Decoding{LM: o.lm}
	file := decoding.LanguageModel(bundle)
	if file == nil {
		return nil, errors.New("-lm: a language model is needed; it says which words are rare")
	}
	m, err := file.Open()
	if err != nil {
		return nil, err
	}
	e.rare = newRare(m)
	with := decoding.SearchOptions(file, bundle)
	with.Lexicon = beam.NewLexicon(m)
	for _, c := range []struct {
		lm string
		o  beam.Options
	}{{"none", beam.Options{}}, {"with", with}} {
		search, err := beam.New(bundle.Vocabulary, c.o)
		if err != nil {
			return nil, err
		}
		e.searches = append(e.searches, namedSearch{c.lm, search})
	}
	recognizer, err := asr.New(ctx, runtime, bundle, asr.Options{Provider: ort.CPU})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, recognizer.Close()) }()
	return e, e.recognize(ctx, o.data, recognizer)
}

// openModel opens the model of speech and the library. The caller closes the latter.
func openModel(o *options) (*asr.Bundle, *ort.Runtime, error) {
	bundle, err := models.Open(o.model, "")
	if err != nil {
		return nil, nil, err
	}
	runtime, err := ort.Open(o.library)
	return bundle, runtime, err
}

// openTransducer reads the recordings if the model is a transducer.
func openTransducer(b *asr.Bundle, o *options) (*experiment, error) {
	if b.Transducer == nil {
		return nil, nil
	}
	e := &experiment{vocabulary: b.Vocabulary, transducer: true}
	embedded, err := models.Open(models.DefaultName, "")
	if err != nil {
		return nil, err
	}
	decoding := asr.Decoding{LM: o.lm}
	file := decoding.LanguageModel(embedded)
	if file == nil {
		return nil, errors.New("-lm: a language model is needed; it says which words are rare")
	}
	m, err := file.Open()
	if err != nil {
		return nil, err
	}
	e.rare = newRare(m)
	return e, errors.Join(e.read(o.data, func(*recording) error { return nil }), m.Close())
}

// recognize reads the recordings and finds their rows.
func (e *experiment) recognize(ctx context.Context, data string, recognizer *asr.Recognizer) error {
	return e.read(data, func(rec *recording) error {
		stream, err := audio.Open(ctx, rec.path, audio.Options{})
		if err != nil {
			return err
		}
		_, err = recognizer.Recognize(ctx, stream, asr.Request{LogProbs: func(_ int, _ timeline.Row, row []float32) error {
			rec.rows = append(rec.rows, append([]float32(nil), row...))
			return nil
		}})
		return cmp.Or(err, stream.Close())
	})
}

// read reads the recordings and does something with each.
func (e *experiment) read(data string, do func(*recording) error) error {
	f, err := os.Open(filepath.Join(data, "speech", "index.tsv"))
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, 3
	lines, err := r.ReadAll()
	if err != nil {
		return err
	}
	for _, line := range lines[1:] {
		rec := recording{name: line[1], path: filepath.Join(data, "speech", line[0], line[1]), words: wer.Normalize(line[2])}
		if err := do(&rec); err != nil {
			return err
		}
		e.recordings = append(e.recordings, rec)
	}
	return nil
}

// decode finds the texts of all recordings, each with its list, and the time that takes.
func (e *experiment) decode(s *beam.Search, lists []list, r *result) error {
	before, err := processor()
	if err != nil {
		return err
	}
	rows := 0
	for i := range e.recordings {
		rec := &e.recordings[i]
		graph, err := phrases(lists[i].words, r.Weight)
		if err != nil {
			return err
		}
		r.Texts[rec.name] = e.text(s.WithPhrases(graph).Decoder(0), rec.rows)
		rows += len(rec.rows)
	}
	after, err := processor()
	r.Micros = (after - before) / float64(rows)
	return err
}

// phrases returns the graph of a list at a weight, or nil at none.
func phrases(words []string, weight float64) (*beam.Phrases, error) {
	if weight <= 0 {
		return nil, nil
	}
	list := make([]beam.Phrase, len(words))
	for i, w := range words {
		list[i] = beam.Phrase{Text: w, Weight: float32(weight)}
	}
	return beam.NewPhrases(list)
}

func (e *experiment) text(d *beam.Decoder, rows [][]float32) string {
	var tokens []ctc.Token
	for _, row := range rows {
		d.Push(row)
		tokens = append(tokens, d.Take()...)
	}
	return e.vocabulary.TokenText(append(tokens, d.Best()...))
}

// processor returns the processor time of the program so far, in microseconds.
func processor() (float64, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1000, nil
}
