package transcribe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"asr-backend/align"
	"asr-backend/align/logprobs"
	"asr-backend/asr"
	"asr-backend/audio"
	"asr-backend/timeline"
	"asr-backend/transcript"
)

// Hearing is a recording that was heard with all its log-probabilities, so that texts can
// be found in it. It must be closed. It is for one goroutine.
type Hearing struct {
	t       *Transcriber
	name    string
	request Request
	length  timeline.Sample
	said    []audio.Diagnostic
	tracks  []*track
	exact   bool // texts are cut into pieces as in training
}

// track is one channel of a Hearing.
type track struct {
	channel int
	heard   *align.Emissions
	rows    *logprobs.Store
	result  *asr.Result
}

// HearFile hears the recording at path. The caller closes the Hearing.
func (t *Transcriber) HearFile(ctx context.Context, path string, q Request) (*Hearing, error) {
	s, err := audio.Open(ctx, path, t.audioOptions(q))
	if err != nil {
		return nil, err
	}
	defer s.Close() // of a file that was only read
	return t.hear(ctx, s, path, q)
}

// HearReader hears the recording that r holds; name is what it is called in messages.
func (t *Transcriber) HearReader(ctx context.Context, r io.Reader, name string, q Request) (*Hearing, error) {
	s, err := audio.OpenReader(ctx, r, name, t.audioOptions(q))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return t.hear(ctx, s, name, q)
}

func (t *Transcriber) hear(ctx context.Context, s *audio.Stream, name string, q Request) (_ *Hearing, err error) {
	h := &Hearing{t: t, name: name, request: q}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	tokenizer, err := t.recognizer.Bundle().Tokenizer()
	if err != nil {
		return nil, err
	}
	h.exact = tokenizer.Exact()
	if q.Opened != nil {
		q.Opened(s.Info())
	}
	width := t.recognizer.Bundle().Vocabulary.Width()
	results, err := t.recognizer.Recognize(ctx, s, asr.Request{Priority: q.Priority, Progress: q.Progress,
		LogProbs: func(i int, _ timeline.Row, row []float32) error {
			for len(h.tracks) <= i {
				h.tracks = append(h.tracks, &track{channel: t.channel(len(h.tracks)), rows: logprobs.New(width, "")})
			}
			return h.tracks[i].rows.Append(row)
		}})
	if err != nil {
		return nil, fmt.Errorf("hear %s: %w", name, err)
	}
	for i, r := range results {
		if i == len(h.tracks) { // too short for a row
			h.tracks = append(h.tracks, &track{channel: t.channel(i), rows: logprobs.New(width, "")})
		}
		k := h.tracks[i]
		k.result, k.heard = r, t.heard(r)
		k.heard.LogProbs = k.rows.Row
		if q.Start > 0 || q.End > 0 {
			end := q.End
			if end == 0 {
				end = s.Length().Duration()
			}
			k.heard = k.heard.Part(q.Start, end)
		}
	}
	h.length, h.said = s.Length(), s.Diagnostics()
	return h, nil
}

// Close frees what was kept.
func (h *Hearing) Close() error {
	var errs []error
	for _, t := range h.tracks {
		errs = append(errs, t.rows.Close())
	}
	return errors.Join(errs...)
}

// channel returns the channel of the recording that the i-th result is about.
func (t *Transcriber) channel(i int) int {
	switch t.options.Channels {
	case audio.Mix:
		return transcript.Mixed
	case audio.Split:
		return i
	}
	return int(t.options.Channels) - 1 // audio.Only(n) is n+1
}

// track returns what was heard on a channel. A recording of one channel is that, whatever
// the text calls it.
func (h *Hearing) track(channel int) (*track, error) {
	if i := slices.IndexFunc(h.tracks, func(t *track) bool { return t.channel == channel }); i >= 0 {
		return h.tracks[i], nil
	}
	switch {
	case len(h.tracks) == 0:
		return nil, fmt.Errorf("align %s: there is no sound in it", h.name)
	case len(h.tracks) == 1:
		return h.tracks[0], nil
	case channel == transcript.Mixed:
		return nil, fmt.Errorf("align %s: the text does not say which of the %d channels it is about; mix them, or choose one", h.name, len(h.tracks))
	}
	return nil, fmt.Errorf("align %s: the text speaks of channel %d, but the recording has %d", h.name, channel+1, len(h.tracks))
}

// transcript returns the transcript of a recording without its text.
func (h *Hearing) transcript() *transcript.Transcript {
	card := h.t.recognizer.Bundle().Card
	out := &transcript.Transcript{Source: h.name, Duration: h.request.end(h.length).Duration(), Language: card.Language, Model: card.Name, ModelVersion: h.t.version}
	d := &out.Diagnostics
	var overlap, disagree timeline.Row
	for _, t := range h.tracks {
		d.Windows += t.result.Windows
		d.WindowsSkipped += t.result.Skipped
		overlap += t.result.Overlap
		disagree += t.result.Disagree
	}
	if overlap > 0 {
		d.SeamDisagreement = float64(disagree) / float64(overlap)
	}
	d.Warnings = append(d.Warnings, warnings(h.said, h.length, h.request)...)
	return out
}

// warnings returns what a person should know about a recording that was opened for q.
// What the stream says about the part is left out: it was asked for some context around it.
func warnings(found []audio.Diagnostic, length timeline.Sample, q Request) []string {
	var out []string
	for _, d := range found {
		if d.Kind != audio.Outside {
			out = append(out, d.Text)
		}
	}
	switch {
	case q.beyond(length):
		out = append(out, fmt.Sprintf("The part asked for begins at %s, after the end of the recording at %s.", timeline.SampleAt(q.Start).Clock(), length.Clock()))
	case timeline.SampleAt(q.End) > length:
		out = append(out, fmt.Sprintf("The part asked for ends at %s, after the end of the recording at %s.", timeline.SampleAt(q.End).Clock(), length.Clock()))
	}
	return out
}

// word returns a word as transcripts have it.
func word(w *align.Word) transcript.Word {
	return transcript.Word{
		Start: w.Span.Start.Duration(), End: w.Span.End.Duration(), Text: w.Text, Confidence: float64(w.Confidence),
		SpikeStart: w.Spike.Start.Duration(), SpikeEnd: w.Spike.End.Duration(),
	}
}
