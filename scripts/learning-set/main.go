// Command learning-set measures how much a project can gain from its first corrections, on the recordings of
// testdata/learning: 1 to 20 are taken as corrected, and the errors of 21 to 40 are counted with the
// default language model, with the words of glossary.txt as hotwords, and with those words as hotwords that the corrections
// show to be needed.
//
//	go run ./scripts/learning-set [-onnxruntime bin] [-out FOLDER] [-lm PATH]
//
// -out writes learned.txt, the hotwords, and corrected.txt, the corrected texts, one sentence a line,
// of which a language model may be made; -lm measures such a model too, alone and with the learned hotwords.
// make.py makes the recordings.
package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/wer"
)

// corrected is how many recordings, the first ones, the project learns from.
const corrected = 20

type options struct {
	library, data, out, lm string
}

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.library, "onnxruntime", "bin", "ONNX Runtime library, file or folder")
	flag.StringVar(&o.data, "data", "testdata/learning", "folder of the recordings")
	flag.StringVar(&o.out, "out", "", "folder to write learned.txt and corrected.txt to")
	flag.StringVar(&o.lm, "lm", "", "measure this language model too")
	flag.Parse()
	if err := run(context.Background(), &o); err != nil {
		log.Fatal(err)
	}
}

// recording is a line of index.tsv.
type recording struct {
	path, kind, text string
	words            []string
}

func run(ctx context.Context, o *options) (err error) {
	recordings, err := readIndex(o.data)
	if err != nil {
		return err
	}
	glossary, err := readLines(filepath.Join(o.data, "glossary.txt"))
	if err != nil {
		return err
	}
	runtime, err := ort.Open(o.library)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	r, err := newRanks()
	if err != nil {
		return err
	}
	d := r.domain(glossary, recordings)
	fmt.Print("| | words wrong, all | real | synthetic | domain words wrong, all | real | synthetic |\n|---|---|---|---|---|---|---|\n")
	measure := func(name, lm string, hotwords []string) (texts [][]string, err error) {
		if texts, err = recognize(ctx, runtime, recordings, lm, hotwords); err == nil {
			fmt.Printf("| %s | %s |\n", name, d.count(recordings, texts))
		}
		return texts, err
	}
	texts, err := measure("default", asr.LMDefault, nil)
	if err != nil {
		return err
	}
	if _, err := measure("glossary as hotwords", asr.LMDefault, glossary); err != nil {
		return err
	}
	learned := r.learn(recordings, texts)
	if _, err := measure("learned hotwords", asr.LMDefault, learned); err != nil {
		return err
	}
	if o.lm != "" {
		if _, err := measure("language model", o.lm, nil); err != nil {
			return err
		}
		if _, err := measure("both", o.lm, learned); err != nil {
			return err
		}
	}
	if o.out == "" {
		return nil
	}
	return write(o.out, learned, recordings)
}

// recognize returns the words that are recognized in recordings.
func recognize(ctx context.Context, runtime *ort.Runtime, recordings []recording, lm string, hotwords []string) (_ [][]string, err error) {
	bundle, err := models.Open(models.DefaultName, "")
	if err != nil {
		return nil, err
	}
	r, err := asr.New(ctx, runtime, bundle, asr.Options{Provider: ort.CPU, Decoding: asr.Decoding{LM: lm}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var phrases []beam.Phrase
	for _, text := range hotwords {
		phrases = append(phrases, beam.Phrase{Text: text})
	}
	t, err := transcribe.New(r, transcribe.Options{Hotwords: phrases})
	if err != nil {
		return nil, err
	}
	var out [][]string
	for _, rec := range recordings {
		got, err := t.Transcribe(ctx, transcribe.Source{Path: rec.path}, transcribe.Request{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", rec.path, err)
		}
		out = append(out, wer.Normalize(got.Text()))
	}
	return out, nil
}

func readIndex(folder string) ([]recording, error) {
	f, err := os.Open(filepath.Join(folder, "index.tsv"))
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	c := csv.NewReader(f)
	c.Comma = '\t'
	rows, err := c.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("index.tsv: %w", err)
	}
	var out []recording
	for _, row := range rows[1:] {
		text := row[len(row)-1]
		out = append(out, recording{path: filepath.Join(folder, row[1]), kind: row[2], text: text, words: wer.Normalize(text)})
	}
	return out, nil
}

func readLines(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	var out []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		out = append(out, lines.Text())
	}
	return out, lines.Err()
}

func write(folder string, learned []string, recordings []recording) error {
	sentence := regexp.MustCompile(`([.?!]) `)
	var texts strings.Builder
	for _, r := range recordings[:corrected] {
		texts.WriteString(sentence.ReplaceAllString(r.text, "$1\n") + "\n")
	}
	return errors.Join(
		os.WriteFile(filepath.Join(folder, "learned.txt"), []byte(strings.Join(learned, "\n")+"\n"), 0o644),
		os.WriteFile(filepath.Join(folder, "corrected.txt"), []byte(texts.String()), 0o644))
}

// sorted returns the words of a set.
func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
