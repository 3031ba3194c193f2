package wer_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/wer"

	"pgregory.net/rapid"
)

func TestErrorsAreCounted(t *testing.T) {
	for _, c := range []struct {
		name, reference, hypothesis string
		want                        wer.Errors
	}{
		{"the same", "a b c", "a b c", wer.Errors{Words: 3}},
		{"case and punctuation do not count", "Hello, world!", "hello world", wer.Errors{Words: 2}},
		{"one wrong", "a b c", "a x c", wer.Errors{Words: 3, Substitutions: 1}},
		{"one missing", "a b c", "a c", wer.Errors{Words: 3, Deletions: 1}},
		{"one too many", "a b c", "a b b c", wer.Errors{Words: 3, Insertions: 1}},
		{"nothing recognized", "a b", "", wer.Errors{Words: 2, Deletions: 2}},
		{"nothing said", "", "a b", wer.Errors{Insertions: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := wer.Compare(c.reference, c.hypothesis); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestRateOfNothingSaid(t *testing.T) {
	if got := wer.Compare("", "").Rate(); got != 0 {
		t.Errorf("nothing recognized: got %v", got)
	}
	if got := wer.Compare("", "a b").Rate(); got != 1 {
		t.Errorf("two words recognized: got %v", got)
	}
}

func TestWordsAreNormalised(t *testing.T) {
	for text, want := range map[string][]string{
		"It's the dogs’ “well-known” day.": {"it's", "the", "dogs", "well", "known", "day"},
		"ÜBER naïve e\u0301":               {"über", "naïve", "e\u0301"},
		" -- ":                             nil,
	} {
		if got := wer.Normalize(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// The number of errors is that of jiwer, which counts by another algorithm.
func TestRatesAreJiwers(t *testing.T) {
	var truths, recognized []string
	words := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 12)
	for i := range 300 {
		truths = append(truths, strings.Join(words.Example(i), " "))
		recognized = append(recognized, strings.Join(words.Example(i+1000), " "))
	}
	input, err := json.Marshal([][]string{truths, recognized})
	if err != nil {
		t.Fatal(err)
	}
	var want []float64
	out := oracle.RunPython(t, input, "import json, sys, jiwer\na, b = json.load(sys.stdin)\njson.dump([jiwer.wer(x, y) for x, y in zip(a, b)], sys.stdout)")
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got := wer.Compare(truths[i], recognized[i]).Rate(); math.Abs(got-want[i]) > 1e-9 {
			t.Errorf("%q recognized as %q: got %v, want %v", truths[i], recognized[i], got, want[i])
		}
	}
}
