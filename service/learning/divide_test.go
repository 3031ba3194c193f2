package learning

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/transcript"

	"pgregory.net/rapid"
)

// The parts of a text hold all its words and all that was recognized, in order, each in its time.
func TestLongTextsAreDividedAtPauses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "words")
		p := &passage{}
		tr := &transcript.Transcript{Segments: []transcript.Segment{{}}}
		at := 0.0
		for i := range n {
			at += rapid.SampledFrom([]float64{0, 0.1, 0.3, 0.5, 2, 40}).Draw(t, "gap")
			length := rapid.SampledFrom([]float64{0, 0.2, 0.6}).Draw(t, "length")
			p.Words = append(p.Words, corrections.Word{Text: fmt.Sprint("w", i), Start: at, End: at + length})
			if rapid.Bool().Draw(t, "recognized") {
				start := time.Duration(at * float64(time.Second))
				tr.Segments[0].Words = append(tr.Segments[0].Words, transcript.Word{Text: fmt.Sprint("r", i), Start: start, End: start + time.Duration(length*float64(time.Second))})
			}
			at += length
		}
		tr.Duration = time.Duration(at * float64(time.Second))
		var wrote, predicted []string
		last := -1.0
		for _, part := range parts(p, tr) {
			wrote = append(wrote, strings.Fields(part.Text)...)
			predicted = append(predicted, strings.Fields(part.predicted)...)
			if part.Start < last || part.End <= part.Start || part.End-part.Start > longPart.Seconds()+1 {
				t.Fatalf("a part from %v to %v after one that begins at %v", part.Start, part.End, last)
			}
			last = part.Start
		}
		var want []string
		for _, w := range p.Words {
			want = append(want, w.Text)
		}
		if strings.Join(wrote, " ") != strings.Join(want, " ") {
			t.Fatalf("wrote %q, want %q", wrote, want)
		}
		want = nil
		for _, w := range tr.Segments[0].Words {
			want = append(want, w.Text)
		}
		if strings.Join(predicted, " ") != strings.Join(want, " ") {
			t.Fatalf("recognized %q, want %q", predicted, want)
		}
	})
}
