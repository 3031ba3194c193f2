package wer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/asr-backend/asr-backend/wer"

	"pgregory.net/rapid"
)

// table counts errors with the whole table of edits, as the textbook does.
func table(truth, recognised []string) wer.Errors {
	edits := func(e wer.Errors) int { return e.Substitutions + e.Deletions + e.Insertions }
	row := make([]wer.Errors, len(recognised)+1)
	for j := range row {
		row[j].Insertions = j
	}
	for _, word := range truth {
		diagonal := row[0]
		row[0].Deletions++
		for j, other := range recognised {
			best := diagonal
			if other != word {
				best.Substitutions++
			}
			if deleted := row[j+1]; edits(deleted)+1 < edits(best) {
				best = deleted
				best.Deletions++
			}
			if inserted := row[j]; edits(inserted)+1 < edits(best) {
				best = inserted
				best.Insertions++
			}
			diagonal, row[j+1] = row[j+1], best
		}
	}
	e := row[len(recognised)]
	e.Words = len(truth)
	return e
}

// split normalises a text as a whole.
func split(text string) []string {
	var b strings.Builder
	runes := []rune(text)
	apostrophe := func(r rune) bool { return r == '\'' || r == '’' }
	for i, r := range runes {
		switch {
		case unicode.IsLetter(r), unicode.IsMark(r), unicode.IsNumber(r):
			b.WriteRune(unicode.ToLower(r))
		case apostrophe(r) && i > 0 && i+1 < len(runes) && unicode.IsLetter(runes[i-1]) && unicode.IsLetter(runes[i+1]):
			b.WriteByte('\'')
		case apostrophe(r) && i > 0 && unicode.IsLetter(runes[i-1]):
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Fields(b.String())
}

func TestTheBandGivesWhatTheWholeTableDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := []string{"a", "b", "c", "d", "e", "f", "g", "h"}[:rapid.IntRange(1, 8).Draw(t, "words")]
		truth := rapid.SliceOfN(rapid.SampledFrom(letters), 0, 300).Draw(t, "truth")
		recognised := rapid.SliceOfN(rapid.SampledFrom(letters), 0, 300).Draw(t, "recognised")
		if got, want := wer.CompareWords(truth, recognised), table(truth, recognised); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestTextsThatAreAlikeGiveWhatTheWholeTableDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		truth := make([]string, random.IntN(600))
		for i := range truth {
			truth[i] = fmt.Sprint(random.IntN(40))
		}
		recognised := changed(random, truth, 1+random.IntN(20))
		if got, want := wer.CompareWords(truth, recognised), table(truth, recognised); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}

// changed returns words of which about one in every is wrong.
func changed(random *rand.Rand, words []string, every int) []string {
	var out []string
	for _, word := range words {
		switch random.IntN(3 * every) {
		case 0:
			out = append(out, "x")
		case 1:
			out = append(out, word, "y")
		case 2:
		default:
			out = append(out, word)
		}
	}
	return out
}

func FuzzNormalize(f *testing.F) {
	f.Add("It's the dogs’ “well-known” day.")
	f.Add("'a'b''c 'd' e'")
	f.Add("\xff'\xfea'\xff")
	f.Add("o’’clock’")
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := wer.Normalize(text), split(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	})
}

func TestLongTextsAreRefused(t *testing.T) {
	for _, c := range []struct {
		truth, recognised string
		most              int
		refused           bool
	}{
		{"a b c", "a", 3, false},
		{"a b c d", "a", 3, true},
		{"a", "a b c d", 3, true},
		{"- - - - -", "", 0, false},
	} {
		if _, err := wer.CompareContext(t.Context(), c.truth, c.recognised, c.most); errors.Is(err, wer.ErrTooLong) != c.refused {
			t.Errorf("%q and %q with at most %d words: %v", c.truth, c.recognised, c.most, err)
		}
	}
}

func TestAComparisonEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if _, err := wer.CompareContext(ctx, strings.Repeat("a b ", 2000), strings.Repeat("c d ", 2000), 1e6); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

// The memory of a comparison is that of the words, whatever their differences are.
func TestMemoryGrowsWithTheWords(t *testing.T) {
	truth, recognised := strings.Repeat("a b c ", 3000), strings.Repeat("d a ", 4000)
	bytes := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			wer.Compare(truth, recognised)
		}
	}).AllocedBytesPerOp()
	if most := int64(100 * (9000 + 8000)); bytes > most {
		t.Errorf("%d bytes, want at most %d", bytes, most)
	}
}

// BenchmarkCompare compares the texts of an hour of speech:
//
//	alike      one word in ten is wrong
//	different  hardly a word is right
//
// and gives as "times" how many times as long the whole table takes.
func BenchmarkCompare(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	truth := make([]string, 9000)
	for i := range truth {
		truth[i] = fmt.Sprint(int(random.ExpFloat64() * 100))
	}
	for name, every := range map[string]int{"alike": 10, "different": 1} {
		b.Run(name, func(b *testing.B) {
			recognised := changed(random, truth, every)
			if every == 1 {
				random.Shuffle(len(recognised), func(i, j int) { recognised[i], recognised[j] = recognised[j], recognised[i] })
			}
			start := time.Now()
			table(truth, recognised)
			whole := time.Since(start)
			for b.Loop() {
				wer.CompareWords(truth, recognised)
			}
			b.ReportMetric(float64(whole)*float64(b.N)/float64(b.Elapsed()), "times")
		})
	}
}
