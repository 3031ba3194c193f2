package asr_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

func TestWrongModelsAreRefusedWithASentence(t *testing.T) {
	oracle.NeedLibrary(t)
	for _, c := range []struct{ name, model, want string }{
		{"a model that subsamples by four", "two-rows", "does not subsample by 8"},
		{"a model of 79 bands", "seventynine", "takes 79 mel bands"},
		{"a model that takes samples", "audio", "1 inputs"},
		{"a streaming model with a cache", "cached", "3 inputs"},
		{"a vocabulary of another model", "narrow", "do not belong together"},
		{"a model that writes NaN", "nan", "not numbers"},
		{"a model in float16", "halves", "neither features float32"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := asr.New(t.Context(), library, bundle(t, "toys", c.model), asr.Options{Provider: ort.CPU})
			if err == nil {
				t.Fatal(errors.Join(errors.New("accepted"), r.Close()))
			}
			var refused *asr.ModelError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a ModelError with %q", err, c.want)
			}
		})
	}
}

func TestContractsAreFoundOut(t *testing.T) {
	for _, c := range []struct {
		name, model                string
		raw, unnormalised, padding bool
	}{
		{"a plain toy", "toys/tones", true, false, true},
		{"a toy that writes logits", "toys/logits", true, true, true},
		{"a toy whose padding leaks", "toys/leaky", true, false, false},
		{"an export by NeMo", "tiny-random", false, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := recognizer(t, bundle(t, filepath.FromSlash(c.model)), asr.Options{AsExported: true}).Contract()
			if got.RawFeatures != c.raw || got.Unnormalised != c.unnormalised || got.Padding != c.padding {
				t.Errorf("got %+v, want raw features %v, unnormalised %v, padding %v", got, c.raw, c.unnormalised, c.padding)
			}
			if d := recognizer(t, bundle(t, filepath.FromSlash(c.model)), asr.Options{}).Device(); d.Speed <= 0 {
				t.Errorf("the speed is not known: %+v", d)
			}
			if got.Bands != 80 || got.MaxRows != asr.MaxRows {
				t.Errorf("got %d bands, at most %d rows", got.Bands, got.MaxRows)
			}
		})
	}
}

func TestLogitsBecomeLogProbabilities(t *testing.T) {
	plain := allLogProbs(t, recognizer(t, bundle(t, "toys", "tones"), asr.Options{}), &recording{n: 30000, sample: noise})
	logits := allLogProbs(t, recognizer(t, bundle(t, "toys", "logits"), asr.Options{}), &recording{n: 30000, sample: noise})
	for r := range plain {
		for i := range plain[r] {
			if d := plain[r][i] - logits[r][i]; d > 1e-4 || d < -1e-4 {
				t.Fatalf("row %d, column %d: got %v, want %v", r, i, logits[r][i], plain[r][i])
			}
		}
	}
}

func TestWindowsThatCannotWorkAreRefused(t *testing.T) {
	oracle.NeedLibrary(t)
	for _, w := range []asr.Window{{Rows: 5001, Context: 40}, {Rows: 80, Context: 40}, {Rows: 320}, {Rows: -1, Context: 1}, {Rows: 320, Context: 40, Last: -1}, {Rows: 320, Context: 40, Last: 321}} {
		if _, err := asr.New(t.Context(), library, bundle(t, "toys", "tones"), asr.Options{Window: w}); err == nil {
			t.Errorf("%+v: accepted", w)
		}
	}
}

func TestThePositionTableBoundsTheWindow(t *testing.T) {
	b := bundle(t, "toys", "tones")
	b.Card.MaxRows = 200
	if got := recognizer(t, b, asr.Options{}).Window().Rows; got != 200 {
		t.Errorf("got windows of %d rows, want 200", got)
	}
}

func TestBundlesAreReadInEveryLayout(t *testing.T) {
	const tokens = "a 0\nb 1\n<blk> 2\n"
	for _, c := range []struct {
		name    string
		files   map[string]string
		variant string
		graph   string // or what the error says
		fails   bool
	}{
		{"ours", map[string]string{"model.onnx": "", "tokens.txt": tokens, "model.json": `{"name":"x"}`}, "", "model.onnx", false},
		{"sherpa-onnx, int8 only", map[string]string{"model.int8.onnx": "", "tokens.txt": tokens}, "", "model.int8.onnx", false},
		{"sherpa-onnx, both", map[string]string{"model.onnx": "", "model.int8.onnx": "", "tokens.txt": tokens}, "", "model.onnx", false},
		{"onnx-asr", map[string]string{"model.onnx": "", "vocab.txt": tokens, "config.json": `{"model_type":"nemo-conformer-ctc","features_size":80,"subsampling_factor":8}`}, "", "model.onnx", false},
		{"a variant", map[string]string{"model.onnx": "", "model.fp16.onnx": "", "tokens.txt": tokens}, "fp16", "model.fp16.onnx", false},
		{"a variant that is not there", map[string]string{"model.onnx": "", "tokens.txt": tokens}, "fp16", "no variant fp16", true},
		{"no graph", map[string]string{"tokens.txt": tokens}, "", "no .onnx file", true},
		{"no vocabulary", map[string]string{"model.onnx": ""}, "", "no tokens.txt or vocab.txt", true},
		{"a transducer's encoder", map[string]string{"encoder-model.onnx": "", "decoder_joint-model.onnx": "", "encoder-model.int8.onnx": "", "decoder_joint-model.int8.onnx": "", "vocab.txt": tokens}, "", "encoder-model.onnx", false},
		{"a variant of a transducer", map[string]string{"encoder.onnx": "", "decoder.onnx": "", "joiner.onnx": "", "encoder.int8.onnx": "", "decoder.int8.onnx": "", "joiner.int8.onnx": "", "tokens.txt": tokens}, "int8", "encoder.int8.onnx", false},
		{"several graphs", map[string]string{"a.onnx": "", "b.onnx": "", "tokens.txt": tokens}, "", "several graphs", true},
		{"a transducer", map[string]string{"model.onnx": "", "vocab.txt": tokens, "config.json": `{"model_type":"nemo-conformer-tdt"}`}, "", "the graphs beside it are of a model of type -ctc", true},
		{"a model that subsamples by four", map[string]string{"model.onnx": "", "vocab.txt": tokens, "config.json": `{"model_type":"nemo-conformer-ctc","subsampling_factor":4}`}, "", "subsampling_factor 4", true},
		{"a broken card", map[string]string{"model.onnx": "", "tokens.txt": tokens, "model.json": `{`}, "", "model.json", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, memory := t.TempDir(), fstest.MapFS{}
			for name, content := range c.files {
				memory[name] = &fstest.MapFile{Data: []byte(content)}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			onDisk, diskErr := asr.OpenBundle(dir, c.variant)
			inMemory, memoryErr := asr.OpenBundleFS(memory, c.variant)
			if c.fails {
				for _, err := range []error{diskErr, memoryErr} {
					if err == nil || !strings.Contains(err.Error(), c.graph) {
						t.Errorf("got %v, want an error with %q", err, c.graph)
					}
				}
				return
			}
			if diskErr != nil || memoryErr != nil {
				t.Fatal(diskErr, memoryErr)
			}
			if onDisk.Graph != c.graph || inMemory.Graph != c.graph || onDisk.Vocabulary.Width() != 3 {
				t.Errorf("got graphs %q and %q, want %q", onDisk.Graph, inMemory.Graph, c.graph)
			}
			a, errA := onDisk.Digest()
			b, errB := inMemory.Digest()
			if errA != nil || errB != nil || a != b {
				t.Errorf("digests %q (%v) and %q (%v) of the same model", a, errA, b, errB)
			}
		})
	}
}

// The path of an encoder chooses among the variants of a folder.
func TestAnEncoderIsChosenByItsPath(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"encoder-model.onnx", "decoder_joint-model.onnx", "encoder-model.int8.onnx", "decoder_joint-model.int8.onnx"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "vocab.txt"), []byte("a 0\n<blk> 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for graph, joint := range map[string]string{"encoder-model.onnx": "decoder_joint-model.onnx", "encoder-model.int8.onnx": "decoder_joint-model.int8.onnx"} {
		b, err := asr.OpenBundle(filepath.Join(dir, graph), "")
		if err != nil || b.Transducer == nil || b.Transducer.Joint != joint {
			t.Errorf("%s: %+v (%v)", graph, b, err)
		}
	}
}
