package transcribe

import (
	"context"
	"io"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/timeline"
)

// Source is a recording: the file at Path, or what Reader holds.
type Source struct {
	Path string
	// Reader, if set, is read in place of a file.
	Reader io.Reader
	// Name is what messages call the source; empty stands for Path.
	Name string
}

// name is what messages call the source.
func (s *Source) name() string {
	if s.Name != "" || s.Reader != nil {
		return s.Name
	}
	return s.Path
}

func (s *Source) open(ctx context.Context, o audio.Options) (*audio.Stream, error) {
	if s.Reader != nil {
		return audio.OpenReader(ctx, s.Reader, s.Name, o)
	}
	o.Name = s.Name
	return audio.Open(ctx, s.Path, o)
}

// Request says how to recognize one recording. The zero value asks for all of it.
type Request struct {
	asr.Request
	// Start and End choose a part; End zero means to the end. The model also sees a few
	// seconds around it. Times still count from the recording's first sample.
	Start, End time.Duration
	// Opened, if set, is called with the recording's facts before it is recognized.
	Opened func(audio.Info)
	// KeepLogProbs keeps what Recognition.Align and Recognition.Words need: two bytes a row
	// and piece, beyond logprobs.InMemory in a temporary file. Load is then not called, and the
	// text is the greedy one: no search is made for it.
	KeepLogProbs bool
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

// whole reports whether all of the recording is asked for.
func (q *Request) whole() bool { return q.Start == 0 && q.End == 0 }

// aroundPart is the least that Around returns. It is more than the context of a window, since a part may
// be a single word, and features are normalised over all that is seen.
const aroundPart = 40 * timeline.RowDuration

// Around returns how much sound the model sees on each side of a part.
func (t *Transcriber) Around() time.Duration {
	return max(aroundPart, t.recognizer.Window().Context.Duration())
}

// audioOptions widen the part on each side.
func (t *Transcriber) audioOptions(q Request) audio.Options {
	around := t.Around()
	o := audio.Options{Channels: t.options.Channels, Track: t.options.Track, FFmpeg: t.options.FFmpeg}
	if t.recognizer.Device().Provider == ort.CUDA {
		o.Ahead = audio.DefaultAhead // a GPU is faster than one core reads
	}
	if q.Start > around {
		o.Start = (q.Start - around).Truncate(timeline.RowDuration)
	}
	if q.End > 0 {
		o.End = q.End + around
	}
	return o
}
