package beam

import (
	"slices"
	"strings"
	"testing"
)

// A phrase can be found if pieces have its letters, however it is written.
func TestPhrasesThatNoPiecesSpell(t *testing.T) {
	bytes := []string{"▁a", "<0xC3>", "<0xA9>", "<0x31>"} // é and 1
	for _, c := range []struct {
		name   string
		pieces []string
		list   []string
		want   string
	}{
		{"letters", []string{"▁ab", "c", "'", "▁"}, []string{"abc", "CAB a", "a'b", "(a), b!", "abd", "a1", "бa", "a-b"}, "abd a1 бa a-b"},
		{"pieces with upper case and marks", []string{"▁Ab", "É", "c’", "-"}, []string{"AB", "é", "bé’c", "a-b", "d"}, "d"},
		{"bytes", bytes, []string{"aé", "É1", "a2", "è"}, "a2 è"},
		{"control pieces", []string{"<unk>", "▁a", "<|en|>"}, []string{"a", "unk", "en"}, "unk en"},
	} {
		v := vocabulary(t, c.pieces)
		var list []Phrase
		for _, text := range c.list {
			list = append(list, Phrase{Text: text})
		}
		before := slices.Clone(list)
		var got []string
		for _, p := range Unspellable(v, list) {
			got = append(got, p.Text)
		}
		if strings.Join(got, " ") != c.want || !slices.Equal(list, before) {
			t.Errorf("%s: %q cannot be spelled, want %q", c.name, got, c.want)
		}
	}
}
