package align_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/timeline"

	"pgregory.net/rapid"
)

// pieces are those of the tests: two words of one piece, one of two, and a mark.
var pieces = []string{"<unk>", "▁a", "▁b", "▁c", "d", "."}

func vocabulary(t interface{ Fatal(...any) }) *ctc.Vocabulary {
	v, err := ctc.NewVocabulary(pieces)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// emissions makes rows from a line such as "_ a _ c d d _", a character a row; a capital
// letter is a row barely won. Levels are loud in rows won by pieces and low elsewhere.
func emissions(t interface{ Fatal(...any) }, line string) *align.Emissions {
	v := vocabulary(t)
	h := &align.Emissions{Output: ctc.Output{Vocabulary: v}}
	for _, c := range strings.ReplaceAll(line, " ", "") {
		r := ctc.Row{Best: v.Blank(), Confidence: 1}
		loud := mel.Level(10)
		if i := slices.IndexFunc(pieces, func(p string) bool { return strings.HasSuffix(p, strings.ToLower(string(c))) && len(p) <= 4 }); i >= 0 {
			r = ctc.Row{Best: ctc.Piece(i), Blank: -20, Confidence: 0.5}
			loud = 120
		}
		h.Rows = append(h.Rows, r)
		for range timeline.FramesPerRow {
			h.Levels = append(h.Levels, loud)
		}
	}
	h.Samples = timeline.Row(len(h.Rows)).Sample()
	return h
}

func TestWordsAreTheRunsOfTheirPieces(t *testing.T) {
	for _, c := range []struct{ name, rows, want string }{
		{"nothing", "____", ""},
		{"one row", "__a__", "a:2-2"},
		{"a run", "__aa__", "a:2-3"},
		{"two pieces", "_c_d_", "cd:1-3"},
		{"twice the same word", "_a_a_", "a:1-1 a:3-3"},
		{"neighbours", "_ab_", "a:1-1 b:2-2"},
		{"a mark belongs to the word before it", "_a__._b", "a.:1-4 b:6-6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, w := range emissions(t, c.rows).Words() {
				got = append(got, fmt.Sprintf("%s:%d-%d", w.Text, w.First, w.Last))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestASpikeIsWhatItsRowsStandFor(t *testing.T) {
	w := emissions(t, "__aa______").Words()[0]
	if want := (align.Span{Start: 2*1280 - 640, End: 3*1280 + 640}); w.Spike != want {
		t.Errorf("got %+v, want %+v", w.Spike, want)
	}
	if got, want := align.NeMoSpan(w.First, w.Last), (align.Span{Start: 2 * 1280, End: 4 * 1280}); got != want {
		t.Errorf("NeMo: got %+v, want %+v", got, want)
	}
}

// The sound goes on for five frames before and after the row in which the word was seen.
func TestEdgesGoToWhereTheSoundEnds(t *testing.T) {
	h := emissions(t, "______a_______")
	for f := 6*8 - 9; f < 6*8+10; f++ {
		h.Levels[f] = 120
	}
	w := h.Words()[0]
	start, end := timeline.Frame(6*8-9).Sample(), timeline.Frame(6*8+10).Sample()
	near := func(a, b timeline.Sample) bool { return max(a-b, b-a) <= 2*timeline.SamplesPerFrame }
	if !near(w.Span.Start, start) || !near(w.Span.End, end) {
		t.Errorf("got %+v, want %d to %d within two frames", w.Span, start, end)
	}
}

func TestEdgesReachNoFurtherThanAQuarterSecond(t *testing.T) {
	h := emissions(t, "__________a__________")
	for f := range h.Levels {
		h.Levels[f] = 120 // sound everywhere
	}
	h.Levels[0], h.Levels[len(h.Levels)-1] = 0, 0
	w := h.Words()[0]
	if reach := timeline.SampleAt(250 * time.Millisecond); w.Span.Start < w.Spike.Start-reach || w.Span.End > w.Spike.End+reach {
		t.Errorf("got %+v around %+v", w.Span, w.Spike)
	}
}

func TestARowBarelyWonCountsForHalf(t *testing.T) {
	sure, unsure, lost := emissions(t, "__aa_b__"), emissions(t, "__aa_b__"), emissions(t, "__a__b__")
	unsure.Rows[3].LogProb, unsure.Rows[3].Blank = -0.673, -0.714 // 0.51 against 0.49
	lost.Rows[3].LogProb, lost.Rows[3].Blank = -0.673, -0.673     // 0.51 blank
	ends := make([]timeline.Sample, 3)
	for i, h := range []*align.Emissions{sure, unsure, lost} {
		for f := range h.Levels {
			h.Levels[f] = 100 // nothing to snap to
		}
		ends[i] = h.Words()[0].Span.End
	}
	if d := ends[1] - ends[2]; d < -100 || d > 100 {
		t.Errorf("as the row is won or lost by a hair, the end jumps by %d samples", d)
	}
	if ends[0] <= ends[1] {
		t.Errorf("ends %v: a row surely won should reach furthest", ends)
	}
}

func TestTheModelsConstantMovesAllTimes(t *testing.T) {
	h := emissions(t, "___a_____b___")
	for f := range h.Levels {
		h.Levels[f] = 100 // nothing to snap to
	}
	before := h.Words()
	h.Shift = -50 * time.Millisecond
	for i, w := range h.Words() {
		if w.Span.Start != before[i].Span.Start-800 || w.Span.End != before[i].Span.End-800 || w.Spike.Start != before[i].Spike.Start-800 {
			t.Errorf("word %d: got %+v, want %+v 800 samples earlier", i, w.Span, before[i].Span)
		}
	}
}

// Beside a pause the sound says where a word begins and ends, whatever the constant.
func TestAPauseSaysMoreThanTheConstant(t *testing.T) {
	for _, shift := range []time.Duration{-30 * time.Millisecond, 0, 30 * time.Millisecond} {
		h := emissions(t, "______a_______")
		for f := range h.Levels {
			h.Levels[f] = 10
		}
		first, last := timeline.Frame(6*8-6), timeline.Frame(6*8+7)
		for f := first; f <= last; f++ {
			h.Levels[f] = 120
		}
		h.Shift = shift
		w := h.Words()[0]
		near := func(a, b timeline.Sample) bool { return max(a-b, b-a) <= 2*timeline.SamplesPerFrame }
		if !near(w.Span.Start, first.Sample()) || !near(w.Span.End, last.Sample()) {
			t.Errorf("shift %v: got %+v, want %d to %d within two frames", shift, w.Span, first.Sample(), last.Sample())
		}
	}
}

// A network sees what follows, and may name a word up to a row before its sound, or after it.
func TestAWordStandsWhereItsSoundIs(t *testing.T) {
	for _, c := range []struct {
		name, rows  string
		first, last timeline.Frame
	}{
		{"throughout the row", "______a_______", 40, 56},
		{"late in the row", "______a_______", 49, 60},
		{"from the end of the row", "______a_______", 51, 60},
		{"in the row behind", "______a_______", 54, 60},
		{"in the second of two rows", "______aa______", 53, 64},
		{"early in the row", "______a_______", 36, 49},
		{"in the row before", "______a_______", 36, 42},
	} {
		h := emissions(t, c.rows) // row 6 is frames 44 to 52
		for f := range h.Levels {
			h.Levels[f] = 10
		}
		for f := c.first; f <= c.last; f++ {
			h.Levels[f] = 120
		}
		w := h.Words()[0]
		near := func(a, b timeline.Sample) bool { return max(a-b, b-a) <= 2*timeline.SamplesPerFrame }
		if !near(w.Span.Start, c.first.Sample()) || !near(w.Span.End, c.last.Sample()) {
			t.Errorf("sound %s: got %+v, want %d to %d within two frames", c.name, w.Span, c.first.Sample(), c.last.Sample())
		}
	}
}

func TestADipWithinTheRowsOfAWordIsNotItsEnd(t *testing.T) {
	h := emissions(t, "______aa____________") // rows 6 and 7 are frames 44 to 60
	for f := range h.Levels {
		h.Levels[f] = 10
	}
	for f := 44; f <= 72; f++ {
		h.Levels[f] = 120
	}
	h.Levels[55], h.Levels[56], h.Levels[57] = 20, 10, 20
	if end, want := h.Words()[0].Span.End, timeline.Frame(72).Sample(); max(end-want, want-end) > 2*timeline.SamplesPerFrame {
		t.Errorf("the end is at %d, want %d within two frames", end, want)
	}
}

func TestWordsWithoutAPauseShareABoundary(t *testing.T) {
	h := emissions(t, "__a_b_____c__")
	for f := range h.Levels {
		h.Levels[f] = 100
	}
	w := h.Words()
	if w[0].Span.End != w[1].Span.Start {
		t.Errorf("no common boundary: %+v and %+v", w[0].Span, w[1].Span)
	}
	if w[1].Span.End >= w[2].Span.Start {
		t.Errorf("the pause is gone: %+v and %+v", w[1].Span, w[2].Span)
	}
}

// Whatever is recognized: words are in order, do not overlap, lie inside the recording, and
// contain none of the rows of others.
func TestWordsAreOrderedAndApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := vocabulary(t)
		h := &align.Emissions{Output: ctc.Output{Vocabulary: v, First: timeline.Row(rapid.IntRange(0, 1000).Draw(t, "first"))}}
		for range rapid.IntRange(1, 60).Draw(t, "rows") {
			p := rapid.Float32Range(0.01, 1).Draw(t, "p")
			best := ctc.Piece(rapid.IntRange(1, len(pieces)).Draw(t, "best"))
			h.Rows = append(h.Rows, ctc.Row{Best: best, LogProb: p - 1, Blank: p - 1.2})
			for range timeline.FramesPerRow {
				h.Levels = append(h.Levels, mel.Level(rapid.IntRange(0, 255).Draw(t, "level")))
			}
		}
		cut := rapid.IntRange(0, 7).Draw(t, "frames missing at the end")
		h.Levels = h.Levels[:len(h.Levels)-cut]
		h.Samples = timeline.Frame(len(h.Levels)).Sample() + 159
		begin := h.First.Sample()
		at := begin
		for _, w := range h.Words() {
			if w.Span.Start < at || w.Span.End < w.Span.Start || w.Span.End > begin+h.Samples {
				t.Fatalf("word %q at %+v after %d, in a recording of %d", w.Text, w.Span, at, h.Samples)
			}
			at = w.Span.End
		}
	})
}
