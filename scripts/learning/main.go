// Command learning measures what a project learns from corrections: it recognizes the recordings of
// testdata/learning, takes the texts of the first half as corrections, learns from them, and counts
// the word errors in the second half, of all words and of the project's own: those of glossary.txt
// that the first half has.
//
//	go run ./scripts/learning [-splits 60]
//
// The names of recordings say which of them judge and which tune. With -splits it learns as often
// with other names, and prints what that changes.
//
// make.py makes the recordings.
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

type options struct {
	data, model, library string
	splits               int
}

func main() {
	var o options
	flag.StringVar(&o.data, "data", "testdata/learning", "folder with the recordings, index.tsv and glossary.txt")
	flag.StringVar(&o.model, "model", models.DefaultName, "name or path of the model")
	flag.StringVar(&o.library, "library", os.Getenv("ASR_BACKEND_ONNXRUNTIME"), "ONNX Runtime library")
	flag.IntVar(&o.splits, "splits", 0, "how often to learn with other recordings that judge")
	flag.Parse()
	if err := run(context.Background(), &o); err != nil {
		fmt.Fprintln(os.Stderr, "learning:", err)
		os.Exit(1)
	}
}

// recording is one of the set.
type recording struct {
	name, kind, text string
	rows             learn.Rows
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
	all, err := readIndex(o.data)
	if err != nil {
		return err
	}
	if err := recognize(ctx, o.data, r, all); err != nil {
		return err
	}
	return measure(ctx, o, r, all)
}

// readIndex reads the list of recordings.
func readIndex(folder string) ([]recording, error) {
	f, err := os.Open(filepath.Join(folder, "index.tsv"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	table := csv.NewReader(f)
	table.Comma = '\t'
	lines, err := table.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("index.tsv: %w", err)
	}
	file, kind, text := slices.Index(lines[0], "file"), slices.Index(lines[0], "kind"), slices.Index(lines[0], "text")
	if min(file, kind, text) < 0 {
		return nil, errors.New("index.tsv has no columns file, kind and text")
	}
	var all []recording
	for _, line := range lines[1:] {
		all = append(all, recording{name: line[file], kind: line[kind], text: line[text]})
	}
	return all, nil
}

// readGlossary reads the phrases of the glossary.
func readGlossary(folder string) ([]string, error) {
	raw, err := os.ReadFile(filepath.Join(folder, "glossary.txt"))
	return strings.Split(strings.TrimSpace(string(raw)), "\n"), err
}

// recognize computes the rows of recordings.
func recognize(ctx context.Context, folder string, r *asr.Recognizer, all []recording) error {
	for i := range all {
		rows := &all[i].rows
		stream, err := audio.Open(ctx, filepath.Join(folder, all[i].name), audio.Options{})
		if err != nil {
			return err
		}
		_, err = r.Recognize(ctx, stream, asr.Request{Search: func(_ int, _ timeline.Row, row *ctc.Row, pieces []ctc.Candidate, sure float32) error {
			rows.Blanks = append(rows.Blanks, row.Blank)
			rows.Candidates.AppendRow(pieces, sure)
			return nil
		}})
		if err = errors.Join(err, stream.Close()); err != nil {
			return err
		}
	}
	return nil
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

func measure(ctx context.Context, o *options, r *asr.Recognizer, all []recording) error {
	glossary, err := readGlossary(o.data)
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
	lo := learn.Options{Vocabulary: v, Search: search, General: general,
		Rows: func(_ context.Context, i int) (*learn.Rows, error) { return &all[i].rows, nil }}
	began := time.Now()
	out, err := learn.Learn(ctx, &m, lo)
	if err != nil {
		return err
	}
	took := time.Since(began)
	used := &out.Candidate.Used
	fmt.Printf("Learnt from %d recordings, %d words, in %.1f s. Taken up: %v (%s, %d of them).\n", out.Recordings, out.Words, took.Seconds(), out.TakeUp, out.Reason, out.Judgement.Passages)
	fmt.Printf("Part %.2f, phrase weight %.2f, tuned: %v. Language model: %d bytes; %d phrases:\n", used.Part, used.PhraseWeight, out.Tuned, len(used.Model), len(used.Phrases))
	for _, p := range used.Phrases {
		fmt.Printf("%s (%d/%d); ", p.Text, p.Missed, p.Said)
	}
	fmt.Print("\n\n| | words wrong, all | real | synthetic | own words wrong, all | real | synthetic |\n|---|---|---|---|---|---|---|\n")
	var list []beam.Phrase
	for _, text := range glossary {
		list = append(list, beam.Phrase{Text: text})
	}
	phrases, err := beam.NewPhrases(list)
	if err != nil {
		return err
	}
	learnt, err := used.SearchWith(search, nil)
	if err != nil {
		return err
	}
	own := ownWords(glossary, all[:half])
	for _, s := range []struct {
		name   string
		search *beam.Search
	}{{"default", search}, {"glossary as hotwords", search.WithPhrases(phrases)}, {"learnt", learnt}} {
		total, owned := count(all[half:], own, func(rec *recording) string { return decode(s.search, v, &rec.rows) })
		fmt.Printf("| %s | %s | %s | %s | %s | %s | %s |\n", s.name, total[0], total[1], total[2], owned[0], owned[1], owned[2])
	}
	return splits(ctx, o.splits, &m, lo, func(k *learn.Knowledge) (total, owned rate, err error) {
		s, err := k.SearchWith(search, nil)
		if err != nil {
			return rate{}, rate{}, err
		}
		a, b := count(all[half:], own, func(rec *recording) string { return decode(s, v, &rec.rows) })
		return a[0], b[0], nil
	})
}

// splits learns several times, with other names of recordings.
func splits(ctx context.Context, times int, m *learn.Material, o learn.Options, measure func(*learn.Knowledge) (total, owned rate, err error)) error {
	if times == 0 {
		return nil
	}
	names := make([]string, len(m.Corrections))
	for i := range names {
		names[i] = m.Corrections[i].Recording
	}
	var totals, owns []float64
	taken := 0
	for n := range times {
		for i := range names {
			m.Corrections[i].Recording = fmt.Sprintf("%d/%s", n, names[i])
		}
		out, err := learn.Learn(ctx, m, o)
		if err != nil {
			return err
		}
		if out.TakeUp {
			taken++
		}
		total, owned, err := measure(&out.Candidate.Used)
		if err != nil {
			return err
		}
		totals, owns = append(totals, total.percent()), append(owns, owned.percent())
	}
	slices.Sort(totals)
	slices.Sort(owns)
	fmt.Printf("\nWith %d other divisions of the corrected recordings %d candidates are taken up; lowest, median and highest error rate of all candidates: %.1f, %.1f and %.1f %% of all words, %.1f, %.1f and %.1f %% of own words.\n",
		times, taken, totals[0], totals[times/2], totals[times-1], owns[0], owns[times/2], owns[times-1])
	return nil
}

// rate counts wrong words. An insertion counts among all words, but not among the project's own.
type rate struct{ wrong, said int }

func (r rate) percent() float64 { return 100 * float64(r.wrong) / float64(max(r.said, 1)) }

func (r rate) String() string { return fmt.Sprintf("%.1f %% of %d", r.percent(), r.said) }

func (r *rate) add(p wer.Pair) {
	if p.Said != "" {
		r.said++
	}
	if !p.Right() {
		r.wrong++
	}
}

// count counts the wrong words: of all kinds of recordings, of real and of synthetic ones.
func count(recordings []recording, own map[string]bool, recognized func(*recording) string) (all, owned [3]rate) {
	for i := range recordings {
		rec := &recordings[i]
		kinds := []int{0, 1}
		if rec.kind != "real" {
			kinds[1] = 2
		}
		for _, p := range wer.Align(wer.Normalize(rec.text), wer.Normalize(recognized(rec))) {
			for _, k := range kinds {
				all[k].add(p)
				if own[p.Said] {
					owned[k].add(p)
				}
			}
		}
	}
	return all, owned
}

// ownWords returns the words of the glossary that recordings have.
func ownWords(glossary []string, recordings []recording) map[string]bool {
	said := map[string]bool{}
	for i := range recordings {
		for _, w := range wer.Normalize(recordings[i].text) {
			said[w] = true
		}
	}
	out := map[string]bool{}
	for _, w := range wer.Normalize(strings.Join(glossary, " ")) {
		if said[w] {
			out[w] = true
		}
	}
	return out
}
