package verify

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/timeline"
)

// Dump is what this program computes of a recording before anything is decided about
// words and regions: what NeMo and other programs can be compared with.
type Dump struct {
	// LogMel is [bands, frames]: natural logarithms, not normalised.
	LogMel        []float32
	Bands, Frames int
	// LogProbs is [rows, width]: blank is the last column.
	LogProbs    []float32
	Rows, Width int
	// Text is the greedy text of all rows.
	Text string
}

// NewDump computes on all channels of the recording at path, mixed.
func NewDump(ctx context.Context, r *asr.Recognizer, path string) (_ *Dump, err error) {
	stream, err := audio.Open(ctx, path, audio.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	bank, err := mel.NewBank(r.Contract().Bands)
	if err != nil {
		return nil, err
	}
	tap := &tap{Blocks: stream, extractor: mel.NewExtractor(bank, runtime.GOMAXPROCS(0))}
	d := &Dump{Bands: r.Contract().Bands, Width: r.Contract().Width}
	results, err := r.Recognize(ctx, tap, asr.Request{LogProbs: func(_ int, _ timeline.Row, row []float32) error {
		d.LogProbs = append(d.LogProbs, row...)
		return nil
	}})
	if err != nil {
		return nil, err
	}
	frames := tap.extractor.Finish(tap.frames)
	d.Frames, d.Rows = len(frames)/d.Bands, len(d.LogProbs)/d.Width
	d.LogMel = make([]float32, len(frames))
	mel.Transpose(d.LogMel, frames, d.Bands, d.Frames)
	vocabulary := r.Bundle().Vocabulary
	var tokens []ctc.Token
	for _, result := range results {
		tokens = append(tokens, ctc.Greedy(result.Rows, vocabulary.Blank(), 0)...)
	}
	d.Text = vocabulary.TokenText(tokens)
	return d, nil
}

// tap takes the features of the samples that pass.
type tap struct {
	asr.Blocks
	extractor *mel.Extractor
	frames    []float32
}

// Next returns the next block.
func (t *tap) Next() (audio.Block, error) {
	block, err := t.Blocks.Next()
	if err == nil {
		t.frames = t.extractor.Append(t.frames, block.Channels[0])
	}
	return block, err
}

// Write puts NAME.logmel.npy, NAME.logprobs.npy and NAME.txt into a folder.
func (d *Dump) Write(ctx context.Context, w *output.Writer, folder, name string) error {
	base := filepath.Join(folder, name)
	return errors.Join(
		write(ctx, w, base+".logmel.npy", func(f io.Writer) error { return npy.Write(f, d.LogMel, d.Bands, d.Frames) }),
		write(ctx, w, base+".logprobs.npy", func(f io.Writer) error { return npy.Write(f, d.LogProbs, d.Rows, d.Width) }),
		write(ctx, w, base+".txt", func(f io.Writer) error { _, err := io.WriteString(f, d.Text+"\n"); return err }))
}

func write(ctx context.Context, w *output.Writer, path string, content func(io.Writer) error) error {
	t, err := w.Claim(path)
	if err != nil {
		return err
	}
	return t.Write(ctx, content)
}
