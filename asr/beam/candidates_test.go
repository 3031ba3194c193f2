package beam

import (
	"math"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// What is kept of rows for a search is enough for it.
func TestCandidatesAreEnough(t *testing.T) {
	for _, set := range []string{"librispeech", "ljspeech"} {
		v, rows := trained(t, set)
		s, err := New(v, Options{Lexicon: words(t), Bonus: 0.5})
		if err != nil {
			t.Fatal(err)
		}
		want, score := decode(s.Decoder(0), rows)
		measure := ctc.NewMeasure(len(rows[0]))
		var kept ctc.Candidates
		for _, r := range rows {
			kept.Append(r, ctc.Summarize(r, v.Blank(), measure), v.Blank(), measure)
		}
		d := s.Decoder(0)
		var got []ctc.Token
		for i, r := range rows {
			pieces, sure := kept.Row(i)
			d.PushCandidates(r[v.Blank()], pieces, sure)
			got = append(got, d.Take()...)
		}
		best := d.Finish(1)[0]
		got = append(append(got, d.Take()...), best.Tokens...)
		if len(want) < 10 || len(got) != len(want) || math.Abs(best.Score-score) > 0.5 {
			t.Fatalf("%s: %d tokens worth %v, of whole rows %d worth %v", set, len(got), best.Score, len(want), score)
		}
		differ := 0 // in confidence: a rival that is hardly worth following may be given up elsewhere
		for i := range want {
			a, b := got[i], want[i]
			if a.Piece != b.Piece || a.First != b.First || a.Last != b.Last {
				t.Errorf("%s: token %d is %+v, of whole rows %+v", set, i, a, b)
			}
			if math.Abs(float64(a.Confidence-b.Confidence)) > 0.01 {
				differ++
			}
		}
		if 20*differ > len(want) {
			t.Errorf("%s: the confidences of %d of %d tokens differ", set, differ, len(want))
		}
	}
}
