package asr_test

import (
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/oracle/onnx"
	"github.com/asr-backend/asr-backend/timeline"

	"go.uber.org/goleak"
)

// library is the ONNX Runtime all tests share: a process can open one.
var library *ort.Runtime

func TestMain(m *testing.M) {
	var exit func(code int)
	library, exit = onnx.Open()
	goleak.VerifyTestMain(m, goleak.Cleanup(exit))
}

// bundle opens a model of testdata/models.
func bundle(t testing.TB, elem ...string) *asr.Bundle {
	t.Helper()
	return open(t, oracle.Data(t, filepath.Join(append([]string{"models"}, elem...)...)))
}

// open opens a model in a folder.
func open(t testing.TB, dir string) *asr.Bundle {
	t.Helper()
	b, err := asr.OpenBundle(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recognizer loads a model on the CPU and closes it with the test.
func recognizer(t testing.TB, b *asr.Bundle, o asr.Options) *asr.Recognizer {
	t.Helper()
	oracle.NeedLibrary(t)
	o.Provider = ort.CPU
	r, err := asr.New(t.Context(), library, b, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// recording is a Blocks of n samples, one second at a time, made on the way.
type recording struct {
	start, n, at timeline.Sample
	sample       func(timeline.Sample) float32
	stop         func() // called after each block, if set
	block        []float32
}

func (r *recording) Next() (audio.Block, error) {
	if r.at >= r.n {
		return audio.Block{}, io.EOF
	}
	if r.block == nil {
		r.block = make([]float32, timeline.SampleRate)
	}
	size := min(timeline.SampleRate, r.n-r.at)
	for i := range r.block[:size] {
		r.block[i] = r.sample(r.start + r.at + timeline.Sample(i))
	}
	b := audio.Block{Start: r.start + r.at, Channels: [][]float32{r.block[:size]}}
	r.at += size
	if r.stop != nil {
		r.stop()
	}
	return b, nil
}

// noise is a reproducible rough sound that never repeats.
func noise(i timeline.Sample) float32 {
	x := uint64(i)*0x9e3779b97f4a7c15 + 1
	x ^= x >> 29
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 32
	return (float32(x>>40)/(1<<24) - 0.5) * (0.05 + 0.04*float32((i/4000)%5))
}

// recognize recognizes a recording of one channel.
func recognize(t testing.TB, r *asr.Recognizer, rec *recording, req asr.Request) *asr.Result {
	t.Helper()
	results, err := r.Recognize(t.Context(), rec, req)
	if err != nil {
		t.Fatal(err)
	}
	if rec.n == 0 {
		if len(results) != 0 {
			t.Fatalf("got %d results of nothing", len(results))
		}
		return &asr.Result{}
	}
	if len(results) != 1 {
		t.Fatalf("got %d results, want 1", len(results))
	}
	return results[0]
}

// allLogProbs recognizes a recording and returns every row of log-probabilities.
func allLogProbs(t testing.TB, r *asr.Recognizer, rec *recording) [][]float32 {
	t.Helper()
	var rows [][]float32
	recognize(t, r, rec, asr.Request{LogProbs: func(_ int, row timeline.Row, lp []float32) error {
		if row != timeline.Row(len(rows)) {
			return fmt.Errorf("row %d came after %d rows", row, len(rows))
		}
		rows = append(rows, append([]float32(nil), lp...))
		return nil
	}})
	return rows
}

func texts(b *asr.Bundle, r *asr.Result) []string {
	tokens := ctc.Greedy(r.Rows, b.Vocabulary.Blank(), r.First)
	var out []string
	for _, w := range b.Vocabulary.Words(tokens) {
		out = append(out, w.Text)
	}
	return out
}
