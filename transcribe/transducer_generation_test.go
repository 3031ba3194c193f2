package transcribe_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/transcribe"
)

// As TestAGenerationHasOneOutput, for transducers: texts and the rows of words, which are the same on
// every CPU.
func TestATransducerHasOneOutput(t *testing.T) {
	oracle.NeedLibrary(t)
	var got bytes.Buffer
	for _, model := range []string{"hybrid/both", "hybrid/onnx-asr", "tdt/sherpa"} {
		for _, hotwords := range [][]beam.Phrase{nil, {{Text: "Bible printed", Weight: 10}, {Text: "dated", Weight: 4}}} {
			fmt.Fprintln(&got, "#", model, hotwords)
			writeTransducer(t, &got, model, hotwords)
		}
	}
	compareGeneration(t, fmt.Sprintf("transducer-%d.txt", asr.TransducerGeneration), "TransducerGeneration in package asr", got.Bytes())
}

func writeTransducer(t *testing.T, w *bytes.Buffer, model string, hotwords []beam.Phrase) {
	t.Helper()
	b, err := asr.OpenBundle(oracle.Data(t, "transducer", model), "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := asr.New(t.Context(), library, b, asr.Options{Provider: ort.CPU, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tr, err := transcribe.New(r, transcribe.Options{Hotwords: hotwords})
	if err != nil {
		t.Fatal(err)
	}
	for _, clip := range []string{"LJ001-0024", "1688-142285-0008"} {
		out, err := tr.Transcribe(t.Context(), transcribe.Source{Path: hybridClip(t, clip)}, transcribe.Request{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range out.Segments {
			for _, x := range s.Words {
				fmt.Fprintf(w, "%d %d %s\n", x.SpikeStart.Milliseconds(), x.SpikeEnd.Milliseconds(), x.Text)
			}
		}
	}
}
