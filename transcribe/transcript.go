package transcribe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// unrecognizedWorthWarning is how much sound without words a person is warned of.
const unrecognizedWorthWarning = 10 * time.Second

// Transcript returns the transcript. Channels that carry the same sound are there once.
func (r *Recognition) Transcript() *transcript.Transcript {
	channels := slices.DeleteFunc(slices.Clone(r.channels), func(c channel) bool { return c.copied })
	t := r.describe(channels)
	d := &t.Diagnostics
	count, confidence := 0, 0.0
	for i := range channels {
		c := &channels[i]
		e := c.emissions()
		words := e.Words()
		d.UnrecognizedSpeech += e.Unrecognized(words).Duration()
		regions := align.Regions(r.wanted(words), r.t.options.Regions)
		for k, region := range regions {
			seg := segment(region, c.number)
			if c.candidates != nil {
				r.alternatives(c, &seg, regions, k)
			}
			count += len(region)
			confidence += seg.Confidence * float64(len(region))
			t.Segments = append(t.Segments, seg)
		}
	}
	switch {
	case count > 0:
		t.Confidence = confidence / float64(count)
	case r.request.beyond(r.length):
	case d.Windows == d.WindowsSkipped:
		t.Confidence = 1 // certain that there is nothing
		d.Warnings = append(d.Warnings, "There is no sound in this recording.")
	default:
		d.Warnings = append(d.Warnings, "No words were recognised in this recording.")
	}
	if n := d.UnrecognizedSpeech; n >= unrecognizedWorthWarning {
		d.Warnings = append(d.Warnings,
			fmt.Sprintf("%s of sound as loud as speech got no words: music, noise, another language, or speech the model missed.", timeline.SampleAt(n.Round(time.Second)).Clock()))
	}
	sortSegments(t.Segments)
	return t
}

// sortSegments sorts by start, of equals by channel.
func sortSegments(segments []transcript.Segment) {
	slices.SortStableFunc(segments, func(a, b transcript.Segment) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Channel, b.Channel))
	})
}

// wanted keeps the words whose middle lies in the part that was asked for.
func (r *Recognition) wanted(words []align.Word) []align.Word {
	q := &r.request
	if q.whole() {
		return words
	}
	return slices.DeleteFunc(words, func(w align.Word) bool {
		middle := (w.Span.Start + (w.Span.End-w.Span.Start)/2).Duration()
		return middle < q.Start || q.End > 0 && middle >= q.End
	})
}

func segment(words []align.Word, channel int) transcript.Segment {
	s := transcript.Segment{Channel: channel,
		Start: words[0].Span.Start.Duration(), End: words[len(words)-1].Span.End.Duration(),
		Text: joinText(words), Words: make([]transcript.Word, len(words))}
	for i := range words {
		s.Confidence += float64(words[i].Confidence) / float64(len(words))
		s.Words[i] = word(&words[i])
	}
	return s
}

// joinText returns the texts of words with spaces between them.
func joinText(words []align.Word) string {
	texts := make([]string, len(words))
	for i := range words {
		texts[i] = words[i].Text
	}
	return strings.Join(texts, " ")
}

// word returns a word as transcripts have it.
func word(w *align.Word) transcript.Word {
	return transcript.Word{
		Start: w.Span.Start.Duration(), End: w.Span.End.Duration(), Text: w.Text, Confidence: float64(w.Confidence),
		SpikeStart: w.Spike.Start.Duration(), SpikeEnd: w.Spike.End.Duration(),
	}
}
