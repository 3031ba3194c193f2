package learn

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/wer"
)

// Correction is what a person made of the prediction for a passage of a recording.
type Correction struct {
	// Recording names the recording. Passages of one recording are in the same part.
	Recording string
	// Wrote is the text that a person wrote, and Predicted the one that it replaces.
	Wrote, Predicted string
	// Length is how long the passage is; 0 if that is not known.
	Length time.Duration
	// Outside says that the passage lies outside the recording.
	Outside bool
}

// Document is a text that a project has, such as a glossary, an agenda or an older transcript.
type Document struct {
	Name string
	Text string
}

// Material is what is learnt from.
type Material struct {
	Corrections []Correction
	Documents   []Document
	// Removed are phrases that a person does not want, in any case and with any punctuation.
	Removed []string
}

// Limits of Material.
const (
	// MaxAligned is how many words a passage may have to be compared with its prediction word by
	// word.
	MaxAligned = 2000
	// MaxWords is how many words of corrections and documents together a language model is made
	// of; those of corrections come first.
	MaxWords = 2_000_000
	// fastest is how many words a person can say in a second. Auctioneers say up to 7.
	fastest = 8
)

// Clean returns what of a text is said: without markup in square, angle and curly brackets. A
// bracket without its other half is an ordinary sign.
func Clean(text string) string {
	var b strings.Builder
	for {
		at := strings.IndexAny(text, "[<{")
		if at < 0 {
			break
		}
		closing := strings.IndexByte(text[at:], "]>}"[strings.IndexByte("[<{", text[at])])
		if closing < 0 {
			b.WriteString(text[:at+1])
			text = text[at+1:]
			continue
		}
		b.WriteString(text[:at])
		b.WriteByte(' ')
		text = text[at+closing+1:]
	}
	b.WriteString(text)
	return strings.Join(strings.Fields(b.String()), " ")
}

// Reason is why a passage is left out.
type Reason string

// The reasons.
const (
	Empty      Reason = "no text"
	TooFast    Reason = "more words than can be said in its time"
	Outside    Reason = "outside the recording"
	Unwritable Reason = "letters that the model does not have"
)

// Text is what is said in a passage, as far as its correction counts.
type Text struct {
	Correction int    // its index
	Text       string // without markup
}

// Texts returns the texts of corrections that count for a model with a vocabulary, in their order,
// and how many others there are, by reason.
func Texts(v *ctc.Vocabulary, all []Correction) (out []Text, left map[Reason]int) {
	passages, left := (&Options{Vocabulary: v}).passages(all)
	for i := range passages {
		out = append(out, Text{passages[i].index, passages[i].text})
	}
	return out, left
}

// passage is a correction that counts.
type passage struct {
	index     int    // of the correction
	recording string // named as there
	text      string // clean
	wrote     []string
	predicted []string
	compared  bool // word by word
}

// passages returns the corrections that count, and why others do not.
func (o *Options) passages(all []Correction) (out []passage, left map[Reason]int) {
	left = map[Reason]int{}
	for i := range all {
		c := &all[i]
		p := passage{index: i, recording: c.Recording, text: Clean(c.Wrote)}
		p.wrote = wer.Normalize(p.text)
		switch {
		case len(p.wrote) == 0:
			left[Empty]++
			continue
		case c.Outside:
			left[Outside]++
			continue
		case c.Length > 0 && float64(len(p.wrote)) > fastest*max(c.Length.Seconds(), 1):
			left[TooFast]++
			continue
		}
		if p.compared = len(p.wrote) <= MaxAligned; p.compared {
			p.predicted = wer.Normalize(Clean(c.Predicted))
			p.predicted = p.predicted[:min(len(p.predicted), 2*MaxAligned)]
		}
		out = append(out, p)
	}
	bad := o.unwritable(out)
	return slices.DeleteFunc(out, func(p passage) bool {
		n := 0
		for _, w := range p.wrote {
			if bad[w] {
				n++
			}
		}
		if 2*n < len(p.wrote) {
			return false
		}
		left[Unwritable]++
		return true
	}), left
}

// unwritable returns the words of passages that have letters which no piece of the model has.
func (o *Options) unwritable(all []passage) map[string]bool {
	known := map[string]bool{}
	var words []beam.Phrase
	for i := range all {
		for _, w := range all[i].wrote {
			if !known[w] {
				known[w] = true
				words = append(words, beam.Phrase{Text: w})
			}
		}
	}
	out := map[string]bool{}
	for _, p := range beam.Unspellable(o.Vocabulary, words) {
		out[p.Text] = true
	}
	return out
}

// sentences returns the sentences of a text, line by line.
func sentences(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		from := 0
		for i, r := range line {
			next := i + len(string(r))
			if strings.ContainsRune(".?!。？！", r) && (next == len(line) || unicode.IsSpace(rune(line[next]))) {
				out = append(out, line[from:next])
				from = next
			}
		}
		out = append(out, line[from:])
	}
	return out
}
