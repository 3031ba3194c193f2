package transcribe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"asr-backend/align"
	"asr-backend/align/verbalize"
	"asr-backend/audio"
	"asr-backend/timeline"
	"asr-backend/transcript"
)

// Aligned is a transcript whose text came from outside and whose times came from the
// recording.
type Aligned struct {
	Transcript *transcript.Transcript
	// Words counts the words of the text, Found those that were found, and Unspellable those
	// for which the model has no letters, so that they could not be looked for.
	Words, Found, Unspellable int
	// Findings are the places where text and recording do not agree, in order.
	Findings []Finding
	// Shift is the model's constant, which is in all times.
	Shift time.Duration

	unspelled string // the first word that the model cannot write
}

// Finding is a place where text and recording do not agree.
type Finding struct {
	Verdict align.Verdict
	// Start and End are where it is in the recording; for text that was not said, where it
	// should be.
	Start, End time.Duration
	Channel    int
	// Segment is the index of the text's segment in which it begins.
	Segment int
	// Text is what is written, and Heard what the model heard.
	Text, Heard string
}

// ErrNoWords is for a text in which nothing is said.
var ErrNoWords = errors.New("the text holds no words")

// ErrUnspellable is for a text of which the model cannot write a single word, such as an
// Arabic one with an English model.
var ErrUnspellable = errors.New("the text cannot be spelled with the letters of the model")

// AlignFile gives the text of a transcript the times at which it is said in the recording
// at path. Segments keep their text and order and get new times and words; those without
// times, such as the paragraphs of a plain text, become regions as of a recognised text.
// The language is that of the text; if empty it is the model's.
//
// What was not said keeps its text: a segment that was not found at all keeps the times
// that it had, as far as its neighbours let it. The errors are ErrNoWords and
// ErrUnspellable, before the recording is opened, and those of the recording. What could not
// be read of the text, its ReadWarnings, is among the warnings of the result.
func (t *Transcriber) AlignFile(ctx context.Context, path string, text *transcript.Transcript, language string, q Request) (*Aligned, error) {
	if err := t.checkText(text, language); err != nil {
		return nil, err
	}
	h, err := t.HearFile(ctx, path, q)
	if err != nil {
		return nil, err
	}
	return closing(h, func() (*Aligned, error) { return h.Align(ctx, text, language) })
}

// AlignReader is AlignFile for the recording that r holds; name is what it is called in
// messages.
func (t *Transcriber) AlignReader(ctx context.Context, r io.Reader, name string, text *transcript.Transcript, language string, q Request) (*Aligned, error) {
	if err := t.checkText(text, language); err != nil {
		return nil, err
	}
	h, err := t.HearReader(ctx, r, name, q)
	if err != nil {
		return nil, err
	}
	return closing(h, func() (*Aligned, error) { return h.Align(ctx, text, language) })
}

func closing[T any](c io.Closer, do func() (T, error)) (T, error) {
	v, err := do()
	return v, errors.Join(err, c.Close())
}

// Align finds a text in all of what was heard.
func (h *Hearing) Align(ctx context.Context, text *transcript.Transcript, language string) (*Aligned, error) {
	verbalizer, err := h.t.verbalizer(language)
	if err != nil {
		return nil, err
	}
	out := &Aligned{Transcript: h.transcript(), Shift: h.t.recognizer.Bundle().Card.WordShift()}
	for _, channel := range channelsOf(text) {
		track, err := h.track(channel)
		if err != nil {
			return nil, err
		}
		s := newSheet(text, channel, verbalizer)
		if err := h.alignSheet(ctx, s, track, out); err != nil {
			return nil, err
		}
	}
	switch {
	case out.Words == 0:
		return nil, ErrNoWords
	case out.Words == out.Unspellable:
		return nil, h.t.unspellable(text)
	}
	h.finish(text, out)
	return out, nil
}

// alignSheet finds a sheet on a track and adds it to out.
func (h *Hearing) alignSheet(ctx context.Context, s *sheet, track *track, out *Aligned) error {
	a, err := track.find(ctx, track.heard, s.script)
	if err != nil {
		return fmt.Errorf("align %s: %w", h.name, err)
	}
	out.Words += len(s.script)
	n, first := s.unspellable(h.t.recognizer.Bundle().Vocabulary)
	out.Unspellable += n
	out.unspelled = cmp.Or(out.unspelled, first)
	for _, w := range a.Words {
		if w.Verdict == align.Match {
			out.Found++
		}
	}
	for _, x := range a.Mismatches {
		out.Findings = append(out.Findings, s.finding(x))
	}
	out.Transcript.Segments = append(out.Transcript.Segments, s.timed(a.Words, h.t.options.Regions)...)
	return nil
}

// finish puts the channels together.
func (h *Hearing) finish(text *transcript.Transcript, out *Aligned) {
	t := out.Transcript
	slices.SortStableFunc(t.Segments, func(a, b transcript.Segment) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Channel, b.Channel))
	})
	slices.SortStableFunc(out.Findings, func(a, b Finding) int {
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
	if !h.exact {
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
// sees a word up to two rows late, and people cut closely.
const slack = 2 * timeline.RowDuration

// Words gives the words of a text the times at which they are said between start and end
// on a channel, such as a region that a person drew and wrote. Its findings are those
// inside.
func (h *Hearing) Words(ctx context.Context, channel int, start, end time.Duration, text, language string) ([]transcript.Word, []Finding, error) {
	verbalizer, err := h.t.verbalizer(language)
	if err != nil {
		return nil, nil, err
	}
	track, err := h.track(channel)
	if err != nil {
		return nil, nil, err
	}
	s := newSheet(&transcript.Transcript{Segments: []transcript.Segment{{Text: text, Channel: channel}}}, channel, verbalizer)
	a, err := track.find(ctx, track.heard.Part(start-slack, end+slack), s.script)
	if err != nil {
		return nil, nil, fmt.Errorf("align %s: %w", h.name, err)
	}
	inside := func(d time.Duration) time.Duration { return min(max(d, start), end) }
	var findings []Finding
	for _, x := range a.Mismatches {
		f := s.finding(x)
		f.Start, f.End = inside(f.Start), inside(f.End)
		if f.Verdict != align.Insertion || f.Start < f.End {
			findings = append(findings, f)
		}
	}
	words := make([]transcript.Word, len(a.Words))
	for i := range a.Words {
		words[i] = word(&a.Words[i])
		words[i].Start, words[i].End = inside(words[i].Start), inside(words[i].End)
	}
	return words, findings, nil
}

// find finds a script in a part of what was heard on the track.
func (t *track) find(ctx context.Context, part *align.Emissions, s align.Reference) (*align.Alignment, error) {
	a, err := part.Align(ctx, s)
	return a, errors.Join(err, t.rows.Err())
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

// ChannelsFor returns how a recording has to be heard for a text: each channel by itself
// if the text has any, else mixed.
func ChannelsFor(text *transcript.Transcript) audio.Channels {
	for i := range text.Segments {
		if text.Segments[i].Channel != transcript.Mixed {
			return audio.Split
		}
	}
	return audio.Mix
}
