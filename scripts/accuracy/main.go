// Command accuracy prints the tables of doc/accuracy.md: how far word times of a model are
// from the truth, beside other aligners; how well mismatches of text and recording
// are detected; and the word error rates.
//
//	go run ./scripts/accuracy [-model NAME|PATH] [-write doc/accuracy.md]
//	go run ./scripts/accuracy -shift
//	go run ./scripts/accuracy -words [-texts]
//
// -write replaces the tables in a file, each between <!-- NAME --> and <!-- end -->.
// -shift prints only the model's time constant, the word_shift_ms of its model.json, and
// -words only the word error rates, with -texts what was said and recognized.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"regexp"

	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/models"
)

type options struct {
	model, library, data, write string
	shift, words, texts         bool
}

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.model, "model", models.DefaultName, "name or path of the model")
	flag.StringVar(&o.library, "onnxruntime", "bin", "ONNX Runtime library, file or folder")
	flag.StringVar(&o.data, "data", "testdata", "folder of the test data")
	flag.StringVar(&o.write, "write", "", "replace the tables in this file")
	flag.BoolVar(&o.shift, "shift", false, "measure the model's time constant")
	flag.BoolVar(&o.words, "words", false, "print only the word error rates")
	flag.BoolVar(&o.texts, "texts", false, "with -words: print what was said and recognized")
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
	bundle, err := models.Open(o.model, "")
	if err != nil {
		return err
	}
	if o.words {
		return printWords(ctx, os.Stdout, runtime, bundle, o.data, o.texts)
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
	var times, verdicts, words bytes.Buffer
	m.print(&times)
	if err := printVerdicts(ctx, &verdicts, model, o.data); err != nil {
		return err
	}
	if err := printWords(ctx, &words, runtime, bundle, o.data, false); err != nil {
		return err
	}
	tables := map[string][]byte{"times": times.Bytes(), "verdicts": verdicts.Bytes(), "words": words.Bytes()}
	if o.write == "" {
		for _, name := range []string{"times", "verdicts", "words"} {
			fmt.Printf("%s\n", tables[name])
		}
		return nil
	}
	return replace(o.write, tables)
}

// table finds what stands between the marks of a table.
var table = regexp.MustCompile(`(?s)(<!-- (\w+) -->\n).*?(<!-- end -->)`)

// replace writes tables into a file.
func replace(path string, tables map[string][]byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text = table.ReplaceAllFunc(text, func(old []byte) []byte {
		m := table.FindSubmatch(old)
		if t, ok := tables[string(m[2])]; ok {
			return bytes.Join([][]byte{m[1], bytes.TrimSpace(t), []byte("\n"), m[3]}, nil)
		}
		return old
	})
	return os.WriteFile(path, text, 0o644)
}
