// Command hotwords measures what lists of expected words do to the text of recordings, in the
// way of Le et al., Contextualized streaming end-to-end speech recognition with trie-based deep
// biasing and shallow fusion (Interspeech 2021): each recording of testdata/speech gets a list
// of its own rare words and of others that are not said, to 100, 500 and 2,000 words in all.
//
//	go run ./scripts/hotwords [-lm default|PATH] [-weights 1,1.5,2] [-rows DIR | -theirs DIR]
//
// Rare are the words beyond the 5,000 most probable ones of the language model. It prints the
// word error rate of all words, of those on the list (B) and of the others (U), how often a
// word of the list was written where another or none was said, and the processor time of a row,
// that of the graph of the list included; without the language model and with it. Of a transducer there
// is only its greedy search.
//
// -rows writes rows, lists and options for make_pyctcdecode.py. -theirs counts the texts which that
// wrote, in the same way.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"strconv"
	"strings"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/models"
)

type options struct {
	model, library, data, lm, weights, rows, theirs string
}

// sizes are those of lists.
var sizes = []int{100, 500, 2000}

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.model, "model", models.DefaultName, "name or path of the acoustic model")
	flag.StringVar(&o.library, "onnxruntime", "bin", "ONNX Runtime library, file or folder")
	flag.StringVar(&o.data, "data", "testdata", "folder of the test data")
	flag.StringVar(&o.lm, "lm", asr.LMDefault, "language model: default or a path")
	flag.StringVar(&o.weights, "weights", "0.5,0.75,1,1.25,1.5,1.75,2,2.5,3,4", "bonuses for a letter, in nats")
	flag.StringVar(&o.rows, "rows", "", "folder to write rows, lists and options to")
	flag.StringVar(&o.theirs, "theirs", "", "folder of the texts of another program")
	flag.Parse()
	if err := run(context.Background(), &o); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, o *options) error {
	e, err := open(ctx, o)
	if err != nil {
		return err
	}
	lists := map[int][]list{}
	for _, size := range sizes {
		for i := range e.recordings {
			lists[size] = append(lists[size], e.rare.list(&e.recordings[i], size))
		}
	}
	if o.rows != "" {
		return e.write(o.rows, lists)
	}
	fmt.Println("| language model | list | weight | all | B | U | words of the list wrongly written | processor time a row |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	if o.theirs != "" {
		return e.count(o.theirs, lists)
	}
	weights := []float64{0}
	for _, text := range strings.Split(o.weights, ",") {
		w, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("-weights: %w", err)
		}
		weights = append(weights, w)
	}
	if e.transducer {
		return e.transduce(ctx, o, lists, weights)
	}
	for _, s := range e.searches {
		for _, size := range sizes {
			for _, w := range weights {
				r := result{LM: s.lm, Size: size, Weight: w, Texts: map[string]string{}}
				if err := e.decode(s.search, lists[size], &r); err != nil {
					return err
				}
				e.print(&r, lists[size])
			}
		}
	}
	return nil
}
