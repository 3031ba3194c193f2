package align

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/timeline"
)

// RegionOptions shape regions. Zero values mean the defaults.
type RegionOptions struct {
	// MaxLength is the longest region. A longer one is cut at its longest pause.
	MaxLength time.Duration
	// MinPause is the shortest pause that ends a region.
	MinPause time.Duration
	// NoSentences keeps regions together across sentence ends.
	NoSentences bool
}

// Defaults of RegionOptions.
const (
	DefaultMaxLength = 20 * time.Second
	DefaultMinPause  = 800 * time.Millisecond
)

// Regions groups words into regions and returns each as a slice of words.
func Regions(words []Word, o RegionOptions) [][]Word {
	if o.MaxLength <= 0 {
		o.MaxLength = DefaultMaxLength
	}
	if o.MinPause <= 0 {
		o.MinPause = DefaultMinPause
	}
	longest, pause := timeline.SampleAt(o.MaxLength), timeline.SampleAt(o.MinPause)
	var regions [][]Word
	start := 0
	for i := range words {
		last := i+1 == len(words)
		if last || pauseAfter(words, i) >= pause || !o.NoSentences && endsSentence(words, i) {
			regions = split(regions, words[start:i+1], longest)
			start = i + 1
		}
	}
	return regions
}

// pauseAfter is the pause after word i.
func pauseAfter(words []Word, i int) timeline.Sample {
	return words[i+1].Span.Start - words[i].Span.End
}

// split appends words as one region or, while they are too long, cuts off the front at
// the longest pause between a third of the longest region and all of it; of equal pauses
// the latest. A single word may be longer.
func split(regions [][]Word, words []Word, longest timeline.Sample) [][]Word {
	for {
		from, last := words[0].Span.Start, len(words)-1
		if words[last].Span.End-from <= longest || last == 0 {
			return append(regions, words)
		}
		cut := 0
		for i := 0; i < last && words[i].Span.End-from <= longest; i++ {
			if early := words[cut].Span.End-from < longest/3; early || pauseAfter(words, i) >= pauseAfter(words, cut) {
				cut = i
			}
		}
		regions = append(regions, words[:cut+1])
		words = words[cut+1:]
	}
}

// endsSentence reports whether a sentence ends with word i: it carries a final mark, is
// not an initial such as "J.", and what follows does not go on in lower case.
func endsSentence(words []Word, i int) bool {
	text := strings.TrimRight(words[i].Text, `"'”’»)]`)
	mark, size := utf8.DecodeLastRuneInString(text)
	if !strings.ContainsRune(".?!…。？！؟।", mark) {
		return false
	}
	if mark == '.' && utf8.RuneCountInString(text[:len(text)-size]) == 1 {
		return false
	}
	next, _ := utf8.DecodeRuneInString(words[i+1].Text)
	return !unicode.IsLower(next)
}
