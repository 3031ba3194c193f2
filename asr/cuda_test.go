package asr_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/cudatest"
	"github.com/asr-backend/asr-backend/timeline"
)

// What a GPU of the stand-in has to write for the model of these tests.
func speechRows(t *testing.T) func() []float32 {
	return func() []float32 {
		r := recognizer(t, bundle(t, "tiny-random"), asr.Options{Threads: 2, AsExported: true})
		rows, err := r.SpeechRows(t.Context(), library)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
}

// width is the number of columns of a row.
func width(t *testing.T) int { return bundle(t, "tiny-random").Vocabulary.Width() }

func onCUDA(t *testing.T, o asr.Options) (*asr.Recognizer, error) {
	t.Helper()
	r, err := asr.New(t.Context(), library, bundle(t, "tiny-random"), o)
	if err == nil {
		t.Cleanup(func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return r, err
}

func TestCUDALoadsComparesAndRecognizes(t *testing.T) {
	g := cudatest.GPU{Rows: speechRows(t), Width: width(t)}
	cudatest.Run(t, g, func(t *testing.T) {
		var mu sync.Mutex
		var runs []asr.Run
		r, err := onCUDA(t, asr.Options{Batch: 16, Threads: 2, Observe: func(run asr.Run) {
			mu.Lock()
			defer mu.Unlock()
			runs = append(runs, run)
		}})
		if err != nil {
			t.Fatal(err)
		}
		d := r.Device()
		if d.Provider != ort.CUDA || d.Precision != asr.FP32 || d.Difference > 1e-6 || d.Speed <= 0 || d.Reason != "" {
			t.Errorf("device %+v", d)
		}
		if want := (ort.GPU{Name: "stand-in for an H200", Memory: 150754820096, Compute: "9.0", CUDA: "13.0", CUDNN: "9.19.0"}); d.GPU != want {
			t.Errorf("GPU %+v, want %+v", d.GPU, want)
		}
		var sizes []int64
		for _, x := range cudatest.Log(t) {
			if n := x.Bytes / int64(4*int(asr.DefaultWindow.Rows)*width(t)); !slices.Contains(sizes, n) {
				sizes = append(sizes, n)
			}
		}
		if slices.Sort(sizes); !slices.Equal(sizes, []int64{1, 4, 16}) {
			t.Errorf("batches of %v windows were tried, want 1, 4 and 16", sizes)
		}

		// Whole rows are another session's.
		rows := 0
		_, err = r.Recognize(t.Context(), &recording{n: 60 * timeline.SampleRate, sample: noise}, asr.Request{LogProbs: func(_ int, _ timeline.Row, logProbs []float32) error {
			if rows++; len(logProbs) != width(t) {
				return fmt.Errorf("a row of %d columns", len(logProbs))
			}
			return nil
		}})
		if err != nil || rows != 750 {
			t.Errorf("%d whole rows: %v", rows, err)
		}

		// Eight recordings of unequal length share runs of full shape.
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				n := timeline.Sample(20+11*i) * timeline.SampleRate
				results, err := r.Recognize(t.Context(), &recording{n: n, sample: noise}, asr.Request{})
				if err != nil {
					t.Error(err)
					return
				}
				if got, want := timeline.Row(len(results[0].Rows)), timeline.RowsIn(timeline.FramesIn(n)); got != want {
					t.Errorf("%d rows, want %d", got, want)
				}
			})
		}
		all.Wait()
		for _, run := range runs {
			if run.Err != nil || !slices.Contains([]int{1, 4, 16}, run.Size) || run.Windows > run.Size {
				t.Errorf("a run %+v", run)
			}
		}
		for _, x := range cudatest.Log(t) {
			if n := x.Bytes / int64(4*int(asr.DefaultWindow.Rows)*width(t)); !slices.Contains(sizes, n) {
				t.Errorf("a batch of %d windows", n)
			}
		}
	})
}

// Every session is compared, in every place of its batch.
func TestCUDAThatComputesSomethingElseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(rows []float32, window int) []float32
		tf32   bool
		refuse string
	}{
		"a little else":         {func(rows []float32, window int) []float32 { return shifted(rows, 0.01) }, false, ""},
		"too much for fp32":     {func(rows []float32, window int) []float32 { return shifted(rows, 0.1) }, false, "differ by up to 0.1"},
		"not too much for tf32": {func(rows []float32, window int) []float32 { return shifted(rows, 0.1) }, true, ""},
		"too much for tf32":     {func(rows []float32, window int) []float32 { return shifted(rows, 1) }, true, "differ by up to 1"},
		"not a number": {func(rows []float32, window int) []float32 {
			rows[window-1] = float32(math.NaN())
			return rows
		}, false, "computes something else"},
		// A file of seven windows: the batch of one sees the first, that of four the first four.
		"the fourth of a batch": {func(rows []float32, window int) []float32 {
			rows = append(slices.Clone(rows), rows...)
			copy(rows[3*window:4*window], rows[window:2*window])
			return rows
		}, false, "computes something else"},
	} {
		rows := speechRows(t)
		g := cudatest.GPU{Width: width(t), Rows: func() []float32 { return c.change(rows(), int(asr.DefaultWindow.Rows)*width(t)) }}
		t.Run(name, func(t *testing.T) {
			cudatest.Run(t, g, func(t *testing.T) {
				_, err := onCUDA(t, asr.Options{Provider: ort.CUDA, Batch: 4, TF32: c.tf32})
				if c.refuse == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if !errors.Is(err, ort.ErrCUDA) || !strings.Contains(fmt.Sprint(err), c.refuse) {
					t.Errorf("got %v, want ErrCUDA and %q", err, c.refuse)
				}
				r, err := onCUDA(t, asr.Options{Batch: 4, TF32: c.tf32})
				if err != nil {
					t.Fatal("auto does not fall back:", err)
				}
				if d := r.Device(); d.Provider != ort.CPU || !strings.Contains(d.Reason, c.refuse) || d.Hint == "" {
					t.Errorf("auto: %+v", d)
				}
			})
		})
	}
}

func shifted(rows []float32, by float32) []float32 {
	for i := range rows {
		rows[i] += by
	}
	return rows
}

// A GPU that cannot be used is an error with a hint if it is asked for. Otherwise the CPU is used,
// and the reason is kept.
func TestCUDAThatCannotBeUsedIsNotNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		gpu          cudatest.GPU
		options      asr.Options
		reason, hint string
	}{
		"no cuDNN":        {cudatest.GPU{Without: []string{"libcudnn.so.9"}}, asr.Options{}, "libcudnn.so.9 is not installed", "cuDNN 9"},
		"no cuBLAS":       {cudatest.GPU{Without: []string{"libcublas.so.13"}}, asr.Options{}, "libcublas.so.13 is not installed", "CUDA 13"},
		"no memory":       {cudatest.GPU{Memory: 1 << 20}, asr.Options{}, "memory", "--batch"},
		"no such GPU":     {cudatest.GPU{}, asr.Options{Device: 7}, "Invalid device ID: 7", "nvidia-smi -L"},
		"too little":      {cudatest.GPU{}, asr.Options{MemoryLimit: 1 << 10}, "do not hold the weights", "--gpu-memory"},
		"breaks at start": {cudatest.GPU{FailAfter: 1}, asr.Options{}, "CUDA failure 700: an illegal memory access was encountered", "until the process ends"},
	} {
		c.gpu.Width = width(t)
		t.Run(name, func(t *testing.T) {
			cudatest.Run(t, c.gpu, func(t *testing.T) {
				r, err := onCUDA(t, c.options)
				if err != nil {
					t.Fatal(err)
				}
				d := r.Device()
				if d.Provider != ort.CPU || !strings.Contains(d.Reason, c.reason) || !strings.Contains(d.Hint, c.hint) || strings.ContainsAny(d.Reason, "\n[]") {
					t.Errorf("%+v\nwant the CPU, %q and %q", d, c.reason, c.hint)
				}
				c.options.Provider = ort.CUDA
				if _, err := onCUDA(t, c.options); !errors.Is(err, ort.ErrCUDA) {
					t.Errorf("asked for CUDA, got %v", err)
				}
			})
		})
	}
}

func TestCUDAWithoutAGPUIsNoFault(t *testing.T) {
	cudatest.Run(t, cudatest.GPU{None: true}, func(t *testing.T) {
		r, err := onCUDA(t, asr.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d := r.Device(); d.Provider != ort.CPU || d.Reason != "no NVIDIA GPU here" || d.Hint != "" {
			t.Errorf("%+v", d)
		}
	})
}

func TestCUDABatchesHaveALimit(t *testing.T) {
	cudatest.Run(t, cudatest.GPU{}, func(t *testing.T) {
		if _, err := onCUDA(t, asr.Options{Batch: 164}); err == nil || !strings.Contains(err.Error(), "at most 163") {
			t.Errorf("a batch whose largest tensor has more than 2^31 values: %v", err)
		}
	})
}

// A GPU that breaks in the middle of a recording is not the recording's fault.
func TestCUDAThatBreaksSaysSo(t *testing.T) {
	g := cudatest.GPU{Rows: speechRows(t), Width: width(t), FailAfter: 12}
	cudatest.Run(t, g, func(t *testing.T) {
		r, err := onCUDA(t, asr.Options{Provider: ort.CUDA, Batch: 4})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Recognize(t.Context(), &recording{n: 600 * timeline.SampleRate, sample: noise}, asr.Request{})
		broken, ok := errors.AsType[*ort.CUDAError](err)
		if !errors.Is(err, ort.ErrCUDA) || !ok || broken.Err.Error() != "CUDA failure 700: an illegal memory access was encountered" || !strings.Contains(broken.Hint, "Xid") {
			t.Errorf("got %v", err)
		}
		if strings.Contains(err.Error(), "hostname") {
			t.Errorf("the message names the machine: %v", err)
		}
	})
}

// CUDA replaces the handlers of signals in every run. Two models that load and run side by side
// leave those of the process.
func TestCUDALeavesSignalsToTheProcess(t *testing.T) {
	g := cudatest.GPU{Rows: speechRows(t), Width: width(t), Handlers: true}
	cudatest.Run(t, g, func(t *testing.T) {
		arrived := make(chan os.Signal, 1)
		signal.Notify(arrived, syscall.SIGTERM)
		defer signal.Stop(arrived)
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				r, err := onCUDA(t, asr.Options{Provider: ort.CUDA, Batch: 4})
				if err == nil {
					_, err = r.Recognize(t.Context(), &recording{n: 300 * timeline.SampleRate, sample: noise}, asr.Request{})
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case <-arrived:
		case <-time.After(10 * time.Second):
			t.Error("a signal does not arrive any more")
		}
	})
}

// Every node between input and output runs on the GPU: features go in, and four sums of rows come
// out. Small copies in are lengths, and tables of what batched products multiply.
func TestCUDANothingElseCrossesDuringARun(t *testing.T) {
	g := cudatest.GPU{Rows: speechRows(t), Width: width(t)}
	cudatest.Run(t, g, func(t *testing.T) {
		r, err := onCUDA(t, asr.Options{Provider: ort.CUDA, Batch: 4})
		if err != nil {
			t.Fatal(err)
		}
		loaded := len(cudatest.Log(t))
		if _, err := r.Recognize(t.Context(), &recording{n: 600 * timeline.SampleRate, sample: noise}, asr.Request{}); err != nil {
			t.Fatal(err)
		}
		runs := cudatest.Log(t)[loaded:]
		var in, out int
		for _, x := range runs {
			in, out = in+x.In-x.InSmall, out+x.Out
		}
		if len(runs) < 10 || in != len(runs) || out != 4*len(runs) {
			t.Errorf("%d runs copied %d times in and %d times out", len(runs), in, out)
		}
	})
}

// Batches of full windows run on a graph without masks, and others do not.
func TestCUDAFullWindowsNeedNoMasks(t *testing.T) {
	g := cudatest.GPU{Rows: speechRows(t), Width: width(t), Time: 50 * time.Millisecond} // so that batches are full
	cudatest.Run(t, g, func(t *testing.T) {
		r, err := onCUDA(t, asr.Options{Provider: ort.CUDA, Batch: 4})
		if err != nil {
			t.Fatal(err)
		}
		if d := r.Device(); d.Masked != "" {
			t.Errorf("%+v", d)
		}
		// The last two runs were those of the largest batches that were compared, with masks and without.
		log := cudatest.Log(t)
		masked, full := log[len(log)-2].Launches, log[len(log)-1].Launches
		if full >= masked {
			t.Fatalf("%d launches without masks, %d with", full, masked)
		}
		// Two workers launch at the same time, so only sums are known.
		runsWithoutMasks := func(seconds timeline.Sample) int {
			loaded := len(cudatest.Log(t))
			if _, err := r.Recognize(t.Context(), &recording{n: seconds * timeline.SampleRate, sample: noise}, asr.Request{}); err != nil {
				t.Fatal(err)
			}
			saved := 0
			for _, run := range cudatest.Log(t)[loaded:] {
				saved += masked - run.Launches
			}
			return saved / (masked - full)
		}
		if n := runsWithoutMasks(600); n < 4 || n > 8 {
			t.Errorf("%d of about eight runs had no masks", n)
		}
		if n := runsWithoutMasks(20); n != 0 { // one window, which is short
			t.Errorf("%d runs with padding had no masks", n)
		}
	})
}

// A GPU that has no memory for one graph more keeps masks.
func TestCUDAWithoutMemoryForFullWindowsKeepsMasks(t *testing.T) {
	const (
		heldWithMasks = 1_270_000_000
		variable      = "ASR_BACKEND_TEST_MASKED" // names a file that is made once masks were kept
		most          = 12
	)
	masked, child := os.LookupEnv(variable)
	if !child {
		if !cudatest.Available() {
			t.Skip("no stand-in for CUDA: run `make cuda-standin`")
		}
		masked = filepath.Join(t.TempDir(), "masked")
		t.Setenv(variable, masked)
	}
	g := cudatest.GPU{Rows: speechRows(t), Width: width(t), Memory: heldWithMasks}
	// What ONNX Runtime takes differs from process to process by more than that graph: some have room.
	for i := range most {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			cudatest.Run(t, g, func(t *testing.T) {
				r, err := onCUDA(t, asr.Options{Provider: ort.CUDA, Batch: 4})
				if err != nil {
					t.Fatal(err)
				}
				d := r.Device()
				if d.Masked == "" {
					return
				}
				if !strings.Contains(d.Masked, "the memory of the GPU is full") || d.Difference > 1e-6 {
					t.Errorf("%+v", d)
				}
				if _, err := r.Recognize(t.Context(), &recording{n: 600 * timeline.SampleRate, sample: noise}, asr.Request{}); err != nil {
					t.Error(err)
				}
				if err := os.WriteFile(masked, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			})
		})
		if _, err := os.Stat(masked); err == nil {
			return
		}
	}
	if !child {
		t.Errorf("none of %d processes kept masks", most)
	}
}
