package learn

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr/ctc"

	"pgregory.net/rapid"
)

// letters is a vocabulary in which each piece is a letter.
func letters(t testing.TB) *ctc.Vocabulary {
	t.Helper()
	pieces := []string{ctc.Space}
	for c := 'a'; c <= 'z'; c++ {
		pieces = append(pieces, string(c))
	}
	v, err := ctc.NewVocabulary(append(pieces, "'"))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMarkupIsNotLearnt(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "",
		"plain text":                         "plain text",
		"a [noise] b":                        "a b",
		"[inaudible]":                        "",
		"<b>bold</b> words":                  "bold words",
		"he said {uh} yes":                   "he said yes",
		"the price [is\nnot] known":          "the price known",
		"a < b and c > d":                    "a d", // looks like a tag
		"open [ bracket":                     "open [ bracket",
		"close ] bracket":                    "close ] bracket",
		"(laughs) well":                      "(laughs) well", // people say things in round brackets
		"a [b [c] d] e":                      "a d] e",
		strings.Repeat("[x] ", 1000) + "end": "end",
	} {
		if got := Clean(text); got != want {
			t.Errorf("%.40q became %.40q, want %.40q", text, got, want)
		}
	}
}

// Each kind of correction has its outcome.
func TestPassagesThatDoNotCountAreLeftOut(t *testing.T) {
	o := &Options{Vocabulary: letters(t)}
	long := strings.Repeat("all that was said ", 6000) // 108,000 characters
	all := []Correction{
		{Recording: "a", Wrote: "a plain text", Predicted: "a plane text", Length: 2 * time.Second},
		{Recording: "a", Wrote: " [noise] "},
		{Recording: "a", Wrote: "...!"},
		{Recording: "a", Wrote: "Москва столица России", Length: 3 * time.Second},
		{Recording: "a", Wrote: "mostly latin Москва letters", Length: 3 * time.Second},
		{Recording: "a", Wrote: long, Length: 5 * time.Second},
		{Recording: "a", Wrote: long, Predicted: "something", Length: 5 * time.Hour},
		{Recording: "a", Wrote: "too late", Outside: true},
		{Recording: "a", Wrote: "nobody knows how long this is"},
		{Recording: "a", Wrote: "short", Length: 50 * time.Millisecond},
	}
	got, left := o.passages(all)
	var kept []int
	for _, p := range got {
		kept = append(kept, p.index)
		if compared := p.compared; compared != (p.index != 6) {
			t.Errorf("passage %d of %d words is compared: %v", p.index, len(p.wrote), compared)
		}
	}
	if want := []int{0, 4, 6, 8, 9}; !slices.Equal(kept, want) {
		t.Errorf("passages %v count, want %v", kept, want)
	}
	for reason, want := range map[Reason]int{Empty: 2, Unwritable: 1, TooFast: 1, Outside: 1} {
		if left[reason] != want {
			t.Errorf("%q: %d, want %d", reason, left[reason], want)
		}
	}
}

func TestSentencesEndWithTheirStops(t *testing.T) {
	got := sentences("One. Two!\nThree 3.5 four? Five")
	for i := range got {
		got[i] = strings.TrimSpace(got[i])
	}
	got = slices.DeleteFunc(got, func(s string) bool { return s == "" })
	if want := []string{"One.", "Two!", "Three 3.5 four?", "Five"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What a recording is for does not change as others come, except that one which judged because
// there was no other may be learnt from later. What was learnt from never judges once a fifth of the
// recordings do.
func TestRecordingsStayInTheirPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9]{1,6}`), 2, 60, rapid.ID).Draw(t, "names")
		some := rapid.IntRange(2, len(names)).Draw(t, "some")
		early, late := divide(names[:some]), divide(names)
		judges := 0
		for _, n := range names[:some] {
			if early[n] == toJudge {
				judges++
			}
		}
		if judges == 0 {
			t.Fatal("nothing judges")
		}
		if judges > 1 {
			for _, n := range names[:some] {
				if late[n] == toJudge && early[n] != toJudge {
					t.Fatalf("%s was learnt from and judges later", n)
				}
			}
		}
		if judging := Judges(names); len(judging) != len(late) {
			t.Fatalf("%d recordings, %d of which it is known whether they judge", len(late), len(judging))
		}
		slices.Reverse(names)
		for n, judges := range Judges(names) {
			if late[n] == toJudge != judges {
				t.Fatalf("%s is for %v, and judges: %v", n, late[n], judges)
			}
		}
		for n, p := range divide(names) {
			if late[n] != p {
				t.Fatalf("%s depends on the order of corrections", n)
			}
		}
	})
}
