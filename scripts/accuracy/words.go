package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/wer"
)

// decoded measures a model's texts with each of the ways to decode them.
type decoded struct {
	columns []column
	show    io.Writer // gets the texts, if set
}

// column is a way to decode.
type column struct {
	name        string
	recognizer  *asr.Recognizer
	transcriber *transcribe.Transcriber
}

// newDecoded opens a model: with greedy decoding and, if it has a language model, with that. The
// caller closes it.
func newDecoded(ctx context.Context, runtime *ort.Runtime, bundle *asr.Bundle) (_ *decoded, err error) {
	w := &decoded{}
	add := func(name string, d asr.Decoding) error {
		r, err := asr.New(ctx, runtime, bundle, asr.Options{Provider: ort.CPU, Decoding: d})
		if err != nil {
			return err
		}
		t, err := transcribe.New(r, transcribe.Options{})
		w.columns = append(w.columns, column{name, r, t})
		return err
	}
	err = add("greedy", asr.Decoding{LM: asr.LMNone})
	if own := (asr.Decoding{}); err == nil && own.LanguageModel(bundle) != nil {
		err = add("with its language model", own)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *decoded) close() error {
	var errs []error
	for _, c := range w.columns {
		errs = append(errs, c.recognizer.Close())
	}
	return errors.Join(errs...)
}

// print prints the word error rates on the recordings of FOLDER/speech by set, and how well
// confidences separate right words from wrong ones.
func (w *decoded) print(ctx context.Context, to io.Writer, folder string) error {
	speech := filepath.Join(folder, "speech")
	index, err := readIndex(filepath.Join(speech, "index.tsv"))
	if err != nil {
		return err
	}
	fmt.Fprintf(to, "%s\n\n| set | recordings | minutes | words |", w.columns[len(w.columns)-1].transcriber.Version())
	for _, c := range w.columns {
		fmt.Fprintf(to, " %s |", c.name)
	}
	fmt.Fprintf(to, "\n|---|---|---|---|%s\n", strings.Repeat("---|", len(w.columns)))
	sure := make([]confidences, len(w.columns))
	for at := 0; at < len(index); {
		end := at
		for end < len(index) && index[end][0] == index[at][0] {
			end++
		}
		if err := w.printSet(ctx, to, speech, index[at:end], sure); err != nil {
			return err
		}
		at = end
	}
	fmt.Fprint(to, "\n| confidence of words | words | right | mean confidence | area under the ROC curve |\n|---|---|---|---|---|\n")
	for i, c := range w.columns {
		fmt.Fprintf(to, "| %s | %s |\n", c.name, &sure[i])
	}
	return nil
}

// printSet prints the line of one set. Rows are set, file, text.
func (w *decoded) printSet(ctx context.Context, to io.Writer, speech string, rows [][]string, sure []confidences) error {
	sums := make([]wer.Errors, len(w.columns))
	var audio time.Duration
	for _, row := range rows {
		for i, c := range w.columns {
			got, err := c.transcriber.Transcribe(ctx, transcribe.Source{Path: filepath.Join(speech, row[0], row[1])}, transcribe.Request{})
			if err != nil {
				return err
			}
			e := wer.Compare(row[2], got.Text())
			sums[i].Add(e)
			sure[i].add(row[2], got)
			if i == 0 {
				audio += got.Duration
			}
			if w.show != nil {
				fmt.Fprintf(w.show, "%s, %s: %.0f %%\n  reference  %s\n  recognized %s\n", row[1], c.name, 100*e.Rate(), row[2], got.Text())
			}
		}
	}
	fmt.Fprintf(to, "| %s | %d | %.1f | %d |", rows[0][0], len(rows), audio.Minutes(), sums[0].Words)
	for i := range w.columns {
		fmt.Fprintf(to, " %.1f %% |", 100*sums[i].Rate())
	}
	fmt.Fprintln(to)
	return nil
}

func readIndex(path string) ([][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, 3
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows[1:], nil
}
