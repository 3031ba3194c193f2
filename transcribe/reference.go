package transcribe

import (
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/align/verbalize"
	"github.com/asr-backend/asr-backend/transcript"
)

// reference is the text of one channel.
type reference struct {
	segments []refSegment
	words    align.Reference
}

// refSegment is a segment and its words in the reference.
type refSegment struct {
	transcript.Segment
	index    int // in the text
	from, to int
}

func newReference(text *transcript.Transcript, channel int, verbalizer *verbalize.Verbalizer) *reference {
	r := &reference{}
	for i, segment := range text.Segments {
		if segment.Channel != channel {
			continue
		}
		from := len(r.words)
		r.words = append(r.words, verbalizer.Reference(segment.Text)...)
		r.segments = append(r.segments, refSegment{segment, i, from, len(r.words)})
	}
	return r
}

// mismatch returns a mismatch with the text and the segment it is about.
func (r *reference) mismatch(x align.Mismatch) Mismatch {
	m := Mismatch{Verdict: x.Verdict, Start: x.Span.Start.Duration(), End: x.Span.End.Duration(), Channel: transcript.Mixed, Recognized: x.Recognized}
	var texts []string
	for _, w := range r.words[x.From:x.To] {
		texts = append(texts, w.Text)
	}
	m.Text = strings.Join(texts, " ")
	for _, segment := range r.segments {
		if segment.from <= x.From {
			m.Segment, m.Channel = segment.index, segment.Channel
		}
	}
	return m
}

// timed returns the segments with their times and words. Segments that had times are kept
// as they were cut; others are cut into regions.
func (r *reference) timed(words []align.Word, o align.RegionOptions) []transcript.Segment {
	var out []transcript.Segment
	var at time.Duration // the end of the segment before
	for _, segment := range r.segments {
		part := words[segment.from:segment.to]
		switch {
		case !anySpoken(part), segment.End > segment.Start && !evident(part):
			next := segment.End // where the next segment that was spoken begins
			if w := firstSpoken(words[segment.to:]); w != nil {
				next = min(next, w.Span.Start.Duration())
			}
			kept := segment.Segment
			kept.Start = max(min(kept.Start, next), at)
			kept.End = max(next, kept.Start)
			kept.Confidence, kept.Words = 0, nil
			out = append(out, kept)
		case segment.End > segment.Start:
			out = append(out, retimed(segment.Segment, part))
		default:
			for _, region := range align.Regions(part, o) {
				out = append(out, retimed(transcript.Segment{Text: joinText(region), Channel: segment.Channel}, region))
			}
		}
		at = max(at, out[len(out)-1].End)
	}
	return out
}

// anySpoken reports whether any of the words was spoken.
func anySpoken(words []align.Word) bool { return firstSpoken(words) != nil }

// evident reports whether the recording has evidence of the words: the times of those that
// the model cannot write are a guess, and the times that a segment had are a better one.
func evident(words []align.Word) bool {
	return slices.ContainsFunc(words, func(w align.Word) bool { return w.Verdict != align.Deletion && w.Verdict != align.Unspellable })
}

func firstSpoken(words []align.Word) *align.Word {
	for i := range words {
		if words[i].Verdict != align.Deletion {
			return &words[i]
		}
	}
	return nil
}

// retimed gives a segment the times of its words. Words that were not spoken stand
// where their neighbours end, inside the segment.
func retimed(s transcript.Segment, words []align.Word) transcript.Segment {
	s.Words = make([]transcript.Word, len(words))
	s.Confidence = 0
	first := true
	for i := range words {
		s.Words[i] = word(&words[i])
		s.Confidence += s.Words[i].Confidence / float64(len(words))
		if words[i].Verdict != align.Deletion {
			if first {
				s.Start, first = s.Words[i].Start, false
			}
			s.End = s.Words[i].End
		}
	}
	if first { // nothing of it was spoken
		s.Start, s.End, s.Words = s.Words[0].Start, s.Words[0].Start, nil
	}
	for i := range s.Words {
		w := &s.Words[i]
		w.Start, w.End = min(max(w.Start, s.Start), s.End), min(max(w.End, s.Start), s.End)
	}
	return s
}
