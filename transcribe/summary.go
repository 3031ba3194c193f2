package transcribe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"asr-backend/align"
	"asr-backend/asr"
	"asr-backend/asr/mel"
	"asr-backend/audio"
	"asr-backend/timeline"
	"asr-backend/transcript"
)

// summary gathers the channels of a recording into its transcript.
type summary struct {
	transcript *transcript.Transcript
	request    Request

	words             int
	confidence        float64 // sum over words
	overlap, disagree timeline.Row
}

func (s *summary) add(h *align.Emissions, r *asr.Result, channel int, o align.RegionOptions) {
	words := h.Words()
	d := &s.transcript.Diagnostics
	d.Windows += r.Windows
	d.WindowsSkipped += r.Skipped
	d.UnheardSpeech += unheard(h, words)
	s.overlap += r.Overlap
	s.disagree += r.Disagree
	for _, region := range align.Regions(s.wanted(words), o) {
		seg := segment(region, channel)
		s.words += len(region)
		s.confidence += seg.Confidence * float64(len(region))
		s.transcript.Segments = append(s.transcript.Segments, seg)
	}
}

// wanted keeps the words whose middle lies in the stretch that was asked for.
func (s *summary) wanted(words []align.Word) []align.Word {
	q := s.request
	if q.Start == 0 && q.End == 0 {
		return words
	}
	return slices.DeleteFunc(words, func(w align.Word) bool {
		middle := (w.Span.Start + (w.Span.End-w.Span.Start)/2).Duration()
		return middle < q.Start || q.End > 0 && middle >= q.End
	})
}

func (s *summary) finish(stream *audio.Stream) {
	t := s.transcript
	if s.overlap > 0 {
		t.Diagnostics.SeamDisagreement = float64(s.disagree) / float64(s.overlap)
	}
	t.Diagnostics.Warnings = append(t.Diagnostics.Warnings, warnings(stream.Diagnostics(), stream.Length(), s.request)...)
	switch {
	case s.words > 0:
		t.Confidence = s.confidence / float64(s.words)
	case s.request.beyond(stream.Length()):
	case t.Diagnostics.Windows == t.Diagnostics.WindowsSkipped:
		t.Confidence = 1 // certain that there is nothing
		t.Diagnostics.Warnings = append(t.Diagnostics.Warnings, "There is no sound in this recording.")
	default:
		t.Diagnostics.Warnings = append(t.Diagnostics.Warnings, "No words were recognised in this recording.")
	}
	if n := t.Diagnostics.UnheardSpeech; n >= unheardWorthSaying {
		t.Diagnostics.Warnings = append(t.Diagnostics.Warnings,
			fmt.Sprintf("%s of sound as loud as speech got no words: music, noise, another language, or speech the model missed.", timeline.SampleAt(n.Round(time.Second)).Clock()))
	}
}

func segment(words []align.Word, channel int) transcript.Segment {
	s := transcript.Segment{Channel: channel,
		Start: words[0].Span.Start.Duration(), End: words[len(words)-1].Span.End.Duration(),
		Words: make([]transcript.Word, len(words))}
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.Text
		s.Confidence += float64(w.Confidence) / float64(len(words))
		s.Words[i] = word(&w)
	}
	s.Text = strings.Join(texts, " ")
	return s
}

const (
	// unheardGap is the shortest stretch without words that is looked at.
	unheardGap timeline.Sample = 3 * timeline.SampleRate / 2
	// unheardBelow is how far below the usual level of words sound still counts as loud:
	// 1.5 nat, about 6.5 dB.
	unheardBelow       = 3 * mel.LevelsPerNat / 2
	unheardWorthSaying = 10 * time.Second
)

// unheard adds up, over the stretches without words, the sound as loud as the words are.
func unheard(h *align.Emissions, words []align.Word) time.Duration {
	if len(words) == 0 {
		return 0
	}
	var counts [256]int
	total := 0
	first := h.First.Frame()
	each := func(from, to timeline.Sample, visit func(mel.Level)) {
		lo := max(timeline.Frame(from/timeline.SamplesPerFrame)-first, 0)
		hi := min(timeline.Frame(to/timeline.SamplesPerFrame)-first, timeline.Frame(len(h.Levels)))
		for f := lo; f < hi; f++ {
			visit(h.Levels[f])
		}
	}
	for _, w := range words {
		each(w.Span.Start, w.Span.End, func(l mel.Level) { counts[l]++; total++ })
	}
	median := mel.Level(0)
	for below := 0; total > 0 && int(median) < len(counts)-1; median++ {
		if below += counts[median]; below*2 >= total {
			break
		}
	}
	loud := max(median, unheardBelow) - unheardBelow
	var frames timeline.Frame
	gap := func(from, to timeline.Sample) {
		if to-from >= unheardGap {
			each(from, to, func(l mel.Level) {
				if l >= loud && l > 0 {
					frames++
				}
			})
		}
	}
	at := h.First.Sample()
	for _, w := range words {
		gap(at, w.Span.Start)
		at = w.Span.End
	}
	gap(at, h.First.Sample()+h.Samples)
	return frames.Sample().Duration()
}
