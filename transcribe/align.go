package transcribe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/align/verbalize"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// Aligned is a transcript whose text came from outside and whose times came from the
// recording.
type Aligned struct {
	Transcript *transcript.Transcript
	// Words counts the words of the text, Found those that were found, and Unspellable those
	// for which the model has no letters, so that they could not be looked for.
	Words, Found, Unspellable int
	// Mismatches are the places where text and recording do not agree, in order.
	Mismatches []Mismatch

	unspelled string // the first word that the model cannot write
}

// Mismatch is a place where text and recording do not agree.
type Mismatch struct {
	Verdict align.Verdict
	// Start and End are where it is in the recording; for text that the recording lacks,
	// where it should be.
	Start, End time.Duration
	Channel    int
	// Segment is the index of the text's segment in which it begins.
	Segment int
	// Text is what is written, and Recognized what the model recognized.
	Text, Recognized string
}

// ErrNoWords is for a text without a word that could be spoken.
var ErrNoWords = errors.New("the text holds no words")

// ErrUnspellable is for a text of which the model cannot write a single word, such as an
// Arabic one with an English model.
var ErrUnspellable = errors.New("the text cannot be spelled with the letters of the model")

// Align gives the text of a transcript the times at which it is spoken in the part that was
// recognized. Segments keep their text and order and get new times and words; those without
// times, such as the paragraphs of a plain text, become regions as of a recognized text. The
// language is that of the text; if empty it is the model's.
//
// What was not spoken keeps its text: a segment that was not found at all keeps the times
// that it had, as far as its neighbours let it. The errors are ErrNoWords, ErrUnspellable and
// those of reading what was kept. What could not be read of the text, its ReadWarnings, is
// among the warnings of the result. The request must have asked for KeepLogProbs.
func (r *Recognition) Align(ctx context.Context, text *transcript.Transcript, language string) (*Aligned, error) {
	verbalizer, err := r.t.verbalizer(language)
	if err != nil {
		return nil, err
	}
	out := &Aligned{Transcript: r.describe(r.channels)}
	for _, number := range channelsOf(text) {
		c, err := r.channel(number)
		if err != nil {
			return nil, err
		}
		if err := r.alignChannel(ctx, newReference(text, number, verbalizer), c, out); err != nil {
			return nil, err
		}
	}
	switch {
	case out.Words == 0:
		return nil, ErrNoWords
	case out.Words == out.Unspellable:
		return nil, r.t.unspellable(text)
	}
	r.finish(text, out)
	return out, nil
}

// alignChannel aligns the text of a channel and adds it to out.
func (r *Recognition) alignChannel(ctx context.Context, ref *reference, c *channel, out *Aligned) error {
	a, err := c.place(ctx, r.emissions(c), ref.words)
	if err != nil {
		return fmt.Errorf("align %s: %w", r.name, err)
	}
	out.Words += len(ref.words)
	n, first := ref.unspellable(c.Vocabulary)
	out.Unspellable += n
	out.unspelled = cmp.Or(out.unspelled, first)
	for _, w := range a.Words {
		if w.Verdict == align.Match {
			out.Found++
		}
	}
	for _, m := range a.Mismatches {
		out.Mismatches = append(out.Mismatches, ref.mismatch(m))
	}
	out.Transcript.Segments = append(out.Transcript.Segments, ref.timed(a.Words, r.t.options.Regions)...)
	return nil
}

// finish puts the channels together.
func (r *Recognition) finish(text *transcript.Transcript, out *Aligned) {
	t := out.Transcript
	sortSegments(t.Segments)
	slices.SortStableFunc(out.Mismatches, func(a, b Mismatch) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Channel, b.Channel))
	})
	words := 0
	for _, s := range t.Segments {
		for _, w := range s.Words {
			t.Confidence += w.Confidence
		}
		words += len(s.Words)
	}
	t.Confidence /= float64(max(words, 1))
	t.Diagnostics.Warnings = append(t.Diagnostics.Warnings, text.Diagnostics.ReadWarnings...)
	if !r.exact {
		t.Diagnostics.Warnings = append(t.Diagnostics.Warnings, "The model comes without its tokenizer (tokenizer.model): the text was cut into pieces by a guess, and words may be found less well.")
	}
	if out.Unspellable > 0 {
		t.Diagnostics.Warnings = append(t.Diagnostics.Warnings, fmt.Sprintf("%d of %d words, such as %s, cannot be spelled with the letters of the model: they were not looked for, and their times are what the words around them leave.",
			out.Unspellable, out.Words, excerpt(out.unspelled)))
	}
	if spelled := out.Words - out.Unspellable; out.Found*2 < spelled {
		t.Diagnostics.Warnings = append(t.Diagnostics.Warnings, fmt.Sprintf("Only %d of %d words were found: is this the text of this recording?", out.Found, spelled))
	}
}

// slack is how far beyond a region that a person drew its words are looked for: a model
// emits a word up to two rows late, and people cut closely.
const slack = 2 * timeline.RowDuration

// Words gives the words of a text the times at which they are spoken between start and end on
// a channel, such as a region that a person drew and transcribed. Mismatches are those
// inside. The request must have asked for KeepLogProbs.
func (r *Recognition) Words(ctx context.Context, channel int, start, end time.Duration, text, language string) ([]transcript.Word, []Mismatch, error) {
	verbalizer, err := r.t.verbalizer(language)
	if err != nil {
		return nil, nil, err
	}
	c, err := r.channel(channel)
	if err != nil {
		return nil, nil, err
	}
	ref := newReference(&transcript.Transcript{Segments: []transcript.Segment{{Text: text, Channel: channel}}}, channel, verbalizer)
	a, err := c.place(ctx, r.emissions(c).Part(start-slack, end+slack), ref.words)
	if err != nil {
		return nil, nil, fmt.Errorf("align %s: %w", r.name, err)
	}
	inside := func(d time.Duration) time.Duration { return min(max(d, start), end) }
	var mismatches []Mismatch
	for _, x := range a.Mismatches {
		m := ref.mismatch(x)
		m.Start, m.End = inside(m.Start), inside(m.End)
		if m.Verdict != align.Insertion || m.Start < m.End {
			mismatches = append(mismatches, m)
		}
	}
	words := make([]transcript.Word, len(a.Words))
	for i := range a.Words {
		words[i] = word(&a.Words[i])
		words[i].Start, words[i].End = inside(words[i].Start), inside(words[i].End)
	}
	return words, mismatches, nil
}

// verbalizer returns what writes texts in the model's pieces.
func (t *Transcriber) verbalizer(language string) (*verbalize.Verbalizer, error) {
	b := t.recognizer.Bundle()
	tokenizer, err := b.Tokenizer()
	if err != nil {
		return nil, err
	}
	return verbalize.New(tokenizer, b.Vocabulary, cmp.Or(language, b.Card.Language)), nil
}

// channelsOf returns the channels that a text speaks of.
func channelsOf(text *transcript.Transcript) []int {
	var channels []int
	for i := range text.Segments {
		channels = append(channels, text.Segments[i].Channel)
	}
	slices.Sort(channels)
	return slices.Compact(channels)
}

// ChannelsFor returns how a recording has to be opened for a text: each channel by itself if
// the text has any, else mixed.
func ChannelsFor(text *transcript.Transcript) audio.Channels {
	for i := range text.Segments {
		if text.Segments[i].Channel != transcript.Mixed {
			return audio.Split
		}
	}
	return audio.Mix
}
