package service

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"asr-backend/asr"
	"asr-backend/audio"
	"asr-backend/transcribe"
	"asr-backend/transcript"
)

// finder finds texts in a recording.
type finder struct {
	recording  string // a path
	priority   asr.Priority
	recognizer *asr.Recognizer
	options    transcribe.Options
	// found is the transcript of a text of the whole recording.
	found *transcript.Transcript
}

// find sets the words of those stretches of a pair.
func (f *finder) find(ctx context.Context, pair *Pair, indices []int) error {
	var regions []*Stretch
	for _, i := range indices {
		c := &pair.Corrected[i]
		if c.End > 0 {
			regions = append(regions, c)
			continue
		}
		if err := f.whole(ctx, c); err != nil {
			return err
		}
	}
	for _, near := range neighbours(regions) {
		if err := f.regions(ctx, near); err != nil {
			return err
		}
	}
	return nil
}

// whole finds the text of a whole recording, in which channels do not count.
func (f *finder) whole(ctx context.Context, c *Stretch) error {
	o := f.options
	if o.Channels == audio.Split {
		o.Channels = audio.Mix
	}
	text := &transcript.Transcript{Segments: []transcript.Segment{{Text: c.Text, Channel: transcript.Mixed}}}
	found, err := transcribe.New(f.recognizer, o).Align(ctx, transcribe.Source{Path: f.recording}, text, "", transcribe.Request{Request: asr.Request{Priority: f.priority}})
	if errors.Is(err, transcribe.ErrNoWords) || errors.Is(err, transcribe.ErrUnspellable) {
		return nil
	}
	if err != nil {
		return err
	}
	f.found = found.Transcript
	for _, s := range f.found.Segments {
		c.Words = append(c.Words, wordTimes(s.Words)...)
	}
	return nil
}

const (
	// margin is heard on each side of a region besides a window's context: people cut
	// closely, and a model sees words late.
	margin = time.Second
	// oneHearing is the longest gap between regions that are heard together: a hearing of
	// its own would cost more.
	oneHearing = 10 * time.Second
)

// neighbours sorts regions and divides them where gaps are long.
func neighbours(regions []*Stretch) [][]*Stretch {
	slices.SortFunc(regions, func(a, b *Stretch) int { return cmp.Compare(a.Start, b.Start) })
	var out [][]*Stretch
	var end float64
	for _, r := range regions {
		if n := len(out); n == 0 || r.Start > end+oneHearing.Seconds() {
			out = append(out, []*Stretch{r})
			end = r.End
		} else {
			out[n-1] = append(out[n-1], r)
			end = max(end, r.End)
		}
	}
	return out
}

// regions finds the texts of regions that are near each other.
func (f *finder) regions(ctx context.Context, near []*Stretch) (err error) {
	q := transcribe.Request{Request: asr.Request{Priority: f.priority}, KeepLogProbs: true, Start: max(duration(near[0].Start)-margin, 0)}
	for _, r := range near {
		q.End = max(q.End, duration(r.End)+margin)
	}
	heard, err := transcribe.New(f.recognizer, f.options).Recognize(ctx, transcribe.Source{Path: f.recording}, q)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, heard.Close()) }()
	for _, r := range near {
		channel := transcript.Mixed
		if f.options.Channels == audio.Split {
			channel = r.Channel
		}
		words, _, err := heard.Words(ctx, channel, duration(r.Start), duration(r.End), r.Text, "")
		if err != nil {
			return err
		}
		r.Words = wordTimes(words)
	}
	return nil
}

func wordTimes(words []transcript.Word) []WordTime {
	out := make([]WordTime, len(words))
	for i, w := range words {
		out[i] = WordTime{w.Text, seconds(w.Start), seconds(w.End), math.Round(w.Confidence*1e4) / 1e4}
	}
	return out
}

// seconds rounds to milliseconds.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

func duration(seconds float64) time.Duration { return time.Duration(math.Round(seconds * 1e9)) }
