// Package asr turns recordings of any length into rows of CTC output, or the pieces of a
// transducer, with an acoustic model: an NVIDIA NeMo FastConformer exported to ONNX.
//
// # Long recordings
//
// Features are computed once for the whole recording. The model then sees windows of
// equal length (25.6 s by default) that start on the row grid, every 1280 samples, and
// overlap by twice the context (1.6 s). Each window is normalised by itself, as clips
// were in training. Because all starts lie on the grid, a window's rows are rows of the
// recording, and joining windows means choosing, in each overlap, the row from which on
// the later window counts: one inside a run that both call blank. The last
// window ends with the recording. It is shorter than the others, but slides back if it would
// be less than a quarter as long. A window without sound is not run.
//
// So a recording of N samples has exactly ceil(floor(N/160)/8) rows, each written once,
// whatever the size of batches, the number of workers or the order in which they finish.
// Memory does not grow with length beyond 16 bytes a row and one a frame, and of a transducer up to
// 112 bytes a piece.
//
// Rows of an encoder alone, without a CTC head, show no blanks: windows are joined a context before
// the end of the earlier one. A transducer decodes the rows of the whole recording with one state.
//
// # Work
//
// All recordings feed one queue of windows; workers take batches from it, most urgent
// first and in turns between recordings. Cancelling a recording terminates a run only
// if nobody else's windows are in the batch, and always waits for it.
//
// # Models
//
// The contract of a model is checked when it is loaded: inputs, widths, vocabulary, row
// count, and, by probing, that rows are distributions and whether padding is harmless.
package asr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/fastconformer"
	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/asr/transducer"
	"github.com/asr-backend/asr-backend/internal/digests"
	"github.com/asr-backend/asr-backend/timeline"
)

// Recognizer recognizes recordings with one model on one device. Its methods may be called
// from many goroutines.
type Recognizer struct {
	bundle      *Bundle
	contract    Contract
	vocabulary  *ctc.Vocabulary
	bank        *mel.Bank
	window      Window
	device      Device
	probed      float64 // see Device.Speed; of one worker on the CPU
	identity    Identity
	maxInFlight int // windows of one track between cutting and stitching
	melWorkers  int
	prepare     func(dst, frames []float32, bands, stride int) // makes features of a window's frames
	seed        maphash.Seed
	decoder     decoder
	transducer  *transducer.Model // of a transducer; else nil
	durations   []timeline.Row    // of a TDT model
	pieceWeight float32           // of the language model of a transducer
	ahead       int               // rows that a transducer is asked about at once; 0: transducer.DefaultAhead

	queue    *queue
	room     *room
	sessions []*ort.Session
	workers  []*worker
	running  sync.WaitGroup
}

// New checks a model, loads it on the device that o asks for and warms it. The runtime
// must stay open until the Recognizer is closed. The caller closes the Recognizer.
func New(ctx context.Context, r *ort.Runtime, b *Bundle, o Options) (*Recognizer, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	identity, err := o.Identify(b)
	if err != nil {
		return nil, err
	}
	rec := &Recognizer{bundle: b, identity: identity, vocabulary: b.Vocabulary, window: o.Window, melWorkers: o.Threads, seed: maphash.MakeSeed(), prepare: mel.Normalize}
	if rec.decoder, err = newDecoder(b, &o.Decoding); err != nil {
		return nil, err
	}
	rec.pieceWeight = o.Decoding.SearchOptions(rec.decoder.file, b).Weight
	where := func(f func()) { f() }
	if o.Background {
		where = inBackground
	}
	where(func() { err = rec.load(ctx, r, o) })
	if err != nil {
		return nil, errors.Join(err, rec.release(), rec.close())
	}
	for _, w := range rec.workers {
		rec.running.Go(func() { where(func() { w.work(rec.queue) }) })
	}
	return rec, nil
}

func (r *Recognizer) load(ctx context.Context, rt *ort.Runtime, o Options) error {
	source, err := r.bundle.source()
	if err != nil {
		return &ModelError{r.bundle.Card.Name, err}
	}
	signature, err := rt.Inspect(source)
	if err != nil {
		return &ModelError{r.bundle.Card.Name, err}
	}
	r.contract.MaxRows, r.contract.Precision, r.contract.Encoder = MaxRows, r.bundle.precision(), r.bundle.Transducer != nil
	if n := r.bundle.Card.MaxRows; n > 0 {
		r.contract.MaxRows = timeline.Row(n)
	}
	if err := r.contract.signature(signature, &r.bundle.Card, r.vocabulary, r.bundle.second); err != nil {
		return &ModelError{r.bundle.Card.Name, err}
	}
	if r.contract.Encoder {
		if err := r.loadTransducer(rt); err != nil {
			return &ModelError{r.bundle.Card.Name, err}
		}
	}
	r.window.Rows = min(r.window.Rows, r.contract.MaxRows)
	return r.place(ctx, rt, source, o)
}

// open loads a graph on the CPU, by OpenVINO if that is asked for, and checks it.
func (r *Recognizer) open(ctx context.Context, rt *ort.Runtime, source ort.Source, o Options) (*ort.Session, error) {
	options := ort.SessionOptions{Threads: o.sessionThreads()}
	if o.Provider == ort.OpenVINO {
		options.Provider, options.Runs = ort.OpenVINO, o.workers()
	}
	s, err := rt.NewSession(source, r.contract.Names, options)
	if err != nil {
		return nil, &ModelError{r.bundle.Card.Name, err}
	}
	if err := r.check(ctx, rt, s); err != nil {
		return nil, errors.Join(&ModelError{r.bundle.Card.Name, err}, s.Close())
	}
	return s, nil
}

// check probes the loaded model.
func (r *Recognizer) check(ctx context.Context, rt *ort.Runtime, s *ort.Session) error {
	meta, err := s.Metadata()
	if err != nil {
		return err
	}
	if err := r.contract.metadata(meta); err != nil {
		return err
	}
	r.contract.Unnormalised = false
	if r.probed, err = r.contract.probe(ctx, rt, s); err != nil {
		return err
	}
	r.contract.Padding = false
	if meta[optimizedKey] == "" { // an optimized graph has no masks
		if err := r.contract.probePadding(ctx, rt, s); err != nil {
			return err
		}
	}
	r.window.Rows = min(r.window.Rows, r.contract.MaxRows) // the graph may say less than the card
	if r.contract.RawFeatures {
		r.prepare = mel.Transpose
	}
	r.bank, err = mel.NewBank(r.contract.Bands)
	return err
}

// Close stops the workers once the windows in the queue are done, and frees the model.
func (r *Recognizer) Close() error {
	r.queue.close()
	r.running.Wait()
	return errors.Join(r.release(), r.close())
}

// close frees what decodes rows.
func (r *Recognizer) close() error {
	err := r.decoder.close()
	if r.transducer != nil {
		err = errors.Join(err, r.transducer.Close())
	}
	return err
}

func (r *Recognizer) release() error {
	var errs []error
	for _, w := range r.workers {
		errs = append(errs, w.close())
	}
	for _, s := range r.sessions {
		errs = append(errs, s.Close())
	}
	r.workers, r.sessions = nil, nil
	return errors.Join(errs...)
}

// Bundle returns the model in use.
func (r *Recognizer) Bundle() *Bundle { return r.bundle }

// Contract returns what was found about the model when it was loaded.
func (r *Recognizer) Contract() Contract { return r.contract }

// Device says what computes and why.
func (r *Recognizer) Device() Device { return r.device }

// Identity returns what the rows depend on beside the recording.
func (r *Recognizer) Identity() Identity { return r.identity }

// Window returns the geometry in use.
func (r *Recognizer) Window() Window { return r.window }

// Options say how to run a model. The zero value runs on the best device at hand.
type Options struct {
	// Provider is ort.CPU, ort.CUDA or ort.OpenVINO; empty takes CUDA if it is available, else the CPU.
	// Asking for what is not available is an error.
	Provider ort.Provider
	// OpenVINO is the plugin library of ort.OpenVINO; for empty see ort.FindOpenVINO.
	OpenVINO string
	// Device is the index of the GPU.
	Device int
	// TF32 lets a GPU multiply with less precision, see ort.SessionOptions.
	TF32 bool
	// Weights is INT8 or INT8Careful to let a CPU multiply with 8 bits; empty means FP32. A model of another
	// structure than that of a FastConformer cannot, which is an error. Not for a GPU: with empty
	// Provider, the CPU is taken.
	Weights Precision
	// MemoryLimit bounds the memory taken on the GPU, in bytes, but for some hundred MB of
	// CUDA's own; 0 means no bound.
	MemoryLimit int64
	// Threads is the number of CPU threads to use; 0 means all.
	Threads int
	// Batch is how many windows run at once; 0 means 1 on a CPU and 16 on a GPU.
	Batch int
	// Background runs what the model computes on the CPU at low priority (on Linux), so
	// that requests are answered meanwhile.
	Background bool
	// Window is the geometry of runs; zero means DefaultWindow.
	Window Window
	// AsExported lets a CPU run the graph as it was exported, to compare with.
	AsExported bool
	// Cache is a folder for optimized graphs of models whose own folder cannot be written; with empty,
	// such models run as they were exported.
	Cache string
	// Digests remembers digests of models, if it is set.
	Digests *digests.Cache
	// Decoding says how texts are found.
	Decoding Decoding
	// Observe, if set, is called after every batch, from the worker's goroutine.
	Observe func(Run)
}

// Run is a batch that was run.
type Run struct {
	Provider ort.Provider
	Windows  int // of recordings
	Size     int // of the batch, Windows and what filled it up
	Took     time.Duration
	Err      error
}

// Identity is all that rows and texts depend on beside the recording: equal identities give
// equal rows, up to what a GPU rounds differently, and equal texts. It is known before a model
// is loaded.
type Identity struct {
	Name   string // of the model, for people
	Digest string // see Bundle.Digest
	Window Window
	TF32   bool
	// Weights are those of products of 8 bits: their precision, and how many bits they have on this machine;
	// or BF16.
	Weights string        `json:",omitempty"`
	Shift   time.Duration // the model's constant, see Card
	// LM is the language model's digest, with its weights, and Beam the width of a search, if
	// it is not the default.
	LM   string `json:",omitempty"`
	Beam int    `json:",omitempty"`
	// Transducer is what the text of a transducer depends on beside its files.
	Transducer string `json:",omitempty"`
}

// Identify returns the identity of a bundle that New would load with these options. It reads the files of
// the bundle, unless o.Digests knows them.
func (o Options) Identify(b *Bundle) (Identity, error) {
	var files []string
	if b.Dir != "" {
		for _, name := range b.DigestFiles() {
			files = append(files, filepath.Join(b.Dir, name))
		}
	}
	digest, err := o.Digests.Get(filepath.Join(b.Dir, b.Graph), files, b.Digest)
	if err != nil {
		return Identity{}, err
	}
	words := ""
	if l := o.Decoding.LanguageModel(b); l != nil {
		files = nil
		if l.Path != "" {
			files = []string{l.Path}
		}
		if words, err = o.Digests.Get(l.Path, files, l.Digest); err != nil {
			return Identity{}, err
		}
	}
	return o.Identity(b, digest, words), nil
}

// Identity returns the identity of a bundle that New would load with these options. The digests
// are those of the bundle and of its language model, if it has one.
func (o Options) Identity(b *Bundle, digest, lmDigest string) Identity {
	if o.Window == (Window{}) {
		o.Window = DefaultWindow
	}
	id := Identity{Name: b.Card.Name, Digest: digest, Window: o.Window, TF32: o.TF32, Shift: b.Card.WordShift()}
	switch {
	case o.Provider == ort.OpenVINO:
		id.Weights = string(BF16)
	case o.Weights.quantized() != fastconformer.Full:
		id.Weights = fmt.Sprint(o.Weights, " ", quantizedBits())
	}
	if o.Decoding.Beam != beam.DefaultWidth {
		id.Beam = o.Decoding.Beam
	}
	if b.Transducer != nil {
		id.Beam = 0 // nothing is searched with it
		id.Transducer = fmt.Sprint(TransducerGeneration, b.Card.durations(), cmp.Or(b.Card.MaxSymbols, transducer.DefaultMaxSymbols))
	}
	if n := timeline.Row(b.Card.MaxRows); n > 0 {
		id.Window.Rows = min(id.Window.Rows, n)
	}
	if l := o.Decoding.LanguageModel(b); l != nil {
		s := o.Decoding.SearchOptions(l, b)
		id.LM = fmt.Sprint(lmDigest, " ", s.Weight, " ", s.Bonus, " ", s.BlankPenalty)
	}
	return id
}

func (o *Options) validate() error {
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Window == (Window{}) {
		o.Window = DefaultWindow
	}
	if w := o.Window; w.Context < 1 || w.step() < 1 || w.Rows > MaxRows || w.Last < 0 || w.Last > w.Rows {
		return fmt.Errorf("asr: window of %d rows with %d rows of context, and the last one of at least %d: the context must be at least 1 and less than half, and the window at most %d rows", w.Rows, w.Context, w.Last, MaxRows)
	}
	switch o.Provider {
	case "", ort.CPU, ort.CUDA:
	case ort.OpenVINO:
		switch {
		case o.Weights != "" && o.Weights != FP32 || o.TF32:
			return errors.New("asr: OpenVINO computes in bf16 and in no other precision")
		case o.AsExported:
			return errors.New("asr: OpenVINO runs the optimized graph only")
		}
	default:
		return fmt.Errorf("asr: provider %q; want %q, %q or %q", o.Provider, ort.CPU, ort.CUDA, ort.OpenVINO)
	}
	switch o.Weights {
	case "", FP32:
	case INT8, INT8Careful:
		if o.Provider == ort.CUDA {
			return fmt.Errorf("asr: %s is for CPUs; want fp32, tf32 or fp16 on a GPU", o.Weights)
		}
		o.Provider = ort.CPU
		if o.Batch > 1 {
			return fmt.Errorf("asr: batch of %d windows; in %s, a window's rows follow from all of its batch, so that it has to be 1", o.Batch, o.Weights)
		}
	default:
		return fmt.Errorf("asr: weights in %s; want %s, %s or %s", o.Weights, FP32, INT8, INT8Careful)
	}
	if err := o.Decoding.Check(); err != nil {
		return fmt.Errorf("asr: %w", err)
	}
	if o.Batch < 0 || o.Batch > 512 {
		return fmt.Errorf("asr: batch of %d windows; want 1 to 512", o.Batch)
	}
	return nil
}
