package asr

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/timeline"
)

// Blocks is a recording as a stream of samples at 16 kHz; *audio.Stream is one. Next
// returns io.EOF at the end.
type Blocks interface {
	Next() (audio.Block, error)
}

// Request says how to recognize one recording. The zero value asks for a batch.
type Request struct {
	Priority priority.Class
	// Raised, if set, is asked for the priority of each window in place of Priority, so that a
	// recognition that became urgent goes on in its new class. It must not block.
	Raised func() priority.Class
	// Progress, if set, is called as sound is read and rows are final, from the
	// goroutine that called Recognize.
	Progress func(Progress)
	// LogProbs, if set, gets every row of log-probabilities once and in order. The slice
	// is valid during the call. An error ends the recognition.
	LogProbs func(channel int, row timeline.Row, logProbs []float32) error
	// Search, if set, gets every row with its candidates once and in order; see ctc.Candidates. The
	// arguments are valid during the call. An error ends the recognition.
	Search func(channel int, row timeline.Row, r *ctc.Row, pieces []ctc.Candidate, sure float32) error
	// Candidates makes Save get candidates also without a Search, for a search in times to come. On a
	// GPU this costs more than greedy texts, see Recognizer.WholeRows; a transducer has none.
	Candidates bool
	// Bias is what is known of the text of a transducer, see Recognizer.Bias, or nil.
	Bias *beam.Bias
	// Load and Save, if set, keep the rows of windows, so that a recognition that is
	// run again does not repeat them. Load returns the zero value for a window it does not have;
	// with Search, one without candidates is run again.
	Load func(channel int, start timeline.Row) ctc.Saved
	Save func(channel int, start timeline.Row, rows *ctc.Saved)
}

func (r *Request) priority() priority.Class {
	if r.Raised != nil {
		return r.Raised()
	}
	return r.Priority
}

// Progress says how far a recognition is.
type Progress struct {
	// Read is the position up to which the recording has been read, and Recognized the one
	// up to which its rows are final.
	Read, Recognized timeline.Sample
}

// Result is the recognition of one channel.
type Result struct {
	ctc.Output
	// Windows counts windows, and Skipped those that are silent.
	Windows, Skipped int
	// Overlap counts rows that two windows cover, and Disagree those on which they differ.
	Overlap, Disagree timeline.Row
}

// Recognize recognizes a recording and returns a Result for each channel of its blocks. The
// first block must start on the row grid, at a multiple of 1280 samples. It returns when
// no run uses the recording any longer, also when ctx ends.
func (r *Recognizer) Recognize(ctx context.Context, blocks Blocks, req Request) (_ []*Result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var tracks []*track
	defer func() {
		cancel()
		for _, t := range tracks {
			t.drain()
		}
	}()
	for {
		block, err := blocks.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return nil, err
		}
		if tracks == nil {
			if tracks, err = r.tracks(&req, block); err != nil {
				return nil, err
			}
		}
		for i, t := range tracks {
			if err := t.push(ctx, block.Channels[i]); err != nil {
				return nil, err
			}
		}
		report(&req, tracks)
	}
	for _, t := range tracks {
		if err := t.end(ctx); err != nil {
			return nil, err
		}
	}
	results := make([]*Result, len(tracks))
	for i, t := range tracks {
		if err := t.finish(); err != nil {
			return nil, err
		}
		results[i] = t.result
	}
	report(&req, tracks)
	return results, nil
}

func (r *Recognizer) tracks(req *Request, first audio.Block) ([]*track, error) {
	if first.Start%timeline.SamplesPerRow != 0 {
		return nil, fmt.Errorf("asr: the recording starts at sample %d, which is not a multiple of %d", first.Start, timeline.SamplesPerRow)
	}
	tracks := make([]*track, 0, len(first.Channels))
	for i := range first.Channels {
		t, err := newTrack(r, req, i, timeline.Row(first.Start/timeline.SamplesPerRow))
		if err != nil {
			return tracks, err
		}
		t.earlier, t.several = tracks, len(first.Channels) > 1
		tracks = append(tracks, t)
	}
	return tracks, nil
}

func report(req *Request, tracks []*track) {
	if req.Progress == nil || len(tracks) == 0 {
		return
	}
	t := tracks[len(tracks)-1]
	begin := t.origin.Sample()
	req.Progress(Progress{
		Read:       begin + t.mel.Samples(),
		Recognized: begin + min(timeline.Row(len(t.result.Rows)).Sample(), t.mel.Samples()),
	})
}
