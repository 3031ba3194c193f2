// Command accuracy prints the tables of doc/accuracy.md: how far word times of a model are
// from the truth, beside other aligners; how well mismatches of text and recording
// are detected; and the word error rates.
//
//	go run ./scripts/accuracy [-model NAME|PATH] [-held FOLDER] [-write doc/accuracy.md,...]
//	go run ./scripts/accuracy -shift
//	go run ./scripts/accuracy -words [-texts] [-data FOLDER]
//	go run ./scripts/accuracy -recognized MODEL,... [-write doc/accuracy.md]
//
// -held names the recordings of speakers that the embedded model was not trained on, which
// models/train/clips.py writes. -write replaces the tables in files, each between <!-- NAME --> and
// <!-- end -->.
// -shift prints only the model's time constant, the word_shift_ms of its model.json, and
// -words only the word error rates, with -texts what was said and recognized. -recognized prints how
// far the times of recognized words are from the truth, for models of several kinds.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/marked"
	"github.com/asr-backend/asr-backend/models"
)

type options struct {
	model, library, data, held, write, recognized string
	shift, words, texts                           bool
}

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.model, "model", models.DefaultName, "name or path of the model")
	flag.StringVar(&o.library, "onnxruntime", "bin", "ONNX Runtime library, file or folder")
	flag.StringVar(&o.data, "data", "testdata", "folder of the test data")
	flag.StringVar(&o.held, "held", "", "folder of the recordings of held-out speakers")
	flag.StringVar(&o.write, "write", "", "replace the tables in these files, separated by commas")
	flag.BoolVar(&o.shift, "shift", false, "measure the model's time constant")
	flag.BoolVar(&o.words, "words", false, "print only the word error rates")
	flag.BoolVar(&o.texts, "texts", false, "with -words: print what was said and recognized")
	flag.StringVar(&o.recognized, "recognized", "", "measure the times of recognized words of these models, separated by commas")
	flag.Parse()
	if err := run(&o); err != nil {
		log.Fatal(err)
	}
}

func run(o *options) (err error) {
	ctx := context.Background()
	runtime, err := ort.Open(o.library)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	if o.recognized != "" {
		return o.tableOfRecognized(ctx, runtime)
	}
	bundle, err := models.Open(o.model, "")
	if err != nil {
		return err
	}
	texts, err := newDecoded(ctx, runtime, bundle)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, texts.close()) }()
	if o.texts {
		texts.show = os.Stdout
	}
	if o.words {
		return texts.print(ctx, os.Stdout, o.data)
	}
	model, err := newModel(ctx, runtime, bundle)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.close()) }()
	m, err := measureTimes(ctx, model, o.data)
	if err != nil {
		return err
	}
	if o.shift {
		fmt.Printf("\"word_shift_ms\": %d\n", m.constant.Milliseconds())
		return nil
	}
	tables := map[string]*bytes.Buffer{"times": {}, "verdicts": {}, "words": {}}
	m.print(tables["times"])
	if err := printVerdicts(ctx, tables["verdicts"], model, o.data); err != nil {
		return err
	}
	if err := texts.print(ctx, tables["words"], o.data); err != nil {
		return err
	}
	if o.held != "" {
		tables["held"] = &bytes.Buffer{}
		if err := texts.print(ctx, tables["held"], o.held); err != nil {
			return err
		}
	}
	return o.output(tables)
}

// tableOfRecognized prints the table of recognized words.
func (o *options) tableOfRecognized(ctx context.Context, runtime *ort.Runtime) error {
	all, err := measureRecognized(ctx, runtime, strings.Split(o.recognized, ","), o.data)
	if err != nil {
		return err
	}
	table := &bytes.Buffer{}
	printRecognized(table, all)
	return o.output(map[string]*bytes.Buffer{"recognized": table})
}

// output prints tables or writes them into files.
func (o *options) output(tables map[string]*bytes.Buffer) error {
	if o.write == "" {
		for _, name := range slices.Sorted(maps.Keys(tables)) {
			fmt.Printf("%s\n", tables[name])
		}
		return nil
	}
	written := map[string][]byte{}
	for name, table := range tables {
		written[name] = table.Bytes()
	}
	for _, path := range strings.Split(o.write, ",") {
		if err := marked.Write(path, written); err != nil {
			return err
		}
	}
	return nil
}
