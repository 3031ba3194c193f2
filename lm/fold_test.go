package lm_test

import (
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/lm"

	"pgregory.net/rapid"
)

func TestFold(t *testing.T) {
	for _, test := range []struct {
		folding lm.Folding
		in, out string
	}{
		{lm.FoldWords, "Don’t!", "don't"},
		{lm.FoldWords, "“Well-known” dogs' bones,", "well known dogs' bones"},
		{lm.FoldWords, "Größe, ÉTÉ — naïve…", "größe été naïve"},
		{lm.FoldWords, "e\u0301te\u0301 in 1984", "\u00e9t\u00e9 in 1984"},
		{lm.FoldWords, "ЧТО это?", "что это"},
		{lm.FoldWords, "?!", ""},
		{lm.FoldWords, "हिन्दी में", "हिन्दी में"},
		{lm.FoldEnglish, "Mr. Smith's 21 cafés", "mister smith's twenty one cafes"},
		{lm.FoldEnglish, "'Tis worth 1,250.", "'tis worth one thousand two hundred fifty"},
		{lm.FoldEnglish, "It costs $5", ""},
		{lm.FoldNone, "  ▁A  b ", "▁A b"},
	} {
		if got, _ := test.folding.Text(test.in); got != test.out {
			t.Errorf("%s, %q: got %q, want %q", test.folding, test.in, got, test.out)
		}
	}
	if got, _ := lm.FoldWords.Text("Twenty-One"); got != "twenty one" {
		t.Errorf("got %q", got)
	}
}

// Folding what is folded changes nothing, so that text may be folded at any stage.
func TestFoldingTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		for _, f := range []lm.Folding{lm.FoldWords, lm.FoldEnglish, lm.FoldNone} {
			once, _ := f.Text(s)
			if again, ok := f.Text(once); again != once || !ok {
				t.Fatalf("%s: %q becomes %q and then %q", f, s, once, again)
			}
		}
	})
}

// FoldEnglish is models/train/text.py, which normalised what the embedded model learned.
func TestEnglishIsThatOfTheTraining(t *testing.T) {
	parts := strings.Split("don't|’tis|'tis|''em|'Twas|`quoted'|`a`b'|1,234|12,34|1,2345,678|1234567|1st|3.14|21-year|Mr.|(Mr.|St.|&|é|İ|ﬁ|ℌ|\u00a0|…|½|x²|“|”|—|_a_|100|1000|999,999|20|13|110|007|$5|a@b|boys'|'|''|o'clock|'til|'tilt|naïve|Straße|\u212a|\x1c|Ａｂｃ|ⅷ|0|٣|don''t|a'''b|A'em|cœur|ſ|ǅ|word|The|'em_", "|")
	generated := rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for range rapid.IntRange(1, 6).Draw(t, "n") {
			b.WriteString(rapid.SampledFrom(parts).Draw(t, "part"))
			b.WriteString(rapid.SampledFrom([]string{"", " ", " "}).Draw(t, "space"))
		}
		return b.String()
	})
	var texts []string
	for i := range 20000 {
		texts = append(texts, generated.Example(i))
	}
	for i := range 5000 {
		texts = append(texts, strings.Map(func(r rune) rune {
			if r == '\n' || r == '\r' {
				return ' '
			}
			return r
		}, rapid.String().Example(i)))
	}
	out := oracle.RunPython(t, []byte(strings.Join(texts, "\n")), `
import io, sys
sys.path.insert(0, sys.argv[1])
from text import normalise
lines = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", newline="\n", errors="surrogateescape")
out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="\n")
for line in lines:
    out.write((normalise(line.rstrip("\n")) or "") + "\n")
out.flush()
`, oracle.Root(t)+"/models/train")
	want := strings.Split(string(out), "\n")
	if len(want) < len(texts) {
		t.Fatalf("got %d lines for %d", len(want), len(texts))
	}
	empty := 0
	for i, s := range texts {
		got, _ := lm.FoldEnglish.Text(s)
		if got != want[i] {
			t.Errorf("%q: got %q, want %q", s, got, want[i])
		}
		if got == "" {
			empty++
		}
	}
	if empty > len(texts)/2 {
		t.Errorf("%d of %d texts became empty", empty, len(texts))
	}
}
