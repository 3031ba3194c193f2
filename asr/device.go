package asr

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
)

// Device says what computes.
type Device struct {
	Provider ort.Provider
	// Index is that of the GPU.
	Index int
	// Reason says why the GPU is not used although nothing forbids it.
	Reason string
	// Difference is the largest distance between log-probabilities of GPU and CPU on the
	// window that was compared at start; 0 on a CPU.
	Difference float64
	Threads    int
	Batch      int
	TF32       bool
}

// mostRuns bounds how many runs share the cores, since each needs memory of its own.
const mostRuns = 8

// sessionThreads is the number of threads inside one run on a CPU. Runs of one thread
// side by side take about a tenth less CPU time than one run of all threads, and bear
// other work on the machine better; see doc/performance.md.
func (o *Options) sessionThreads() int { return (o.Threads + mostRuns - 1) / mostRuns }

// place puts the model on the device that o asks for. It takes over the CPU session,
// which has been used to check the model.
func (r *Recognizer) place(ctx context.Context, rt *ort.Runtime, source ort.Source, cpu *ort.Session, o Options) error {
	r.device = Device{Provider: ort.CPU, Threads: o.Threads, Batch: max(o.Batch, 1)}
	if o.Provider == ort.CPU {
		return r.useCPU(rt, cpu, o)
	}
	err := rt.CheckCUDA(o.Device)
	if err == nil && strings.Contains(r.bundle.Graph, ".int8.") {
		// Its quantised operators have no kernels on a GPU: all data would go to and fro.
		err = fmt.Errorf("%w for %s: an int8 model is slower on a GPU than on a CPU; take the full model", ort.ErrCUDA, r.bundle.Card.Name)
	}
	switch {
	case err == nil:
		err = r.useCUDA(ctx, rt, source, cpu, o)
		return errors.Join(err, cpu.Close())
	case o.Provider == ort.CUDA:
		return errors.Join(err, cpu.Close())
	}
	r.device.Reason = err.Error()
	if !ort.GPUHere() {
		r.device.Reason = "no NVIDIA GPU here"
	}
	return r.useCPU(rt, cpu, o)
}

// useCPU lets workers share the session.
func (r *Recognizer) useCPU(rt *ort.Runtime, cpu *ort.Session, o Options) error {
	r.sessions = append(r.sessions, cpu)
	workers := max(o.Threads/o.sessionThreads(), 1)
	r.maxInFlight = 2 * workers * r.device.Batch
	for range workers {
		w := &worker{}
		for n := 1; n <= r.device.Batch; n++ {
			w.sizes = append(w.sizes, n)
			w.sessions = append(w.sessions, cpu)
		}
		if err := r.addWorker(rt, w, o); err != nil {
			return err
		}
	}
	return nil
}

// useCUDA loads a session for single windows and one for whole batches, since every
// shape of its own keeps a convolution plan of its own.
func (r *Recognizer) useCUDA(ctx context.Context, rt *ort.Runtime, source ort.Source, cpu *ort.Session, o Options) error {
	if o.Batch == 0 {
		o.Batch = 16
	}
	r.device = Device{Provider: ort.CUDA, Index: o.Device, Threads: o.Threads, Batch: o.Batch, TF32: o.TF32}
	r.maxInFlight = 2 * o.Batch
	w := &worker{fixed: true, sizes: []int{1}}
	if o.Batch > 1 {
		w.sizes = append(w.sizes, o.Batch)
	}
	for range w.sizes {
		s, err := rt.NewSession(source, r.contract.Names, ort.SessionOptions{
			Provider: ort.CUDA, Device: o.Device, Threads: 1, TF32: o.TF32, MemoryLimit: o.MemoryLimit})
		if err != nil {
			return err
		}
		r.sessions = append(r.sessions, s)
		w.sessions = append(w.sessions, s)
	}
	if err := r.addWorker(rt, w, o); err != nil {
		return err
	}
	if err := w.warm(ctx); err != nil {
		return fmt.Errorf("%w: %w", ort.ErrCUDA, err)
	}
	return r.compare(ctx, rt, cpu, w)
}

func (r *Recognizer) addWorker(rt *ort.Runtime, w *worker, o Options) error {
	w.runtime, w.contract, w.window, w.observe = rt, &r.contract, r.window, o.Observe
	w.blank, w.measure = r.vocabulary.Blank(), ctc.NewMeasure(r.contract.Width)
	r.workers = append(r.workers, w)
	for _, n := range w.sizes {
		b, err := rt.NewBuffers(n, r.contract.Bands, int(r.window.frames()), int(r.window.Rows), r.contract.Width)
		if err != nil {
			return err
		}
		w.buffers = append(w.buffers, b)
	}
	return nil
}

// Bounds on the distance between GPU and CPU, in log-probability.
const (
	differenceFP32 = 2e-2
	differenceTF32 = 2e-1
)

// compare runs one window on CPU and GPU and refuses a GPU that computes something else.
func (r *Recognizer) compare(ctx context.Context, rt *ort.Runtime, cpu *ort.Session, w *worker) error {
	frames := int(r.window.frames())
	want, err := r.contract.run(ctx, rt, cpu, frames, frames)
	if err != nil {
		return err
	}
	got, err := r.contract.run(ctx, rt, w.sessions[0], frames, frames)
	if err != nil {
		return err
	}
	for i := range want {
		d := math.Abs(float64(want[i]) - float64(got[i]))
		if !(d <= r.device.Difference) { // NaN counts as the largest difference
			r.device.Difference = d
		}
	}
	bound := differenceFP32
	if r.device.TF32 {
		bound = differenceTF32
	}
	if !(r.device.Difference <= bound) {
		return fmt.Errorf("%w: GPU %d computes log-probabilities that differ by up to %.3g from the CPU's (allowed: %.3g); use --provider cpu or another precision", ort.ErrCUDA, r.device.Index, r.device.Difference, bound)
	}
	return nil
}
