// Command accuracy prints the tables of doc/accuracy.md: how far word times of a model are
// from the truth, beside other aligners, and how well it is told where a text and a
// recording do not agree.
//
//	go run ./scripts/accuracy [-model NAME|PATH] [-shift]
//
// -shift prints the model's time constant instead, the word_shift_ms of its model.json.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"

	"asr-backend/asr"
	"asr-backend/asr/ort"
	"asr-backend/models"
	"asr-backend/transcribe"
)

func main() {
	log.SetFlags(0)
	model := flag.String("model", models.DefaultName, "name or path of the model")
	library := flag.String("onnxruntime", "bin", "ONNX Runtime library, file or folder")
	data := flag.String("data", "testdata", "folder of the test data")
	shift := flag.Bool("shift", false, "measure the model's time constant")
	flag.Parse()
	if err := run(*model, *library, *data, *shift); err != nil {
		log.Fatal(err)
	}
}

func run(model, library, data string, shift bool) (err error) {
	ctx := context.Background()
	runtime, err := ort.Open(library)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	bundle, err := models.Open(model, "")
	if err != nil {
		return err
	}
	if shift {
		bundle.Card.WordShiftMS = 0
	}
	recognizer, err := asr.New(ctx, runtime, bundle, asr.Options{Provider: ort.CPU})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, recognizer.Close()) }()
	t := transcribe.New(recognizer, transcribe.Options{})
	if shift {
		return printShift(ctx, os.Stdout, t, data)
	}
	fmt.Printf("%s, word_shift_ms %g\n\n", t.Version(), bundle.Card.WordShiftMS)
	if err := printTimes(ctx, os.Stdout, t, data); err != nil {
		return err
	}
	return printVerdicts(ctx, os.Stdout, t, data)
}
