package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/wer"
)

// printWords prints the word error rate of a model on the recordings of testdata/speech, by
// set, and with show the words of each.
func printWords(ctx context.Context, w io.Writer, model *model, data string, show bool) error {
	speech := filepath.Join(data, "speech")
	index, err := readIndex(filepath.Join(speech, "index.tsv"))
	if err != nil {
		return err
	}
	t, err := transcribe.New(model.recognizer, transcribe.Options{})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\n\n| set | recordings | minutes | words | word error rate | confidence |\n|---|---|---|---|---|---|\n", t.Version())
	for at := 0; at < len(index); {
		end := at
		for end < len(index) && index[end][0] == index[at][0] {
			end++
		}
		if err := printSet(ctx, w, t, speech, index[at:end], show); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// printSet prints the line of one set. Rows are set, file, text.
func printSet(ctx context.Context, w io.Writer, t *transcribe.Transcriber, speech string, rows [][]string, show bool) error {
	var errors wer.Errors
	var audio time.Duration
	confidence := 0.0
	for _, row := range rows {
		got, err := t.Transcribe(ctx, transcribe.Source{Path: filepath.Join(speech, row[0], row[1])}, transcribe.Request{})
		if err != nil {
			return err
		}
		e := wer.Compare(row[2], got.Text())
		errors.Add(e)
		audio += got.Duration
		confidence += got.Confidence / float64(len(rows))
		if show {
			fmt.Fprintf(w, "%s %.0f %%\n  reference  %s\n  recognized %s\n", row[1], 100*e.Rate(), row[2], got.Text())
		}
	}
	fmt.Fprintf(w, "| %s | %d | %.1f | %d | %.1f %% | %.2f |\n", rows[0][0], len(rows), audio.Minutes(), errors.Words, 100*errors.Rate(), confidence)
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
