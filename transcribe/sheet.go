package transcribe

import (
	"slices"
	"strings"
	"time"

	"asr-backend/align"
	"asr-backend/align/verbalize"
	"asr-backend/transcript"
)

// sheet is the text of one channel.
type sheet struct {
	segments []sheetSegment
	script   align.Reference
}

// sheetSegment is a segment and its words in the script.
type sheetSegment struct {
	transcript.Segment
	index    int // in the text
	from, to int
}

func newSheet(text *transcript.Transcript, channel int, verbalizer *verbalize.Verbalizer) *sheet {
	s := &sheet{}
	for i, segment := range text.Segments {
		if segment.Channel != channel {
			continue
		}
		from := len(s.script)
		s.script = append(s.script, verbalizer.Reference(segment.Text)...)
		s.segments = append(s.segments, sheetSegment{segment, i, from, len(s.script)})
	}
	return s
}

// finding tells a stretch of the script.
func (s *sheet) finding(x align.Mismatch) Finding {
	f := Finding{Verdict: x.Verdict, Start: x.Span.Start.Duration(), End: x.Span.End.Duration(), Channel: transcript.Mixed, Heard: x.Recognized}
	var texts []string
	for _, w := range s.script[x.From:x.To] {
		texts = append(texts, w.Text)
	}
	f.Text = strings.Join(texts, " ")
	for _, segment := range s.segments {
		if segment.from <= x.From {
			f.Segment, f.Channel = segment.index, segment.Channel
		}
	}
	return f
}

// timed returns the segments with their times and words. Segments that had times are kept
// as they were cut; others are cut into regions.
func (s *sheet) timed(words []align.Word, o align.RegionOptions) []transcript.Segment {
	var out []transcript.Segment
	var at time.Duration // the end of the segment before
	for _, segment := range s.segments {
		part := words[segment.from:segment.to]
		switch {
		case !said(part), segment.End > segment.Start && !evident(part):
			next := segment.End // where the next segment that was said begins
			if w := firstSaid(words[segment.to:]); w != nil {
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
				out = append(out, retimed(transcript.Segment{Text: written(region), Channel: segment.Channel}, region))
			}
		}
		at = max(at, out[len(out)-1].End)
	}
	return out
}

// said reports whether any of the words was said.
func said(words []align.Word) bool { return firstSaid(words) != nil }

// evident reports whether the recording says anything about the words: those that the model
// cannot write are a guess, and the times that a segment had are a better one.
func evident(words []align.Word) bool {
	return slices.ContainsFunc(words, func(w align.Word) bool { return w.Verdict != align.Deletion && w.Verdict != align.Unspellable })
}

func firstSaid(words []align.Word) *align.Word {
	for i := range words {
		if words[i].Verdict != align.Deletion {
			return &words[i]
		}
	}
	return nil
}

func written(words []align.Word) string {
	texts := make([]string, len(words))
	for i := range words {
		texts[i] = words[i].Text
	}
	return strings.Join(texts, " ")
}

// retimed gives a segment the times of its words. Words that were not said stand where
// their neighbours leave off, inside the segment.
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
	if first { // nothing of it was said
		s.Start, s.End, s.Words = s.Words[0].Start, s.Words[0].Start, nil
	}
	for i := range s.Words {
		w := &s.Words[i]
		w.Start, w.End = min(max(w.Start, s.Start), s.End), min(max(w.End, s.Start), s.End)
	}
	return s
}
