package asr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/fastconformer"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/parallel"
)

// Device says what computes.
type Device struct {
	Provider ort.Provider
	// Index is that of the GPU, and GPU what is known of it.
	Index int
	GPU   ort.GPU
	// Reason says why the GPU is not used although nothing forbids it, and Hint what can be done.
	Reason, Hint string
	// Difference is the largest distance between log-probabilities of GPU and CPU on the
	// speech that was compared at start; on a CPU, of the optimized graph and the export when it was made;
	// on OpenVINO, of bf16 and fp32.
	Difference float64
	// Graph is the file that a CPU runs; empty if it is in memory.
	Graph string
	// Speed is how many seconds of audio the device alone computes in a second: a GPU by the
	// largest batch that was compared, a CPU by the longest run that checked the model, as if all
	// its workers were as fast as one alone. It is not exact on a CPU; 0 if it is not known.
	Speed     float64
	Threads   int
	Workers   int // runs side by side
	Batch     int
	Precision Precision
	// AsExported says why the graph runs as it was exported, which is slower: on a GPU with nodes on
	// the CPU. It is empty if the graph was rewritten for the device.
	AsExported string
	// Masked says why a GPU runs full windows with the masks of padded ones; empty if it has a graph
	// without masks for them, and on a CPU.
	Masked string
}

// Recordings is how many recordings have to be under way at once to keep the device busy, even if each
// is only one window long: on a CPU one for each window of a run, and as many again that are read, or
// whose text is searched for, meanwhile.
func (d Device) Recordings() int {
	if d.Provider == ort.CUDA {
		return d.Threads
	}
	return roundsAhead * d.Workers * d.Batch
}

// roundsAhead is for how many runs of all workers there is work in memory: the one under way and the next.
const roundsAhead = 2

// mostRuns bounds how many runs share the cores, since each needs memory of its own.
const mostRuns = 8

// sessionThreads is the number of threads inside one run on a CPU. Runs of one thread
// side by side take about a tenth less CPU time than one run of all threads, and bear
// other work on the machine better; see doc/performance.md.
func (o *Options) sessionThreads() int { return (o.Threads + mostRuns - 1) / mostRuns }

// workers is how many runs are side by side on a CPU.
func (o *Options) workers() int { return max(o.Threads/o.sessionThreads(), 1) }

// place puts the model on the device that o asks for.
func (r *Recognizer) place(ctx context.Context, rt *ort.Runtime, source ort.Source, o Options) error {
	switch o.Provider {
	case ort.CPU:
		return r.useCPU(ctx, rt, source, o)
	case ort.OpenVINO:
		return r.useOpenVINO(ctx, rt, source, o)
	}
	err := r.tryCUDA(ctx, rt, source, o)
	if err == nil {
		return nil
	}
	err = errors.Join(err, r.release())
	if o.Provider == ort.CUDA || !errors.Is(err, ort.ErrCUDA) || ctx.Err() != nil {
		return err
	}
	d := Device{Reason: "no NVIDIA GPU here"}
	if ort.GPUHere() {
		d.Reason = err.Error()
		if e, ok := errors.AsType[*ort.CUDAError](err); ok {
			d.Reason, d.Hint = e.Error(), e.Hint
		}
	}
	err = r.useCPU(ctx, rt, source, o)
	r.device.Reason, r.device.Hint = d.Reason, d.Hint
	return err
}

// useCPU lets workers share a session of the optimized graph, or of the export.
func (r *Recognizer) useCPU(ctx context.Context, rt *ort.Runtime, source ort.Source, o Options) error {
	var cpu *ort.Session
	var err error
	d := Device{AsExported: "that was asked for"}
	if !o.AsExported {
		cpu, d, err = r.openOptimized(ctx, rt, source, o)
	}
	if cpu == nil && err == nil {
		d.Graph = source.Path
		cpu, err = r.open(ctx, rt, source, o)
	}
	if err != nil {
		return err
	}
	if o.Weights.quantized() != fastconformer.Full {
		r.contract.Precision = o.Weights
	}
	d.Provider = ort.CPU
	return r.share(rt, cpu, d, o)
}

// openOptimized opens the optimized graph, and returns what is known of it. One that was kept and cannot be
// loaded, such as a damaged one, is made anew. Without a session and an error, the export can run in its
// place, and d says why.
func (r *Recognizer) openOptimized(ctx context.Context, rt *ort.Runtime, source ort.Source, o Options) (s *ort.Session, d Device, err error) {
	for range 2 {
		var made ort.Source
		if made, d.Difference, err = r.optimize(ctx, rt, source, o); err != nil {
			break
		}
		if s, err = r.open(ctx, rt, made, o); err == nil {
			d.Graph = made.Path
			return s, d, nil
		}
		if err := r.dropOptimized(made); err != nil {
			return nil, d, err
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, d, context.Cause(ctx)
	case o.Weights.quantized() != fastconformer.Full && o.Weights != r.contract.Precision:
		return nil, d, &ModelError{r.bundle.Card.Name, fmt.Errorf("it does not run in %s: %w", o.Weights, err)}
	}
	return nil, Device{AsExported: err.Error()}, nil
}

// share lets workers run side by side in one session on the device d.
func (r *Recognizer) share(rt *ort.Runtime, s *ort.Session, d Device, o Options) error {
	workers := o.workers()
	d.Threads, d.Batch, d.Precision = o.Threads, max(o.Batch, 1), r.contract.Precision
	d.Speed = r.probed * float64(workers)
	r.sessions, r.device = append(r.sessions, s), d
	var l lane
	for n := 1; n <= d.Batch; n++ {
		l.sizes = append(l.sizes, n)
		l.sessions = append(l.sessions, s)
	}
	return r.addWorkers(rt, worker{threads: 1, usual: &l, wide: &l}, workers, o)
}

// tryCUDA puts the model on a GPU if there is one. The export on the CPU is what the GPU is compared with.
func (r *Recognizer) tryCUDA(ctx context.Context, rt *ort.Runtime, source ort.Source, o Options) (err error) {
	if err := rt.CheckCUDA(o.Device); err != nil {
		return err
	}
	cpu, err := r.open(ctx, rt, source, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cpu.Close()) }()
	return r.useCUDA(ctx, rt, source, cpu, o)
}

// cudaWorkers is how many workers share a GPU: while it computes for one, the other reads rows
// and fills its buffers.
const cudaWorkers = 2

// useCUDA loads a session for each size of a batch, since every shape of its own keeps a
// convolution plan of its own. It tries a graph made for the device first.
func (r *Recognizer) useCUDA(ctx context.Context, rt *ort.Runtime, source ort.Source, cpu *ort.Session, o Options) error {
	if r.contract.Precision == INT8 {
		// Its quantised operators have no kernels on a GPU: all data would go to and fro.
		return &ort.CUDAError{Err: fmt.Errorf("%s is an int8 model, which is slower on a GPU than on a CPU", r.bundle.Card.Name), Hint: "take the full model"}
	}
	most := r.mostWindows()
	if o.Batch == 0 {
		o.Batch = min(16, most)
	}
	if o.Batch > most {
		return fmt.Errorf("asr: a batch of %d windows is too large for a GPU; at most %d of %v are possible", o.Batch, most, r.window.Rows.Duration())
	}
	gpu, err := rt.GPU(o.Device)
	if err != nil {
		return err
	}
	r.device = Device{Provider: ort.CUDA, Index: o.Device, GPU: gpu, Threads: o.Threads, Batch: o.Batch, Precision: r.contract.Precision}
	if o.TF32 && r.device.Precision == FP32 {
		r.device.Precision = TF32
	}
	if r.contract.Encoder {
		r.device.AsExported = "it is the encoder of a transducer"
		return r.loadCUDA(ctx, rt, source, nil, cpu, o)
	}
	rewritten, err := r.newCUDAGraph(source)
	if err == nil {
		err = r.loadCUDA(ctx, rt, source, rewritten, cpu, o)
		if e, ok := errors.AsType[*ort.CUDAError](err); err == nil || ctx.Err() != nil || ok && e.Lasting {
			return err
		}
		if failed := r.release(); failed != nil {
			return errors.Join(err, failed)
		}
	}
	r.device.AsExported = err.Error()
	return r.loadCUDA(ctx, rt, source, nil, cpu, o)
}

// loadCUDA loads the sessions, tries them and compares them with the CPU's.
func (r *Recognizer) loadCUDA(ctx context.Context, rt *ort.Runtime, source ort.Source, rewritten *cudaGraph, cpu *ort.Session, o Options) error {
	usual := &lane{sizes: batchSizes(o.Batch)}
	lanes := []*lane{usual}
	if rewritten != nil && !r.contract.Unnormalised {
		usual.sums = true
		lanes = append(lanes, &lane{sizes: []int{min(wideBatch, o.Batch)}})
	}
	var sizes []int
	for _, l := range lanes {
		sizes = append(sizes, l.sizes...)
	}
	limits, err := r.memoryLimits(o.MemoryLimit, sizes)
	if err != nil {
		return err
	}
	for _, l := range lanes {
		for i := range l.sizes {
			if err := r.loadSession(rt, source, rewritten, l, i, limits[len(r.sessions)], o); err != nil {
				return err
			}
		}
	}
	w := worker{fixed: true, threads: o.Threads, usual: usual, wide: lanes[len(lanes)-1]}
	if err := r.addWorkers(rt, w, cudaWorkers, o); err != nil {
		return err
	}
	if err := r.warm(ctx, lanes...); err != nil {
		return err
	}
	if err := r.loadFull(ctx, rt, source, rewritten, usual, o); err != nil {
		return err
	}
	return r.compare(ctx, rt, cpu, r.workers[0])
}

// loadSession adds the session for one of the sizes of a lane.
func (r *Recognizer) loadSession(rt *ort.Runtime, source ort.Source, rewritten *cudaGraph, l *lane, size int, limit int64, o Options) error {
	names := r.contract.Names
	if rewritten != nil {
		var err error
		if source, err = rewritten.source(r, source, &names, l.sizes[size], l); err != nil {
			return err
		}
	}
	s, err := rt.NewSession(source, names, ort.SessionOptions{
		Provider: ort.CUDA, Device: o.Device, Threads: 1, TF32: o.TF32, MemoryLimit: limit})
	if err != nil {
		return err
	}
	r.sessions = append(r.sessions, s)
	l.sessions = append(l.sessions, s)
	return nil
}

// warm runs the sessions of lanes in all workers at the same time, as they will run: memory has to do
// for all.
func (r *Recognizer) warm(ctx context.Context, lanes ...*lane) error {
	errs := make([]error, len(r.workers))
	parallel.For(len(r.workers), len(r.workers), func(i int) { errs[i] = r.workers[i].warm(ctx, lanes...) })
	return cmp.Or(errs...)
}

// loadFull adds a session without masks for the largest batch, for when all its windows are full, as
// most of a long recording are. It is a gain and no need: a GPU without the memory for it does without.
func (r *Recognizer) loadFull(ctx context.Context, rt *ort.Runtime, source ort.Source, rewritten *cudaGraph, usual *lane, o Options) error {
	switch {
	case rewritten == nil || !usual.sums:
		r.device.Masked = "it runs as it was exported"
		return nil
	case !r.contract.Padding:
		r.device.Masked = "the model does not use the lengths of windows"
		return nil
	case o.MemoryLimit > 0:
		r.device.Masked = "GPU memory is limited"
		return nil
	}
	full := &lane{sizes: []int{o.Batch}, sums: true, full: true}
	err := r.loadSession(rt, source, rewritten, full, 0, 0, o)
	if err == nil {
		for _, w := range r.workers {
			w.full = full
		}
		if err = r.warm(ctx, full); err == nil {
			return nil
		}
	}
	if e, ok := errors.AsType[*ort.CUDAError](err); !ok || e.Lasting || ctx.Err() != nil {
		return err
	}
	r.device.Masked = err.Error()
	for _, w := range r.workers {
		w.full = nil
	}
	for _, s := range full.sessions {
		r.sessions = r.sessions[:len(r.sessions)-1]
		if err := s.Close(); err != nil {
			return err
		}
	}
	return nil
}

// wideBatch is how many windows a batch has whose whole rows are kept. They are asked for by
// alignments of texts, which are few.
const wideBatch = 4

// batchSizes are the sizes of batches on a GPU: 1, 4, 16 and so on, and the largest.
func batchSizes(largest int) (sizes []int) {
	for n := 1; n < largest; n *= 4 {
		sizes = append(sizes, n)
	}
	return append(sizes, largest)
}

// memoryLimits shares memory among the sessions of the given sizes: each has the weights, and
// what is left goes by size.
func (r *Recognizer) memoryLimits(all int64, sizes []int) ([]int64, error) {
	limits := make([]int64, len(sizes))
	if all <= 0 {
		return limits, nil
	}
	weights, err := r.bundle.size()
	if err != nil {
		return nil, err
	}
	windows := 0
	for _, n := range sizes {
		windows += n
	}
	left := all - weights*int64(len(sizes))
	if left <= 0 {
		return nil, &ort.CUDAError{Err: fmt.Errorf("%d MB of GPU memory do not hold the weights of %s, %d MB, once for each of %d batch sizes", all>>20, r.bundle.Card.Name, weights>>20, len(sizes)),
			Hint: "allow more with --gpu-memory, or take a smaller --batch, which has fewer sizes, or --precision fp16"}
	}
	for i, n := range sizes {
		limits[i] = weights + left*int64(n)/int64(windows)
	}
	return limits, nil
}

// mostWindows is how many windows a batch on a GPU may hold: its kernels count the values of a
// tensor in 32 bits, and the largest tensor of a window of up to 2,560 rows is what the first
// convolution writes, 256 channels of half the frames and half the bands. In longer windows it is
// the scores of attention: rows by twice the rows, for each of 8 heads.
func (r *Recognizer) mostWindows() int {
	const channels, heads = 256, 8
	convolution := channels * int(r.window.frames()) / 2 * r.contract.Bands / 2
	attention := heads * int(r.window.Rows) * 2 * int(r.window.Rows)
	return max(math.MaxInt32/max(convolution, attention), 1)
}

// addWorkers adds workers like w.
func (r *Recognizer) addWorkers(rt *ort.Runtime, w worker, workers int, o Options) error {
	w.runtime, w.contract, w.window, w.observe = rt, &r.contract, r.window, o.Observe
	w.provider = r.device.Provider
	w.blank, w.measure = r.vocabulary.Blank(), ctc.NewMeasure(r.vocabulary.Width())
	r.employ(workers, w.fixed && r.contract.Padding)
	w.room = r.room
	for range workers {
		one := w
		r.workers = append(r.workers, &one)
		if err := one.allocate(); err != nil {
			return err
		}
	}
	return nil
}

// employ makes what workers take their windows from. Mixed says that one run may hold windows of several
// lengths.
func (r *Recognizer) employ(workers int, mixed bool) {
	r.device.Workers = workers
	r.maxInFlight = roundsAhead * workers * r.device.Batch
	r.room = newRoom(r.maxInFlight)
	r.queue = newQueue(mixed)
}

// allocate makes the buffers of all sizes.
func (w *worker) allocate() error {
	sizes := w.usual.sizes
	largest, err := w.runtime.NewBuffers(sizes[len(sizes)-1], w.contract.Bands, int(w.window.frames()), int(w.window.Rows), w.contract.Width)
	if err != nil {
		return err
	}
	defer func() { w.buffers = append(w.buffers, largest) }()
	for _, n := range sizes[:len(sizes)-1] {
		b, err := largest.First(n)
		if err != nil {
			return err
		}
		w.buffers = append(w.buffers, b)
	}
	return nil
}
