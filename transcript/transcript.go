// Package transcript defines what asr-backend knows about a recording once it has transcribed
// it, and reads and writes that in the formats people use.
//
//	Transcript   the whole recording
//	└ Segment    a region: a stretch people correct in one go, a sentence or a breath
//	  └ Word     one word with its own times
//
// Times are exact distances from the first sample of the recording (time.Duration; a
// sample at 16 kHz is 62,500 ns). An interval is half open: it contains its start and
// not its end. Confidence is in 0..1, where 1 is certain.
//
// Write and Read know the formats, one file each; doc/formats.md shows them. Formats are
// coarser than a transcript: writers round times to the format's unit without ever
// changing their order, take out of texts what the format cannot hold, and never invent a
// time where the format can do without. Readers take files as other programs and people
// write them, within fixed limits of size, and put them in the order described here.
// MarshalBinary loses nothing; it is for what the program itself keeps.
package transcript

import (
	"strings"
	"time"
)

// Transcript is the text of one recording with its times.
type Transcript struct {
	// Source names the recording: a path, a URL or "-".
	Source string
	// Duration is the real length of the audio, not the one a header claims; of a part, where
	// it ends.
	Duration time.Duration
	// Language is a BCP 47 tag, or empty if the model does not say.
	Language string
	// Model names the model that transcribed the recording.
	Model string
	// ModelVersion is a digest of model and settings; equal versions give equal text.
	ModelVersion string
	// Confidence is that of the whole recording.
	Confidence float64
	// Segments are ordered by start, then by channel.
	Segments []Segment
	// Diagnostics say what a person should know about this recording.
	Diagnostics Diagnostics
}

// Segment is one region of the transcript.
type Segment struct {
	Start, End time.Duration
	Text       string
	Confidence float64
	// Channel is the zero-based channel of the recording, or Mixed.
	Channel int
	// Words are ordered by start and lie inside the segment.
	Words []Word
	// Alternatives are other texts that the segment may have, the most probable first, if they
	// were asked for.
	Alternatives []Alternative
}

// Alternative is a text that a segment may have instead of its own.
type Alternative struct {
	Text string
	// Probability (0..1) is relative to all texts that were compared, the segment's own among
	// them.
	Probability float64
}

// Mixed is the Channel of a segment that was transcribed from all channels mixed together.
const Mixed = -1

// Word is one word, with the punctuation written at it.
type Word struct {
	Start, End time.Duration
	Text       string
	Confidence float64
	// SpikeStart and SpikeEnd are the rows in which the model itself saw the word,
	// before the edges were moved into the silence around it.
	SpikeStart, SpikeEnd time.Duration
}

// Diagnostics describe how the transcript was made and what was odd about the recording.
type Diagnostics struct {
	// Warnings are sentences for a person, such as that the file is cut off.
	Warnings []string
	// ReadWarnings are sentences about what Read could not use of a file, by line. They are
	// not written.
	ReadWarnings []string
	// Decoding says how the text was found, such as "greedy"; empty if that is not known.
	Decoding string
	// Windows and WindowsSkipped count model runs, and windows with no sound in them.
	Windows, WindowsSkipped int
	// SeamDisagreement is the share (0..1) of rows covered twice, by two neighbouring
	// windows, for which the two did not agree.
	SeamDisagreement float64
	// UnrecognizedSpeech is the duration of audio as loud as speech for which no word was recognized.
	UnrecognizedSpeech time.Duration
}

// Text returns the segments' text joined by single spaces.
func (t *Transcript) Text() string {
	var texts []string
	for i := range t.Segments {
		if text := t.Segments[i].Text; text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " ")
}
