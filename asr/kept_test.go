package asr_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// What is joined from saved windows is what a search got when the model ran, but for silence at the
// end, the length of which no window shows.
func TestStitchedRowsAreThoseOfASearch(t *testing.T) {
	for _, last := range []timeline.Row{0, 1, 25} {
		w := small
		w.Last = last
		t.Run(fmt.Sprintf("last window of %d rows", last), func(t *testing.T) {
			joinedAreThoseOfASearch(t, recognizer(t, bundle(t, "tiny-random"), asr.Options{Window: w}))
		})
	}
}

func joinedAreThoseOfASearch(t *testing.T, r *asr.Recognizer) {
	w := r.Window()
	const second = timeline.Sample(timeline.SampleRate)
	for _, c := range []struct {
		name    string
		n       timeline.Sample
		silent  func(timeline.Sample) bool
		silence bool // at the end
	}{
		{"sound", 40 * second, func(timeline.Sample) bool { return false }, false},
		{"sound of whole windows", (2*(w.Rows-2*w.Context) + w.Rows).Sample(), func(timeline.Sample) bool { return false }, false},
		{"less than a window", 2 * second, func(timeline.Sample) bool { return false }, false},
		{"silence first", 40 * second, func(i timeline.Sample) bool { return i < 17*second }, false},
		{"silence within", 60 * second, func(i timeline.Sample) bool { return i > 11*second && i < 29*second || i > 41*second && i < 55*second }, false},
		{"silence at the end", 40 * second, func(i timeline.Sample) bool { return i > 21*second }, true},
		{"silence", 40 * second, func(timeline.Sample) bool { return true }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			saved, want := map[timeline.Row]ctc.Saved{}, []string(nil)
			recognize(t, r, &recording{n: c.n, sample: func(i timeline.Sample) float32 {
				if c.silent(i) {
					return 0
				}
				return noise(i)
			}}, asr.Request{
				Save: func(_ int, start timeline.Row, s *ctc.Saved) {
					again, err := ctc.ParseSaved(s.Encode(), r.Contract().Width)
					if err != nil {
						t.Error(err)
					}
					saved[start] = again
				},
				Search: func(_ int, row timeline.Row, r *ctc.Row, pieces []ctc.Candidate, sure float32) error {
					want = append(want, fmt.Sprint(row, r.Blank, pieces, sure))
					return nil
				},
			})
			k, err := r.Stitch(saved)
			if err != nil {
				t.Fatal(err)
			}
			describe := func(k *asr.KeptRows) (rows []string) {
				for i := range k.Blanks {
					pieces, sure := k.Candidates.Row(i)
					rows = append(rows, fmt.Sprint(k.First+timeline.Row(i), k.Blanks[i], pieces, sure))
				}
				return rows
			}
			got := describe(k)
			if k.Candidates.Len() != len(got) || len(got) > len(want) {
				t.Fatalf("%d rows with candidates of %d, the search got %d", k.Candidates.Len(), len(got), len(want))
			}
			same := len(got)
			if c.silence {
				same = max(same-int(2*w.Context), 0) // what the last window shares with silence
			} else if len(got) != len(want) {
				t.Fatalf("%d rows, want %d", len(got), len(want))
			}
			for i := range same {
				if got[i] != want[i] {
					t.Fatalf("row %d: got %s, want %s", i, got[i], want[i])
				}
			}
			if c.silence == (len(got) == len(want)) {
				t.Errorf("%d of %d rows", len(got), len(want))
			}
			n := timeline.Row(len(got))
			for _, cut := range [][2]timeline.Row{{0, n}, {n / 3, n / 2}, {n / 2, n / 2}, {-5, n + 5}, {n + 1, n + 2}, {n / 2, 0}} {
				from := min(max(cut[0], 0), n)
				to := min(max(cut[1], from), n)
				if part := k.Cut(cut[0], cut[1]); part.First != from || !slices.Equal(describe(part), got[from:to]) {
					t.Errorf("rows %v: got %d from %d on", cut, len(part.Blanks), part.First)
				}
			}
		})
	}
}

func TestWindowsThatCannotBeStitched(t *testing.T) {
	r := recognizer(t, bundle(t, "tiny-random"), asr.Options{Window: small})
	w := r.Window()
	window := func(rows timeline.Row, candidates bool) ctc.Saved {
		s := ctc.Saved{Rows: make([]ctc.Row, rows)}
		if candidates {
			s.Candidates.AppendSilent(int(rows))
		}
		return s
	}
	step := w.Rows - 2*w.Context
	for name, c := range map[string]struct {
		windows    map[timeline.Row]ctc.Saved
		candidates bool
	}{
		"without candidates":    {map[timeline.Row]ctc.Saved{0: window(w.Rows, false)}, false},
		"of a transducer":       {map[timeline.Row]ctc.Saved{0: {Checkpoint: []byte("x")}}, false},
		"off the grid":          {map[timeline.Row]ctc.Saved{1: window(w.Rows, true), 2 * step: window(w.Rows, true)}, true},
		"too long":              {map[timeline.Row]ctc.Saved{0: window(w.Rows+1, true)}, true},
		"too short":             {map[timeline.Row]ctc.Saved{0: window(w.Rows-1, true), step: window(w.Rows, true)}, true},
		"too short, at the end": {map[timeline.Row]ctc.Saved{0: window(w.Rows, true), step: window(w.Rows-1, true)}, true},
		"before the beginning":  {map[timeline.Row]ctc.Saved{-step: window(w.Rows, true)}, true},
	} {
		if _, err := r.Stitch(c.windows); err == nil || errors.Is(err, asr.ErrNoCandidates) == c.candidates {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Candidates can be saved for a search in times to come, and texts stay as they are.
func TestCandidatesAreSavedWithoutASearch(t *testing.T) {
	const n = 20 * timeline.SampleRate
	r := recognizer(t, bundle(t, "tiny-random"), asr.Options{Window: small})
	want := recognize(t, r, &recording{n: n, sample: noise}, asr.Request{})
	windows := 0
	got := recognize(t, r, &recording{n: n, sample: noise}, asr.Request{Candidates: true, Save: func(_ int, start timeline.Row, s *ctc.Saved) {
		if windows++; s.Candidates.Len() != len(s.Rows) {
			t.Errorf("the window at row %d has %d rows and candidates of %d", start, len(s.Rows), s.Candidates.Len())
		}
	}})
	if windows == 0 || !slices.Equal(got.Rows, want.Rows) || !r.WholeRows() {
		t.Errorf("of %d windows, rows differ: %v", windows, !slices.Equal(got.Rows, want.Rows))
	}
}
