// Package transcribe turns a recording into a transcript: it joins audio (samples), asr
// (rows), align (words and regions) and transcript (the result), and decides nothing
// that one of them could.
package transcribe

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"asr-backend/align"
	"asr-backend/asr"
	"asr-backend/asr/ctc"
	"asr-backend/audio"
	"asr-backend/timeline"
	"asr-backend/transcript"
)

// Options are the settings of all recordings of a Transcriber. The zero value is useful.
type Options struct {
	// Channels says what is heard of a recording of several channels.
	Channels audio.Channels
	// Track is the audio track of a file with several, counted from 1; zero is the one that
	// the file itself prefers.
	Track int
	// Regions shape the result.
	Regions align.RegionOptions
	// FFmpeg is the path of ffmpeg, see audio.Options.
	FFmpeg string
}

// Transcriber hears recordings with one recognizer and one set of options. It may be
// used by many goroutines.
type Transcriber struct {
	recognizer *asr.Recognizer
	options    Options
	version    string
}

// generation changes when the same model and settings give other text or times than
// before, because this program has learnt something.
const generation = 2

// New returns a Transcriber. The recognizer stays the caller's to close.
func New(r *asr.Recognizer, o Options) *Transcriber {
	return &Transcriber{r, o, o.Version(r.Identity())}
}

// Version names a model and all settings that change its answers: equal versions give
// equal transcripts of equal recordings. It is the model's name and twelve hex digits.
func (o Options) Version(id asr.Identity) string {
	settings, err := json.Marshal(struct {
		Generation int
		Model      asr.Identity
		Channels   audio.Channels
		Track      int `json:",omitempty"`
		Regions    align.RegionOptions
	}{generation, id, o.Channels, o.Track, o.Regions})
	if err != nil {
		panic(err) // only plain values
	}
	sum := sha256.Sum256(settings)
	return id.Name + "-" + hex.EncodeToString(sum[:6])
}

// Version returns Options.Version for the recognizer in use.
func (t *Transcriber) Version() string { return t.version }

// Request is one recording to transcribe.
type Request struct {
	Priority asr.Priority
	// Start and End choose a stretch; End zero means to the end. The model also hears a
	// few seconds around it. Times still count from the recording's first sample.
	Start, End time.Duration
	// Opened, if set, is called with the recording's facts before it is heard.
	Opened func(audio.Info)
	// Progress, if set, is called now and then with positions in the recording.
	Progress func(asr.Progress)
	// Load and Save keep the work of a job that may be run again, see asr.Job.
	Load func(channel int, start timeline.Row) []ctc.Row
	Save func(channel int, start timeline.Row, rows []ctc.Row)
}

// beyond reports whether the part begins after the end of a recording.
func (q *Request) beyond(length timeline.Sample) bool {
	return q.Start > 0 && timeline.SampleAt(q.Start) >= length
}

// end returns where the part ends: the model sees more than that.
func (q *Request) end(length timeline.Sample) timeline.Sample {
	if q.End > 0 {
		return min(timeline.SampleAt(q.End), length)
	}
	return length
}

// File transcribes the recording at path.
func (t *Transcriber) File(ctx context.Context, path string, q Request) (*transcript.Transcript, error) {
	s, err := audio.Open(ctx, path, t.audioOptions(q))
	if err != nil {
		return nil, err
	}
	defer s.Close() // of a file that was only read
	return t.stream(ctx, s, path, q)
}

// Reader transcribes the recording that r holds; name is what it is called in messages.
func (t *Transcriber) Reader(ctx context.Context, r io.Reader, name string, q Request) (*transcript.Transcript, error) {
	s, err := audio.OpenReader(ctx, r, name, t.audioOptions(q))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return t.stream(ctx, s, name, q)
}

// around is how much is heard on each side of a stretch: the context of a window.
func (t *Transcriber) around() time.Duration { return t.recognizer.Window().Context.Duration() }

func (t *Transcriber) audioOptions(q Request) audio.Options {
	o := audio.Options{Channels: t.options.Channels, Track: t.options.Track, FFmpeg: t.options.FFmpeg}
	if q.Start > t.around() {
		o.Start = (q.Start - t.around()).Truncate(timeline.RowDuration)
	}
	if q.End > 0 {
		o.End = q.End + t.around()
	}
	return o
}

func (t *Transcriber) stream(ctx context.Context, s *audio.Stream, name string, q Request) (*transcript.Transcript, error) {
	if q.Opened != nil {
		q.Opened(s.Info())
	}
	results, err := t.recognizer.Recognize(ctx, s, asr.Request{Priority: q.Priority, Progress: q.Progress, Load: q.Load, Save: q.Save})
	if err != nil {
		return nil, fmt.Errorf("transcribe %s: %w", name, err)
	}
	card := t.recognizer.Bundle().Card
	out := &transcript.Transcript{
		Source: name, Duration: q.end(s.Length()).Duration(), Language: card.Language,
		Model: card.Name, ModelVersion: t.version,
	}
	sum := summary{transcript: out, request: q}
	for i, r := range results {
		if s.Twin(i) >= 0 {
			continue // the same words would be there twice; the stream's diagnostics say so
		}
		sum.add(t.heard(r), r, t.channel(i), t.options.Regions)
	}
	sum.finish(s)
	slices.SortStableFunc(out.Segments, func(a, b transcript.Segment) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Channel, b.Channel))
	})
	return out, nil
}

func (t *Transcriber) heard(r *asr.Result) *align.Emissions {
	return &align.Emissions{Output: r.Output}
}
