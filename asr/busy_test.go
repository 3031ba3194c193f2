package asr_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// While files of a folder wait, every worker has a window, although each file is one window only, and
// although as many recordings as there are workers are being read, or have their text searched for. What
// is reported comes in the order of the files.
func TestNoWorkerIsIdleWhileFilesWait(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 8, 16} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) { folderOfShortFiles(t, dir, workers) })
		})
	}
}

func folderOfShortFiles(t *testing.T, dir string, workers int) {
	const files, length = 100, 4 * timeline.SampleRate
	r := asr.NewSimulated(t, workers, asr.DefaultWindow)
	defer r.End()
	inputs := &cli.Recordings{Several: true}
	for i := range files {
		name := fmt.Sprintf("file%03d", i)
		inputs.Inputs = append(inputs.Inputs, cli.Input{Path: name, Name: name})
	}
	formats, err := cli.ChooseFormats([]string{"text"}, dir, true, transcript.Text)
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := cli.NewOutputs(cli.OutputOptions{Target: dir, Formats: formats, Recordings: inputs, Writer: output.New(os.Stdout)})
	if err != nil {
		t.Fatal(err)
	}

	// A recording is outside of the model while it is read, and while its text is searched for.
	var started, outside atomic.Int64
	let := make(chan struct{})
	stay := func() { outside.Add(1); <-let; outside.Add(-1) }
	var report bytes.Buffer
	batch := cli.Batch{Report: cli.NewReport(&report, cli.ReportOptions{}), Outputs: outputs, Parallel: r.Device().Recordings(),
		Transcribe: func(ctx context.Context, _ cli.Input, _ func(asr.Progress), _ func(audio.Info)) (*transcript.Transcript, error) {
			started.Add(1)
			stay()
			_, err := r.Recognize(ctx, &recording{n: length, sample: noise}, asr.Request{})
			stay()
			return &transcript.Transcript{Duration: timeline.Sample(length).Duration()}, err
		}}
	done := make(chan error, 1)
	go func() { done <- batch.Run(t.Context(), inputs) }()

	synctest.Wait()
	for range workers { // nothing can be run before it is read
		let <- struct{}{}
	}
	random := rand.New(rand.NewPCG(1, uint64(workers)))
	for finished := 0; ; {
		synctest.Wait()
		busy, out := int(r.Busy.Load()), int(outside.Load())
		if busy == 0 && out == 0 {
			break
		}
		if waiting := files - int(started.Load()); waiting > 0 && busy < workers {
			t.Errorf("%d of %d workers are idle after %d windows, and %d files wait", workers-busy, workers, finished, waiting)
		}
		if busy > 0 && (out == 0 || out < workers && random.IntN(2) == 0) {
			r.Finish()
			finished++
		} else {
			let <- struct{}{}
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	names := regexp.MustCompile(`(?m)^file\d+`).FindAllString(report.String(), -1)
	written, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if len(names) != files || !slices.IsSorted(names) || len(written) != files || err != nil {
		t.Errorf("reported in the order %v; %d files, %v", names, len(written), err)
	}
}
