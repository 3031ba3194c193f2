// Package parts makes transcripts of what has been transcribed so far of a recording that is under
// way: the first once that is long enough, and the next each time it has doubled.
//
// The rows that the model writes are stored window by window with the job of the recording, so that
// a crash costs little. A part is made from these rows, so that the model does not run. The
// recording is decoded once more up to where the part ends, which for all parts together costs
// about what decoding it twice costs.
package parts

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
)

// Index numbers the windows of all channels, as they are stored.
func Index(channel int, start timeline.Row) int { return channel<<40 | int(start) }

// Stored returns the rows of windows that were stored for a model of a width, none for others.
func Stored(windows map[int][]byte, width int) func(channel int, start timeline.Row) ctc.Saved {
	return func(channel int, start timeline.Row) ctc.Saved {
		data, ok := windows[Index(channel, start)]
		if !ok {
			return ctc.Saved{}
		}
		rows, err := ctc.ParseSaved(data, width)
		if err != nil {
			return ctc.Saved{}
		}
		return rows
	}
}

// Channel returns the windows of a channel by where they start, given those that were stored for a model
// of a width. One that cannot be read is an error.
func Channel(windows map[int][]byte, channel, width int) (map[timeline.Row]ctc.Saved, error) {
	out := make(map[timeline.Row]ctc.Saved)
	for index, data := range windows {
		of, start := place(index)
		if of != channel {
			continue
		}
		rows, err := ctc.ParseSaved(data, width)
		if err != nil {
			return nil, fmt.Errorf("the window at row %d: %w", start, err)
		}
		out[start] = rows
	}
	return out, nil
}

// place inverts Index.
func place(index int) (channel int, start timeline.Row) {
	return index >> 40, timeline.Row(index & (1<<40 - 1))
}

// Taker says what becomes of the transcripts. Its zero value takes none.
type Taker struct {
	// After returns from which length on recordings of a project have parts; 0 means that none
	// has.
	After func(ctx context.Context, project int64) time.Duration
	// Store takes the transcript of a job that is under way. It is not called any more once the
	// job has ended.
	Store func(ctx context.Context, project int64, job string, t *transcript.Transcript) error
}

// Recording is a recording under way. All fields are required.
type Recording struct {
	Project     int64
	Job         string // the key
	Path, Name  string // of the file
	Recognizer  *asr.Recognizer
	Transcriber *transcribe.Transcriber
	Windows     func(ctx context.Context) (map[int][]byte, error) // that are stored
	Logger      *slog.Logger
}

// Parts are those of a recording. Reached and End belong to the goroutine that transcribes.
type Parts struct {
	taker Taker
	rec   Recording

	next    time.Duration // how much has to be transcribed for the next one; 0: there is none
	busy    atomic.Bool
	running sync.WaitGroup
	ctx     context.Context // ends when the work on the recording does
	stop    context.CancelFunc
}

// New returns the parts of a recording. The caller calls End.
func New(ctx context.Context, taker Taker, rec Recording) *Parts {
	p := &Parts{taker: taker, rec: rec}
	p.ctx, p.stop = context.WithCancel(ctx)
	if taker.After != nil {
		p.next = taker.After(ctx, rec.Project)
	}
	return p
}

// Reached notes how far the recording is, and how long, zero if that is not known.
func (p *Parts) Reached(recognized timeline.Sample, length time.Duration) {
	done := recognized.Duration()
	if p.next <= 0 || done < p.next || length > 0 && done > length*9/10 || p.busy.Swap(true) {
		return
	}
	p.next = 2 * done
	p.running.Go(func() {
		defer p.busy.Store(false)
		if err := p.store(recognized); err != nil && p.ctx.Err() == nil {
			p.rec.Logger.Warn("what has been transcribed so far is not stored", "job", p.rec.Job, "project", p.rec.Project, "error", err)
		}
	})
}

// End returns once nothing is being stored any more. What is on its way to Label Studio is not
// broken off: it would arrive later, beside what is stored for the whole recording.
func (p *Parts) End() {
	p.stop()
	p.running.Wait()
}

// storing bounds how long the end of a transcription can wait for a part to be stored.
const storing = 20 * time.Second

func (p *Parts) store(recognized timeline.Sample) error {
	stored, err := p.rec.Windows(p.ctx)
	if err != nil {
		return err
	}
	rows := Stored(stored, p.rec.Recognizer.Contract().Width)
	around := p.rec.Transcriber.Around()
	// The part ends where the last window does that has been recognized, so that its windows are
	// those of the recording.
	var end timeline.Row
	for index := range stored {
		channel, start := place(index)
		if last := start + timeline.Row(len(rows(channel, start).Rows)); last.Sample() <= recognized {
			end = max(end, last)
		}
	}
	if end.Duration() <= around {
		return nil
	}
	t, err := p.rec.Transcriber.Transcribe(p.ctx, transcribe.Source{Path: p.rec.Path, Name: p.rec.Name}, transcribe.Request{
		Request: asr.Request{Priority: priority.Background, Load: rows}, End: end.Duration() - around})
	if err != nil {
		return err
	}
	t.Source = p.rec.Name
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), storing)
	defer cancel()
	return p.taker.Store(ctx, p.rec.Project, p.rec.Job, t)
}
