package ctc_test

import (
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"

	"pgregory.net/rapid"
)

func TestRowsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rows []ctc.Row
		for range rapid.IntRange(0, 20).Draw(t, "rows") {
			rows = append(rows, ctc.Row{
				Best:    ctc.Piece(rapid.IntRange(0, 1024).Draw(t, "piece")),
				LogProb: rapid.Float32().Draw(t, "log-probability"), Blank: rapid.Float32().Draw(t, "blank"),
				Confidence: rapid.Float32().Draw(t, "confidence"),
			})
		}
		got, err := ctc.ParseRows(ctc.AppendRows(nil, rows), 1025)
		if err != nil || !slices.Equal(got, rows) {
			t.Fatalf("got %v (%v), want %v", got, err, rows)
		}
	})
}

func TestRowsOfAnotherVocabularyAreRefused(t *testing.T) {
	b := ctc.AppendRows(nil, []ctc.Row{{Best: 300}})
	if rows, err := ctc.ParseRows(b, 257); err == nil {
		t.Errorf("got %v, want an error", rows)
	}
	if rows, err := ctc.ParseRows(b[:7], 1025); err == nil {
		t.Errorf("got %v of half a row, want an error", rows)
	}
}
