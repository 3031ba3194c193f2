package align_test

import (
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/timeline"

	"pgregory.net/rapid"
)

// said makes words of half a second from a text. A number stands for a pause of so many
// tenths of a second; words follow each other after a tenth.
func said(text string) []align.Word {
	var words []align.Word
	var at timeline.Sample
	for _, f := range strings.Fields(text) {
		if n, ok := strings.CutPrefix(f, "+"); ok {
			at += timeline.Sample(len(n)) * 1600
			continue
		}
		words = append(words, align.Word{Text: f, Span: align.Span{Start: at, End: at + 8000}})
		at += 8000 + 1600
	}
	return words
}

func shape(regions [][]align.Word) string {
	var out []string
	for _, r := range regions {
		var texts []string
		for _, w := range r {
			texts = append(texts, w.Text)
		}
		out = append(out, strings.Join(texts, " "))
	}
	return strings.Join(out, " | ")
}

func TestRegionsEndAtSentencesPausesAndTheCap(t *testing.T) {
	for _, c := range []struct {
		name, text string
		options    align.RegionOptions
		want       string
	}{
		{"nothing", "", align.RegionOptions{}, ""},
		{"one word", "a", align.RegionOptions{}, "a"},
		{"sentences", "It is. So what? Yes! Go", align.RegionOptions{}, "It is. | So what? | Yes! | Go"},
		{"no sentences if so wanted", "It is. So what?", align.RegionOptions{NoSentences: true}, "It is. So what?"},
		{"a quotation mark after the end", "He said “go.” Then", align.RegionOptions{}, "He said “go.” | Then"},
		{"an initial is no end", "J. F. Kennedy spoke.", align.RegionOptions{}, "J. F. Kennedy spoke."},
		{"lower case goes on", "approx. five", align.RegionOptions{}, "approx. five"},
		{"marks of other scripts", "你好。 再见", align.RegionOptions{}, "你好。 | 再见"},
		{"a pause", "a b +xxxxxxx c", align.RegionOptions{}, "a b | c"},
		{"a pause too short", "a b +xxxxxx c", align.RegionOptions{}, "a b c"},
		{"both rules at once", "It is. So +xxxxxxx what", align.RegionOptions{}, "It is. | So | what"},
		{"the cap cuts at the longest pause", "a b c +x d e f g", align.RegionOptions{MaxLength: 3 * time.Second}, "a b c | d e f g"},
		{"but not near the start of a region", "a +xxxxx b c d e f g h", align.RegionOptions{MaxLength: 3 * time.Second}, "a b c d | e f g h"},
		{"a word may be longer than the cap", "a b", align.RegionOptions{MaxLength: 100 * time.Millisecond}, "a | b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := shape(align.Regions(said(c.text), c.options)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRegionsHoldEveryWordOnceAndKeepTheCap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var words []align.Word
		var at timeline.Sample
		for range rapid.IntRange(0, 200).Draw(t, "words") {
			at += timeline.Sample(rapid.IntRange(0, 16000).Draw(t, "pause"))
			end := at + timeline.Sample(rapid.IntRange(1, 16000).Draw(t, "length"))
			words = append(words, align.Word{Text: rapid.SampledFrom([]string{"a", "B.", "c"}).Draw(t, "text"), Span: align.Span{Start: at, End: end}})
			at = end
		}
		o := align.RegionOptions{MaxLength: time.Duration(rapid.IntRange(1, 30).Draw(t, "cap")) * time.Second}
		n := 0
		for _, r := range align.Regions(words, o) {
			if len(r) == 0 {
				t.Fatal("an empty region")
			}
			if length := (r[len(r)-1].Span.End - r[0].Span.Start).Duration(); length > o.MaxLength && len(r) > 1 {
				t.Fatalf("a region of %v, want at most %v", length, o.MaxLength)
			}
			for _, w := range r {
				if w != words[n] {
					t.Fatalf("word %d is %+v, want %+v", n, w, words[n])
				}
				n++
			}
		}
		if n != len(words) {
			t.Fatalf("%d words in regions, want %d", n, len(words))
		}
	})
}
