package ctc_test

import (
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"

	"github.com/google/go-cmp/cmp"
)

func TestWordsEndAtLongPauses(t *testing.T) {
	v, err := ctc.NewVocabulary([]string{"▁let", "ters", "n", ".", "▁a"})
	if err != nil {
		t.Fatal(err)
	}
	at := func(piece ctc.Piece, row timeline.Row) ctc.Token {
		return ctc.Token{Piece: piece, First: row, Last: row}
	}
	for _, c := range []struct {
		name   string
		tokens []ctc.Token
		want   []ctc.Word
	}{
		{"pieces that follow each other", []ctc.Token{at(0, 1), at(1, 2), at(2, 12)}, []ctc.Word{{"lettersn", 0, 2}}},
		{"a piece after a long pause is another word", []ctc.Token{at(0, 1), at(1, 2), at(2, 13)}, []ctc.Word{{"letters", 0, 1}, {"n", 2, 2}}},
		{"a mark after a long pause is written, but not timed", []ctc.Token{at(0, 1), at(1, 2), at(3, 40), at(4, 41)}, []ctc.Word{{"letters.", 0, 1}, {"a", 3, 3}}},
		{"what follows such a mark is another word", []ctc.Token{at(0, 1), at(1, 2), at(3, 40), at(2, 41)}, []ctc.Word{{"letters.", 0, 1}, {"n", 3, 3}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, v.Words(c.tokens)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
