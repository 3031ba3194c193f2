// Command hotwords measures what lists of expected words do to the text of recordings, in the
// way of Le et al., Contextualized streaming end-to-end speech recognition with trie-based deep
// biasing and shallow fusion (Interspeech 2021): each recording of testdata/speech gets a list
// of its own rare words and of others that are not said, to 100, 500 and 2,000 words in all.
//
//	go run ./scripts/hotwords -lm PATH [-weights 1,1.5,2] [-lists DIR]
//
// Rare are the words beyond the 5,000 most probable ones of the language model. It prints the
// word error rate of all words, of those on the list (B) and of the others (U), and how often a
// word of the list was written where another or none was said. -lists writes the lists, one
// word a line, for other programs.
package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/wer"
)

type options struct {
	model, library, data, lm, weights, lists string
}

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.model, "model", models.DefaultName, "name or path of the acoustic model")
	flag.StringVar(&o.library, "onnxruntime", "bin", "ONNX Runtime library, file or folder")
	flag.StringVar(&o.data, "data", "testdata", "folder of the test data")
	flag.StringVar(&o.lm, "lm", "", "language model")
	flag.StringVar(&o.weights, "weights", "1,1.5,2", "bonuses for a letter, in nats")
	flag.StringVar(&o.lists, "lists", "", "folder to write the lists to")
	flag.Parse()
	if err := run(context.Background(), &o); err != nil {
		log.Fatal(err)
	}
}

// recording is one of testdata/speech.
type recording struct {
	name  string
	words []string
	rows  [][]float32
}

func run(ctx context.Context, o *options) error {
	m, err := lm.Open(o.lm)
	if err != nil {
		return err
	}
	defer m.Close()
	bundle, err := models.Open(o.model, "")
	if err != nil {
		return err
	}
	all, err := recognize(ctx, o, bundle)
	if err != nil {
		return err
	}
	search, err := beam.New(bundle.Vocabulary, beam.Options{Lexicon: beam.NewLexicon(m), Bonus: beam.DefaultBonus})
	if err != nil {
		return err
	}
	rare := newRare(m)
	fmt.Println("| list | weight | all | B | U | words of the list wrongly written |\n|---|---|---|---|---|---|")
	for _, size := range []int{100, 500, 2000} {
		lists := make([]list, len(all))
		for i := range all {
			lists[i] = rare.list(&all[i], size)
			if err := lists[i].write(o.lists, all[i].name, size); err != nil {
				return err
			}
		}
		for _, text := range append([]string{"0"}, strings.Split(o.weights, ",")...) {
			weight, err := strconv.ParseFloat(text, 32)
			if err != nil {
				return fmt.Errorf("-weights: %w", err)
			}
			var s score
			for i := range all {
				words, err := decode(search, bundle.Vocabulary, &all[i], &lists[i], float32(weight))
				if err != nil {
					return err
				}
				s.add(all[i].words, words, &lists[i])
			}
			fmt.Printf("| %d | %s | %s |\n", size, text, s.String())
		}
	}
	return nil
}

// recognize returns the recordings with their rows.
func recognize(ctx context.Context, o *options, bundle *asr.Bundle) (_ []recording, err error) {
	f, err := os.Open(filepath.Join(o.data, "speech", "index.tsv"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, 3
	lines, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	runtime, err := ort.Open(o.library)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	recognizer, err := asr.New(ctx, runtime, bundle, asr.Options{Provider: ort.CPU})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, recognizer.Close()) }()
	var all []recording
	for _, line := range lines[1:] {
		rec := recording{name: line[1], words: wer.Normalize(line[2])}
		stream, err := audio.Open(ctx, filepath.Join(o.data, "speech", line[0], line[1]), audio.Options{})
		if err != nil {
			return nil, err
		}
		_, err = recognizer.Recognize(ctx, stream, asr.Request{LogProbs: func(_ int, _ timeline.Row, row []float32) error {
			rec.rows = append(rec.rows, append([]float32(nil), row...))
			return nil
		}})
		if err := cmp.Or(err, stream.Close()); err != nil {
			return nil, err
		}
		all = append(all, rec)
	}
	return all, nil
}

// decode returns the words that a search with a list finds.
func decode(s *beam.Search, v *ctc.Vocabulary, rec *recording, l *list, weight float32) ([]string, error) {
	var phrases []beam.Phrase
	for _, w := range l.words {
		if weight > 0 {
			phrases = append(phrases, beam.Phrase{Text: w, Weight: weight})
		}
	}
	graph, err := beam.NewPhrases(phrases)
	if err != nil {
		return nil, err
	}
	d := s.WithPhrases(graph).Decoder(0)
	var tokens []ctc.Token
	for _, row := range rec.rows {
		d.Push(row)
		tokens = append(tokens, d.Take()...)
	}
	best := d.Finish(1)[0]
	tokens = append(append(tokens, d.Take()...), best.Tokens...)
	pieces := make([]ctc.Piece, len(tokens))
	for i := range tokens {
		pieces[i] = tokens[i].Piece
	}
	return wer.Normalize(v.Text(pieces)), nil
}
