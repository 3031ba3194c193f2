package align_test

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/align/viterbi"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/sentencepiece"
	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"
)

// Words are where NeMo Forced Aligner finds them on the same rows, in its convention.
func TestWordTimesAreThoseOfNeMo(t *testing.T) {
	dir := oracle.Data(t, "align")
	f, err := os.Open(filepath.Join(dir, "nemo.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan() // the versions
	words := 0
	for lines.Scan() {
		var c struct {
			Rows, Tokenizer string
			Words           [][3]any
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		rows, err := npy.Read(filepath.Join(dir, c.Rows))
		if err != nil {
			t.Fatal(err)
		}
		model, err := os.Open(filepath.Join(dir, c.Tokenizer))
		if err != nil {
			t.Fatal(err)
		}
		tokenizer, err := sentencepiece.Read(model)
		model.Close()
		if err != nil {
			t.Fatal(err)
		}
		width := rows.Shape[len(rows.Shape)-1]
		data := rows.Float32()
		p := &viterbi.Problem{
			Scores: func(t timeline.Row) []float32 { return data[int(t)*width:][:width] },
			Rows:   timeline.Row(len(data) / width), Blank: ctc.Piece(width - 1),
		}
		var ends []int
		for _, w := range c.Words {
			p.Tokens = append(p.Tokens, tokenizer.Encode(w[0].(string))...)
			ends = append(ends, len(p.Tokens))
		}
		path, err := viterbi.Align(p)
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for i, w := range c.Words {
			span := align.NeMoSpan(path.Spans[at].First, path.Spans[ends[i]-1].Last)
			if start, end := w[1].(float64), w[2].(float64); math.Abs(span.Start.Seconds()-start) > 1e-6 || math.Abs(span.End.Seconds()-end) > 1e-6 {
				t.Errorf("%s: %q at %.2f to %.2f, want %.2f to %.2f", c.Rows, w[0], span.Start.Seconds(), span.End.Seconds(), start, end)
			}
			at = ends[i]
			words++
		}
	}
	if words < 50 {
		t.Errorf("only %d words", words)
	}
}
