package asr

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/graph"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/timeline"
)

// Bundle is a model as it lies on disk or inside the program, not yet checked: an ONNX
// graph and its vocabulary, and what is written about them. Three layouts are read as
// they are:
//
//	ours        model.onnx, tokens.txt, model.json (a Card), tokenizer.model, lm.bin
//	sherpa-onnx model.onnx or model.int8.onnx, tokens.txt; facts in the graph's metadata
//	onnx-asr    model.onnx, vocab.txt, config.json
//
// and so are transducers, of which a folder has several graphs:
//
//	ours        encoder-model.onnx, decoder_joint-model.onnx, tokens.txt, model.json
//	onnx-asr    encoder-model.onnx, decoder_joint-model.onnx, vocab.txt, config.json
//	sherpa-onnx encoder.onnx, decoder.onnx, joiner.onnx, tokens.txt
//
// A hybrid also has a CTC head: in our layout a second output of the encoder, logprobs, and in that
// of onnx-asr a model.onnx in the same folder, with an encoder of its own.
type Bundle struct {
	Card Card
	// Dir is the folder on disk, or empty for a model inside the program.
	Dir   string
	Graph string // file name of the ONNX graph; of a transducer, that of its encoder
	// Transducer names the other graphs of a transducer; nil for a CTC model.
	Transducer *TransducerFiles
	// Decoder is what was asked of WithDecoder.
	Decoder    Decoder
	Vocabulary *ctc.Vocabulary
	files      fs.FS
	headGraph  string // the graph of a CTC head beside a transducer, or empty
	second     bool   // the CTC head is the second output of the Graph
}

// Card is what model.json says of a model. Every field may be missing.
type Card struct {
	Name     string `json:"name"`
	Language string `json:"language"`
	Casing   string `json:"casing"`
	Licence  string `json:"licence"`
	Source   string `json:"source"`
	// Bands is the number of mel bands, needed only if the graph leaves it open.
	Bands int `json:"mels"`
	// MaxRows is the longest run the position table allows; 0 means 5,000.
	MaxRows int64 `json:"max_rows"`
	// WordShiftMS is added to word times: what this model's spikes are early, measured.
	WordShiftMS float64 `json:"word_shift_ms"`
	// Durations are those of a TDT model, in rows; empty means 0, 1, 2 and so on. MaxSymbols is how
	// many pieces a transducer writes in a row at most; 0 means transducer.DefaultMaxSymbols.
	// Decoder is RNNT or TDT, the kind of a transducer, or empty: its graphs show it too.
	Decoder    Decoder        `json:"decoder"`
	Durations  []timeline.Row `json:"durations"`
	MaxSymbols int            `json:"max_symbols"`
	// LMWeight, WordBonus and BlankPenalty are for decoding with a language model; see Decoding.
	LMWeight     *float32 `json:"lm_weight"`
	WordBonus    *float32 `json:"word_bonus"`
	BlankPenalty *float32 `json:"blank_penalty"`
	// SHA256 holds digests of files, by name.
	SHA256 map[string]string `json:"sha256"`
}

// WordShift returns the card's time constant.
func (c *Card) WordShift() time.Duration {
	return time.Duration(c.WordShiftMS * float64(time.Millisecond))
}

// ModelError says why a model cannot be used. It is a sentence for a person.
type ModelError struct {
	Model string
	Err   error
}

func (e *ModelError) Error() string { return fmt.Sprintf("model %s: %v", e.Model, e.Err) }

// Unwrap returns the cause.
func (e *ModelError) Unwrap() error { return e.Err }

// ErrNoVariant is wrapped by the error for a variant that a model does not have.
var ErrNoVariant = errors.New("this model has no variant")

// OpenBundle reads a model from path: a folder, or the ONNX file in it. The variant,
// such as "fp16", chooses model.fp16.onnx; empty means model.onnx or the only graph.
func OpenBundle(path, variant string) (*Bundle, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &ModelError{path, err}
	}
	dir, graph := path, ""
	if !info.IsDir() {
		dir, graph = filepath.Split(filepath.Clean(path))
		if dir == "" {
			dir = "."
		}
	}
	b, err := readBundle(os.DirFS(dir), graph, variant)
	if err != nil {
		return nil, &ModelError{path, err}
	}
	if b.Dir, err = filepath.Abs(dir); err != nil {
		return nil, &ModelError{path, err}
	}
	if b.Card.Name == "" {
		b.Card.Name = filepath.Base(b.Dir)
	}
	return b, nil
}

// OpenBundleFS reads a model that is held in memory, such as an embedded one.
func OpenBundleFS(files fs.FS, variant string) (*Bundle, error) {
	b, err := readBundle(files, "", variant)
	if err != nil {
		return nil, &ModelError{"in memory", err}
	}
	return b, nil
}

func readBundle(files fs.FS, graph, variant string) (*Bundle, error) {
	b := &Bundle{files: files, Graph: graph}
	var err error
	if encoder, t := findTransducer(files, graph, variant); t != nil && (graph == "" || graph == encoder) {
		b.Graph, b.Transducer = encoder, t
		b.headGraph, _ = findGraph(files, variant) // it need not be there
	}
	if b.Graph == "" {
		if b.Graph, err = findGraph(files, variant); err != nil {
			return nil, err
		}
	}
	if err := b.readCard(); err != nil {
		return nil, err
	}
	for _, name := range []string{"tokens.txt", "vocab.txt"} {
		f, err := files.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if b.Vocabulary, err = ctc.ReadVocabulary(f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return b, nil
	}
	return nil, errors.New("no tokens.txt or vocab.txt beside the graph; export the model again or copy the file there")
}

// findGraph returns the name of the graph to use.
func findGraph(files fs.FS, variant string) (string, error) {
	graphs, err := fs.Glob(files, "*.onnx")
	if err != nil {
		return "", err
	}
	if variant != "" {
		name := "model." + variant + ".onnx"
		if slices.Contains(graphs, name) {
			return name, nil
		}
		return "", fmt.Errorf("no %s in the folder: %w %s", name, ErrNoVariant, variant)
	}
	switch {
	case slices.Contains(graphs, "model.onnx"):
		return "model.onnx", nil
	case len(graphs) == 1:
		return graphs[0], nil
	case len(graphs) == 0:
		return "", errors.New("no .onnx file in the folder")
	}
	return "", fmt.Errorf("several graphs (%s); give the path of the one to use", strings.Join(graphs, ", "))
}

// readCard reads model.json or, for the layout of onnx-asr, config.json.
func (b *Bundle) readCard() error {
	raw, err := fs.ReadFile(b.files, "model.json")
	if err == nil {
		if err := json.Unmarshal(raw, &b.Card); err != nil {
			return fmt.Errorf("model.json: %w", err)
		}
		return nil
	}
	raw, err = fs.ReadFile(b.files, "config.json")
	if err != nil {
		return nil // neither is needed
	}
	var config struct {
		ModelType   string `json:"model_type"`
		Features    int    `json:"features_size"`
		Subsampling int    `json:"subsampling_factor"`
		MaxSymbols  int    `json:"max_tokens_per_step"`
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	var kinds []string
	if b.Transducer == nil || b.headGraph != "" {
		kinds = append(kinds, string(CTC))
	}
	if b.Transducer != nil {
		kinds = append(kinds, string(RNNT), string(TDT))
	}
	if t := config.ModelType; t != "" {
		kind := t[strings.LastIndexByte(t, '-')+1:]
		if !slices.Contains(kinds, kind) {
			return fmt.Errorf("config.json says model_type %q; the graphs beside it are of a model of type %s", t, "-"+strings.Join(kinds, " or -"))
		}
		if Decoder(kind) != CTC {
			b.Card.Decoder = Decoder(kind)
		}
	}
	if f := config.Subsampling; f != 0 && f != 8 {
		return fmt.Errorf("config.json says subsampling_factor %d; only 8 (FastConformer) can be used", f)
	}
	b.Card.Bands, b.Card.MaxSymbols = config.Features, config.MaxSymbols
	return nil
}

// source returns the graph for ONNX Runtime.
func (b *Bundle) source() (ort.Source, error) { return b.sourceOf(b.Graph) }

// sourceOf returns a graph for ONNX Runtime: by path from disk, since weights over 2 GB
// lie in a second file beside it, else as bytes.
func (b *Bundle) sourceOf(graph string) (ort.Source, error) {
	if b.Dir != "" {
		return ort.Source{Path: filepath.Join(b.Dir, graph)}, nil
	}
	data, err := readShared(b.files, graph)
	if err != nil {
		return ort.Source{}, fmt.Errorf("read graph: %w", err)
	}
	return ort.Source{Data: data}, nil
}

// readShared reads a file that nobody writes to: without a copy, where files lie in memory and can be shared.
func readShared(files fs.FS, name string) ([]byte, error) {
	if m, ok := files.(interface{ Shared(name string) []byte }); ok {
		if data := m.Shared(name); data != nil {
			return data, nil
		}
	}
	return fs.ReadFile(files, name)
}

// graph reads the graph. The caller closes it once nothing of it is used.
func (b *Bundle) graph() (*graph.Model, io.Closer, error) {
	if b.Dir != "" {
		return graph.Open(filepath.Join(b.Dir, b.Graph))
	}
	data, err := readShared(b.files, b.Graph)
	if err != nil {
		return nil, nil, fmt.Errorf("read graph: %w", err)
	}
	m, err := graph.Parse(data)
	return m, io.NopCloser(nil), err
}

// size returns how many bytes the weights have.
func (b *Bundle) size() (int64, error) {
	var size int64
	for _, name := range []string{b.Graph, b.Graph + ".data"} {
		info, err := fs.Stat(b.files, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, &ModelError{b.Card.Name, err}
		}
		size += info.Size()
	}
	return size, nil
}

// DigestFiles names the files that Digest reads, those that the bundle has of them.
func (b *Bundle) DigestFiles() []string {
	files := []string{b.Graph, b.Graph + ".data", "tokens.txt", "vocab.txt"}
	if t := b.Transducer; t != nil {
		files = append(files, strings.TrimSuffix(b.Graph, ".onnx")+".weights")
		files = append(files, t.names()...)
	}
	return files
}

// Digest returns the SHA-256 of the graph, its external weights and the vocabulary, in
// hex: models of equal digests give equal rows.
func (b *Bundle) Digest() (string, error) {
	h := sha256.New()
	for _, name := range b.DigestFiles() {
		f, err := b.files.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", &ModelError{b.Card.Name, err}
		}
		fmt.Fprintf(h, "%s\n", name)
		_, err = io.Copy(h, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return "", &ModelError{b.Card.Name, err}
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
