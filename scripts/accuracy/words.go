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

// printWords prints the word error rates of a model on the recordings of DATA/speech, by set:
// those of the greedy text and, if the model has a language model, those with it. With show it
// also prints the words of each.
func printWords(ctx context.Context, w io.Writer, runtime *ort.Runtime, bundle *asr.Bundle, data string, show bool) (err error) {
	speech := filepath.Join(data, "speech")
	index, err := readIndex(filepath.Join(speech, "index.tsv"))
	if err != nil {
		return err
	}
	var columns []column
	defer func() {
		for _, c := range columns {
			err = errors.Join(err, c.recognizer.Close())
		}
	}()
	ways := []asr.Decoding{{LM: asr.LMNone}}
	if (&asr.Decoding{}).LanguageModel(bundle) != nil {
		ways = append(ways, asr.Decoding{})
	}
	for _, d := range ways {
		c, err := newColumn(ctx, runtime, bundle, d)
		if err != nil {
			return err
		}
		columns = append(columns, c)
	}
	fmt.Fprintf(w, "%s\n\n| set | recordings | minutes | words |", columns[len(columns)-1].transcriber.Version())
	for _, c := range columns {
		fmt.Fprintf(w, " %s | confidence |", c.recognizer.DecodedBy(0))
	}
	fmt.Fprintf(w, "\n|---|---|---|---|%s\n", strings.Repeat("---|---|", len(columns)))
	for at := 0; at < len(index); {
		end := at
		for end < len(index) && index[end][0] == index[at][0] {
			end++
		}
		if err := printSet(ctx, w, columns, speech, index[at:end], show); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// column is a way to decode.
type column struct {
	recognizer  *asr.Recognizer
	transcriber *transcribe.Transcriber
}

func newColumn(ctx context.Context, runtime *ort.Runtime, bundle *asr.Bundle, d asr.Decoding) (c column, err error) {
	if c.recognizer, err = asr.New(ctx, runtime, bundle, asr.Options{Provider: ort.CPU, Decoding: d}); err != nil {
		return c, err
	}
	c.transcriber, err = transcribe.New(c.recognizer, transcribe.Options{})
	return c, err
}

// printSet prints the line of one set. Rows are set, file, text.
func printSet(ctx context.Context, w io.Writer, columns []column, speech string, rows [][]string, show bool) error {
	sums, confidences := make([]wer.Errors, len(columns)), make([]float64, len(columns))
	var audio time.Duration
	for _, row := range rows {
		for i, c := range columns {
			got, err := c.transcriber.Transcribe(ctx, transcribe.Source{Path: filepath.Join(speech, row[0], row[1])}, transcribe.Request{})
			if err != nil {
				return err
			}
			e := wer.Compare(row[2], got.Text())
			sums[i].Add(e)
			confidences[i] += got.Confidence / float64(len(rows))
			if i == 0 {
				audio += got.Duration
			}
			if show {
				fmt.Fprintf(w, "%s %.0f %%\n  reference  %s\n  recognized %s\n", row[1], 100*e.Rate(), row[2], got.Text())
			}
		}
	}
	fmt.Fprintf(w, "| %s | %d | %.1f | %d |", rows[0][0], len(rows), audio.Minutes(), sums[0].Words)
	for i := range columns {
		fmt.Fprintf(w, " %.1f %% | %.2f |", 100*sums[i].Rate(), confidences[i])
	}
	fmt.Fprintln(w)
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
