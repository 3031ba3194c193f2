package learn

import (
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/wer"

	"github.com/google/go-cmp/cmp"
)

// uncommon are the words that are rare in these tests.
var uncommon = []string{"velmora", "grete", "hermann", "copenhagen", "zendrix", "tesla's"}

func rare(word string) bool { return slices.Contains(uncommon, word) }

func read(f *finder, wrote, predicted string) {
	p := passage{text: Clean(wrote), wrote: wer.Normalize(wrote), predicted: wer.Normalize(predicted), compared: true}
	f.passage(&p)
}

func TestPhrasesAreWhatPredictionsMissed(t *testing.T) {
	f := newFinder(rare)
	read(f, "We met Grete Hermann in Copenhagen.", "we met greater herman in copenhagen")
	read(f, "Grete Hermann; Velmora?", "grete herman bell more a")
	read(f, "VELMORA is a common word", "velmora is a common word")
	read(f, "velmora, zendrix", "velmora zen dricks")
	read(f, "the common words are missed", "a coming worth our mist")
	got := f.list(nil, nil)
	want := []Phrase{
		{"Hermann", 2, 2},
		{"Grete Hermann", 2, 2},
		{"Velmora", 3, 1}, // as it was written first in the alphabet, of equal spellings
		{"Grete", 2, 1},
		{"zendrix", 1, 1},
	}
	sortPhrases(got)
	sortPhrases(want)
	for i := range got {
		if strings.EqualFold(got[i].Text, "velmora") {
			got[i].Text = "Velmora"
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want (-), got (+):\n%s", d)
	}
}

func sortPhrases(all []Phrase) {
	slices.SortFunc(all, func(a, b Phrase) int { return strings.Compare(strings.ToLower(a.Text), strings.ToLower(b.Text)) })
}

// A phrase that predictions have found since stays, as long as a correction has it; it goes with the
// last of these, and if a person does not want it.
func TestPhrasesStayWhileTheyAreSaid(t *testing.T) {
	f := newFinder(rare)
	read(f, "Velmora and Zendrix", "velmora and zendrix")
	before := []Phrase{{"Velmora", 4, 3}, {"Copenhagen", 1, 1}}
	want := []Phrase{{"Velmora", 1, 1}}
	if d := cmp.Diff(want, f.list(before, nil)); d != "" {
		t.Errorf("want (-), got (+):\n%s", d)
	}
	if got := f.list(before, []string{" VELMORA! "}); len(got) != 0 {
		t.Errorf("a phrase that was removed is back: %v", got)
	}
}

func TestGlossariesArePhrases(t *testing.T) {
	f := newFinder(rare)
	f.document("Glossary\n- Velmora\n• Grete Hermann,\nthe common words\nZendrix is said in this longer line of an agenda.\nCopenhagen.\n\n")
	var got []string
	for _, p := range f.list(nil, nil) {
		got = append(got, p.Text)
	}
	if want := []string{"Grete Hermann", "Velmora"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSubstitutionsAreCounted(t *testing.T) {
	var all []passage
	for _, x := range [][2]string{
		{"we met Grete Hermann today", "we met greater herman today"},
		{"and Grete Hermann again", "and greater herman again"},
		{"a b c", "a c"},
		{"a c", "a x c"},
	} {
		all = append(all, passage{wrote: wer.Normalize(x[0]), predicted: wer.Normalize(x[1]), compared: true})
	}
	all = append(all, passage{wrote: []string{"too", "long"}})
	want := []Substitution{{"greater herman", "grete hermann", 2}, {"x", "", 1}, {"", "b", 1}}
	if d := cmp.Diff(want, substitutions(all)); d != "" {
		t.Errorf("want (-), got (+):\n%s", d)
	}
}
