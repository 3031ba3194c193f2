// Command wer prints the word error rate of a model on the recordings of
// testdata/speech, by set: go run ./scripts/wer [-model NAME|PATH] [-words]
package main

import (
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/wer"
)

func main() {
	log.SetFlags(0)
	model := flag.String("model", models.DefaultName, "name or path of the model")
	library := flag.String("onnxruntime", "bin", "ONNX Runtime library, file or folder")
	speech := flag.String("speech", "testdata/speech", "folder with index.tsv")
	show := flag.Bool("words", false, "print what was heard")
	flag.Parse()
	if err := run(*model, *library, *speech, *show); err != nil {
		log.Fatal(err)
	}
}

func run(model, library, speech string, show bool) error {
	ctx := context.Background()
	runtime, err := ort.Open(library)
	if err != nil {
		return err
	}
	defer runtime.Close()
	bundle, err := models.Open(model, "")
	if err != nil {
		return err
	}
	recognizer, err := asr.New(ctx, runtime, bundle, asr.Options{})
	if err != nil {
		return err
	}
	defer recognizer.Close()
	index, err := readIndex(filepath.Join(speech, "index.tsv"))
	if err != nil {
		return err
	}
	t := transcribe.New(recognizer, transcribe.Options{})
	fmt.Printf("%s\n\n| set | recordings | minutes | words | word error rate | confidence |\n|---|---|---|---|---|---|\n", t.Version())
	for at := 0; at < len(index); {
		end := at
		for end < len(index) && index[end][0] == index[at][0] {
			end++
		}
		if err := set(ctx, t, speech, index[at:end], show); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// set prints the line of one set. Rows are set, file, text.
func set(ctx context.Context, t *transcribe.Transcriber, speech string, rows [][]string, show bool) error {
	var errors wer.Errors
	var audio time.Duration
	confidence := 0.0
	for _, row := range rows {
		heard, err := t.Transcribe(ctx, transcribe.Source{Path: filepath.Join(speech, row[0], row[1])}, transcribe.Request{})
		if err != nil {
			return err
		}
		e := wer.Compare(row[2], heard.Text())
		errors.Add(e)
		audio += heard.Duration
		confidence += heard.Confidence / float64(len(rows))
		if show {
			fmt.Printf("%s %.0f %%\n  said  %s\n  heard %s\n", row[1], 100*e.Rate(), row[2], heard.Text())
		}
	}
	fmt.Printf("| %s | %d | %.1f | %d | %.1f %% | %.2f |\n", rows[0][0], len(rows), audio.Minutes(), errors.Words, 100*errors.Rate(), confidence)
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
