package learning

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// A text of a whole recording may be hours long, which is too much to be compared word by word, or to be
// decoded to judge by. Once its words are timed it is divided at pauses.

const (
	// longText is from how many words on a text is divided.
	longText = 100
	// stop is the pause at which a text is divided, and longPart from when on it is at the next word.
	stop     = 400 * time.Millisecond
	longPart = 20 * time.Second
)

// divide returns the parts of a text of a whole recording, or the text itself where it is short, or where
// its words are not timed.
func (l *Learning) divide(ctx context.Context, project int64, c *corrections.Correction, p *passage) ([]*passage, error) {
	if p.End > 0 || len(p.Words) < longText {
		return []*passage{p}, nil
	}
	t, err := l.Recordings.Transcript(ctx, project, c.Transcripts[p.Plan])
	if errors.Is(err, recordings.ErrNotTranscribed) {
		return []*passage{p}, nil // it is not kept any more
	}
	if err != nil {
		return nil, err
	}
	return parts(p, t), nil
}

// parts divides a text of a whole recording, and what was recognized in it.
func parts(p *passage, t *transcript.Transcript) (out []*passage) {
	var recognized []transcript.Word
	for i := range t.Segments {
		recognized = append(recognized, t.Segments[i].Words...)
	}
	words := p.Words
	at := 0 // the first of recognized that no part has
	for len(words) > 0 {
		n := 1
		start, end := timeline.FromSeconds(words[0].Start), timeline.FromSeconds(words[0].End)
		for ; n < len(words); n++ {
			next := timeline.FromSeconds(words[n].Start)
			if next-end >= stop || next-start >= longPart {
				break
			}
			end = max(end, timeline.FromSeconds(words[n].End))
		}
		until := t.Duration + time.Second
		if n < len(words) {
			until = (end + timeline.FromSeconds(words[n].Start)) / 2
		}
		part := &passage{Passage: corrections.Passage{Start: start.Seconds(), End: max(end, start+timeline.RowDuration).Seconds(), Text: text(words[:n]), Plan: p.Plan, Channel: p.Channel}}
		from := at
		for at < len(recognized) && (recognized[at].Start+recognized[at].End)/2 < until {
			at++
		}
		part.predicted = transcript.JoinWords(recognized[from:at])
		out, words = append(out, part), words[n:]
	}
	return out
}

func text(words []corrections.Word) string {
	texts := make([]string, len(words))
	for i := range words {
		texts[i] = words[i].Text
	}
	return strings.Join(texts, " ")
}
