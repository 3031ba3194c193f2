package ctc_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"

	"pgregory.net/rapid"
)

// row draws a normalised row of log-probabilities.
func row(t *rapid.T, width int) []float32 {
	out := make([]float32, width)
	scale := rapid.Float64Range(0.1, 12).Draw(t, "scale")
	var sum float64
	for i := range out {
		v := scale * rapid.Float64Range(-1, 1).Draw(t, "logit")
		out[i] = float32(v)
		sum += math.Exp(v)
	}
	for i := range out {
		out[i] -= float32(math.Log(sum))
	}
	return out
}

func TestCandidatesAreTheProbablePieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(2, 60).Draw(t, "width")
		blank := ctc.Piece(width - 1)
		m := ctc.NewMeasure(width)
		var c ctc.Candidates
		r := row(t, width)
		c.Append(r, ctc.Summarize(r, blank, m), blank, m)
		got, sure := c.Row(0)
		type scored struct {
			piece ctc.Piece
			v     float32
		}
		var all []scored
		for p, v := range r[:blank] {
			all = append(all, scored{ctc.Piece(p), v})
		}
		slices.SortStableFunc(all, func(a, b scored) int {
			switch {
			case a.v > b.v:
				return -1
			case a.v < b.v:
				return 1
			}
			return 0
		})
		want := 0
		for want < len(all) && want < ctc.MaxCandidates && all[want].v >= ctc.CandidateFloor {
			want++
		}
		if want == 0 && all[0].v > r[blank] {
			want = 1
		}
		if len(got) != want {
			t.Fatalf("%d candidates, want %d of %v", len(got), want, r)
		}
		for i, p := range got {
			if p.Piece != all[i].piece || math.Abs(float64(p.LogProb-all[i].v)) > 0.0006 {
				t.Errorf("candidate %d is %+v, want %+v", i, p, all[i])
			}
		}
		if want > 0 && math.Abs(float64(sure-m.Confidence(r))) > 1e-5 {
			t.Errorf("confidence %v, want %v", sure, m.Confidence(r))
		}
	})
}

func TestSavedRowsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const width = 40
		m := ctc.NewMeasure(width)
		var s ctc.Saved
		with := rapid.Bool().Draw(t, "candidates")
		for range rapid.IntRange(1, 12).Draw(t, "rows") {
			r := row(t, width)
			s.Rows = append(s.Rows, ctc.Summarize(r, width-1, m))
			if !with {
				continue
			}
			if rapid.Bool().Draw(t, "silent") {
				s.Candidates.AppendSilent(1)
			} else {
				s.Candidates.Append(r, ctc.Summarize(r, width-1, m), width-1, m)
			}
		}
		b := s.Encode()
		got, err := ctc.ParseSaved(b, width)
		if err != nil || !slices.Equal(got.Rows, s.Rows) || got.Candidates.Len() != s.Candidates.Len() {
			t.Fatalf("got %+v (%v), want %+v", got, err, s)
		}
		from := rapid.IntRange(0, len(s.Rows)-1).Draw(t, "from")
		for i := range s.Candidates.Len() {
			want, sure := s.Candidates.Row(i)
			have, same := got.Candidates.Row(i)
			if !slices.Equal(have, want) || same != sure {
				t.Errorf("row %d: got %v, %v, want %v, %v", i, have, same, want, sure)
			}
			if i >= from {
				rest := s.Candidates.From(from)
				if later, _ := rest.Row(i - from); !slices.Equal(later, want) {
					t.Errorf("row %d from %d on: got %v, want %v", i, from, later, want)
				}
			}
		}
		if _, err := ctc.ParseSaved(b[:len(b)-1], width); err == nil {
			t.Error("half a row is not refused")
		}
	})
}

func FuzzParseSaved(f *testing.F) {
	m := ctc.NewMeasure(5)
	s := ctc.Saved{Rows: []ctc.Row{{Best: 1}, {Best: 4}}}
	f.Add(s.Encode())
	r := []float32{-1, -1.5, -2, -7, -3}
	s.Candidates.Append(r, ctc.Summarize(r, 4, m), 4, m)
	s.Candidates.AppendSilent(1)
	f.Add(s.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ctc.ParseSaved(b, 5)
		if err != nil || len(b) == 0 {
			return
		}
		if again := s.Encode(); !bytes.Equal(again, b) {
			t.Errorf("%x became %x", b, again)
		}
	})
}
