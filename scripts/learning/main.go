// Command learning measures what a project learns from corrections: it recognizes the recordings of
// testdata/learning, takes the texts of the first half as corrections, learns from them, and counts
// the word errors in the second half, of all words and of the project's own words that the first
// half has.
//
//	go run ./scripts/learning
package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/wer"
)

type options struct{ data, model, library string }

func main() {
	var o options
	flag.StringVar(&o.data, "data", "testdata/learning", "folder with the recordings, index.tsv and glossary.txt")
	flag.StringVar(&o.model, "model", models.DefaultName, "name or path of the model")
	flag.StringVar(&o.library, "library", os.Getenv("ASR_BACKEND_ONNXRUNTIME"), "ONNX Runtime library")
	flag.Parse()
	if err := run(context.Background(), &o); err != nil {
		fmt.Fprintln(os.Stderr, "learning:", err)
		os.Exit(1)
	}
}

// recording is one of the set.
type recording struct {
	name, text string
	rows       learn.Rows
}

func run(ctx context.Context, o *options) (err error) {
	bundle, err := models.Open(o.model, "")
	if err != nil {
		return err
	}
	runtime, err := ort.Open(o.library)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	r, err := asr.New(ctx, runtime, bundle, asr.Options{Provider: ort.CPU})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	all, err := recognize(ctx, o.data, r)
	if err != nil {
		return err
	}
	return measure(ctx, o.data, r, all)
}

func recognize(ctx context.Context, folder string, r *asr.Recognizer) ([]recording, error) {
	f, err := os.Open(filepath.Join(folder, "index.tsv"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	table := csv.NewReader(f)
	table.Comma, table.LazyQuotes, table.FieldsPerRecord = '\t', true, -1
	lines, err := table.ReadAll()
	if err != nil {
		return nil, err
	}
	file, text := slices.Index(lines[0], "file"), slices.Index(lines[0], "text")
	if file < 0 || text < 0 {
		return nil, errors.New("index.tsv has no columns file and text")
	}
	var all []recording
	for _, line := range lines[1:] {
		rec := recording{name: line[file], text: line[text]}
		stream, err := audio.Open(ctx, filepath.Join(folder, rec.name), audio.Options{})
		if err != nil {
			return nil, err
		}
		_, err = r.Recognize(ctx, stream, asr.Request{Search: func(_ int, _ timeline.Row, row *ctc.Row, pieces []ctc.Candidate, sure float32) error {
			rec.rows.Blanks = append(rec.rows.Blanks, row.Blank)
			rec.rows.Candidates.AppendRow(pieces, sure)
			return nil
		}})
		if err = errors.Join(err, stream.Close()); err != nil {
			return nil, err
		}
		all = append(all, rec)
	}
	return all, nil
}

// decode returns the text that a search finds.
func decode(s *beam.Search, v *ctc.Vocabulary, rows *learn.Rows) string {
	d := s.Decoder(0)
	var tokens []ctc.Token
	for i, blank := range rows.Blanks {
		pieces, sure := rows.Candidates.Row(i)
		d.PushCandidates(blank, pieces, sure)
		tokens = append(tokens, d.Take()...)
	}
	return v.TokenText(append(tokens, d.Best()...))
}

func measure(ctx context.Context, folder string, r *asr.Recognizer, all []recording) error {
	glossary, err := os.ReadFile(filepath.Join(folder, "glossary.txt"))
	if err != nil {
		return err
	}
	search, v := r.Search(nil), r.Bundle().Vocabulary
	general, _ := r.Lexicon()
	half := len(all) / 2
	m := learn.Material{}
	for i := range all[:half] {
		m.Corrections = append(m.Corrections, learn.Correction{Recording: all[i].name, Wrote: all[i].text, Predicted: decode(search, v, &all[i].rows)})
	}
	began := time.Now()
	out, err := learn.Learn(ctx, &m, learn.Options{Vocabulary: v, Search: search, General: general,
		Rows: func(_ context.Context, i int) (*learn.Rows, error) { return &all[i].rows, nil }})
	if err != nil {
		return err
	}
	took := time.Since(began)
	used := &out.Candidate.Used
	fmt.Printf("learnt from %d recordings, %d words, in %.1f s; taken up: %v (%s)\n", out.Recordings, out.Words, took.Seconds(), out.TakeUp, out.Reason)
	fmt.Printf("judged on %d passages: %.1f %% before, %.1f %% after; part %.2f, phrase weight %.2f, tuned %v, %d bytes of language model, %d phrases\n", out.Judgement.Passages,
		100*out.Judgement.General.Rate(), 100*out.Judgement.Candidate.Rate(), used.Part, used.PhraseWeight, out.Tuned, len(used.Model), len(used.Phrases))
	for _, p := range used.Phrases {
		fmt.Printf("%s (%d/%d); ", p.Text, p.Missed, p.Said)
	}
	fmt.Println()
	own := ownWords(string(glossary), all[:half])
	var list []beam.Phrase
	for line := range strings.Lines(string(glossary)) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, beam.Phrase{Text: line})
		}
	}
	phrases, err := beam.NewPhrases(list)
	if err != nil {
		return err
	}
	learnt, err := used.SearchWith(search, nil)
	if err != nil {
		return err
	}
	fmt.Printf("%d own words in the first half\n", len(own))
	for _, s := range []struct {
		name   string
		search *beam.Search
	}{{"as it is", search}, {"glossary as hotwords", search.WithPhrases(phrases)}, {"learnt", learnt}} {
		var errs wer.Errors
		said, missed, inserted := 0, 0, 0
		for i := range all[half:] {
			rec := &all[half+i]
			want, got := wer.Normalize(rec.text), wer.Normalize(decode(s.search, v, &rec.rows))
			errs.Add(wer.CompareWords(want, got))
			for _, p := range wer.Align(want, got) {
				switch {
				case own[p.Said]:
					said++
					if !p.Right() {
						missed++
					}
				case own[p.Recognised]:
					inserted++
				}
			}
		}
		fmt.Printf("%-22s %.1f %% of %d words wrong; own words: %d of %d wrong (%.1f %%), %d written where they were not said\n", s.name, 100*errs.Rate(), errs.Words, missed, said, 100*float64(missed)/float64(max(said, 1)), inserted)
	}
	return nil
}

// ownWords returns the words of the glossary that recordings have.
func ownWords(glossary string, all []recording) map[string]bool {
	said := map[string]bool{}
	for i := range all {
		for _, w := range wer.Normalize(all[i].text) {
			said[w] = true
		}
	}
	out := map[string]bool{}
	for _, w := range wer.Normalize(glossary) {
		out[w] = said[w]
	}
	for w, yes := range out {
		if !yes {
			delete(out, w)
		}
	}
	return out
}
