package recordings

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
)

// Text is a text that somebody wrote for a part of a recording.
type Text struct {
	// Start and End are where it is said; an End of zero stands for the whole recording.
	Start, End time.Duration
	Channel    int
	Text       string
}

// Alignment says when texts are said.
type Alignment struct {
	// Words are those of each text. A text in which nothing is said has none.
	Words [][]transcript.Word
	// Whole is the transcript of a text of the whole recording, or nil.
	Whole *transcript.Transcript
}

// Align finds out when the words of texts are said.
func (r *Recordings) Align(ctx context.Context, rec Recording, texts []Text, class priority.Class) (*Alignment, error) {
	options := rec.Settings.Transcription(rec.Split, r.ffmpeg) // hotwords do not matter
	o, err := r.open(ctx, &rec, options, nil)
	if err != nil {
		return nil, err
	}
	defer o.close()
	a := &aligner{opened: o, options: options, request: transcribe.Request{Request: asr.Request{Priority: class}}, texts: texts}
	a.out.Words = make([][]transcript.Word, len(texts))
	if !o.recognizer.Aligns() {
		return &a.out, nil
	}
	var regions []int
	for i, t := range texts {
		if t.End > 0 {
			regions = append(regions, i)
			continue
		}
		if err := a.whole(ctx, i); err != nil {
			return nil, err
		}
	}
	for _, near := range neighbours(texts, regions) {
		if err := a.regions(ctx, near); err != nil {
			return nil, err
		}
	}
	return &a.out, nil
}

// aligner aligns texts with one recording.
type aligner struct {
	*opened
	options transcribe.Options
	request transcribe.Request
	texts   []Text
	out     Alignment
}

// whole aligns a text with the whole recording, in which channels do not count.
func (a *aligner) whole(ctx context.Context, i int) error {
	o := a.options
	if o.Channels == audio.Split {
		o.Channels = audio.Mix
	}
	text := &transcript.Transcript{Segments: []transcript.Segment{{Text: a.texts[i].Text, Channel: transcript.Mixed}}}
	t, err := transcribe.New(a.recognizer, o)
	if err != nil {
		return err
	}
	aligned, err := t.Align(ctx, transcribe.Source{Path: a.Path, Name: a.Name}, text, "", a.request)
	if errors.Is(err, transcribe.ErrNoWords) || errors.Is(err, transcribe.ErrUnspellable) {
		return nil
	}
	if err != nil {
		return err
	}
	a.out.Whole = aligned.Transcript
	for _, s := range aligned.Transcript.Segments {
		a.out.Words[i] = append(a.out.Words[i], s.Words...)
	}
	return nil
}

const (
	// padding is transcribed on each side of a region besides a window's context: people
	// cut closely, and a model sees words late.
	padding = time.Second
	// maxGap is the longest gap between regions that are transcribed together: opening the
	// recording once more would cost more.
	maxGap = 10 * time.Second
)

// neighbours sorts regions, given as indices of texts, and divides them where gaps are long.
func neighbours(texts []Text, regions []int) [][]int {
	slices.SortFunc(regions, func(a, b int) int { return cmp.Compare(texts[a].Start, texts[b].Start) })
	var out [][]int
	var end time.Duration
	for _, r := range regions {
		if n := len(out); n == 0 || texts[r].Start > end+maxGap {
			out = append(out, []int{r})
			end = texts[r].End
		} else {
			out[n-1] = append(out[n-1], r)
			end = max(end, texts[r].End)
		}
	}
	return out
}

// regions aligns the texts of regions that are near each other.
func (a *aligner) regions(ctx context.Context, near []int) (err error) {
	q := a.request
	q.KeepLogProbs = true
	q.Start = max(a.texts[near[0]].Start-padding, 0)
	for _, i := range near {
		q.End = max(q.End, a.texts[i].End+padding)
	}
	recognition, err := a.transcriber.Recognize(ctx, transcribe.Source{Path: a.Path, Name: a.Name}, q)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, recognition.Close()) }()
	for _, i := range near {
		t, channel := &a.texts[i], transcript.Mixed
		if a.options.Channels == audio.Split {
			channel = t.Channel
		}
		if a.out.Words[i], _, err = recognition.Words(ctx, channel, t.Start, t.End, t.Text, ""); err != nil {
			return err
		}
	}
	return nil
}
