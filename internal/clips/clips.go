// Package clips cuts regions out of a recording, each into a WAV file of its own.
//
// A clip has exactly the samples that lie between the region's ends in the whole
// recording: at 16 kHz, as a model gets them, or at the recording's own rate. It has one
// channel, the mean of all or the one that the region is on.
//
// A recording is decoded once for all regions of a channel that do not overlap, so that
// thousands of regions cost one pass, and no more than one clip is open at a time.
package clips

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/internal/wavfile"
	"github.com/asr-backend/asr-backend/timeline"
)

// Mixed as a region's channel is the mean of all.
const Mixed = -1

// Region is a part of a recording.
type Region struct {
	Start, End time.Duration
	Channel    int // from zero, or Mixed
}

// Clip is what was written for a region. The zero value is nothing: the region lies
// outside the recording, or could not be cut.
type Clip struct {
	Rate   int   // samples a second
	Frames int64 // samples written
	// Missing is how many samples the region has beyond the recording's end.
	Missing int64
}

// Duration returns the length, rounded up to the nanosecond: so a program that multiplies
// it by the rate and rounds down gets all samples.
func (c Clip) Duration() time.Duration { return length(c.Frames, c.Rate) }

// Lost returns how much of the region lies beyond the recording's end.
func (c Clip) Lost() time.Duration { return length(c.Missing, c.Rate) }

func length(frames int64, rate int) time.Duration {
	if frames == 0 {
		return 0
	}
	whole, rest := frames/int64(rate), frames%int64(rate)
	return time.Duration(whole)*time.Second + time.Duration((rest*int64(time.Second)+int64(rate)-1)/int64(rate))
}

// Options say how clips are made.
type Options struct {
	// OriginalRate keeps the recording's own rate; without it clips have 16 kHz.
	OriginalRate bool
	FFmpeg       string // as in audio.Options
}

// Cut writes the clips of a recording. For each region that has sound it calls create for
// the file, by the region's index, and commits it once it is whole. It returns a clip for
// each region, and what was found wrong with the recording. An error may be about some of
// the regions only: clips with frames are there.
func Cut(ctx context.Context, path string, regions []Region, create func(region int) (*output.File, error), o Options) ([]Clip, []audio.Diagnostic, error) {
	out := make([]Clip, len(regions))
	var found []audio.Diagnostic
	var errs []error
	for _, indices := range passes(regions) {
		p := pass{ctx: ctx, regions: regions, indices: indices, create: create, out: out}
		diagnostics, err := p.run(path, o)
		for _, d := range diagnostics {
			// That a region reaches beyond the end is said by its clip.
			if d.Kind != audio.Outside && !slices.Contains(found, d) {
				found = append(found, d)
			}
		}
		if ctx.Err() != nil {
			return out, found, context.Cause(ctx)
		}
		if err != nil && !slices.ContainsFunc(errs, func(e error) bool { return e.Error() == err.Error() }) {
			errs = append(errs, err)
		}
	}
	return out, found, errors.Join(errs...)
}

// passes divides regions, by index, into lists of one channel each whose regions follow
// one another without overlap.
func passes(regions []Region) [][]int {
	var order []int
	for i, r := range regions {
		if timeline.SampleAt(r.Start) < timeline.SampleAt(r.End) { // else there is nothing to cut
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(regions[a].Start, regions[b].Start) })
	var out [][]int
	for _, i := range order {
		free := slices.IndexFunc(out, func(list []int) bool {
			last := regions[list[len(list)-1]]
			return last.Channel == regions[i].Channel && last.End <= regions[i].Start
		})
		if free < 0 {
			out = append(out, nil)
			free = len(out) - 1
		}
		out[free] = append(out[free], i)
	}
	return out
}

// source is the sound of one channel, or of all mixed.
type source interface {
	Rate() int
	FrameAt(d time.Duration) int64
	Next() (samples []float32, start int64, err error)
	Diagnostics() []audio.Diagnostic
	Close() error
}

// pass cuts regions that follow one another.
type pass struct {
	ctx     context.Context
	regions []Region
	indices []int // of those still to be cut
	create  func(region int) (*output.File, error)
	out     []Clip

	source source
	file   *output.File // of the first of them, if it has begun
	writer *wavfile.Writer
	frames int64 // written
}

func (p *pass) run(path string, o Options) (_ []audio.Diagnostic, err error) {
	first, last := p.regions[p.indices[0]], p.regions[p.indices[len(p.indices)-1]]
	want := audio.Options{Channels: audio.Mix, Start: first.Start, End: last.End, FFmpeg: o.FFmpeg}
	if first.Channel != Mixed {
		want.Channels = audio.Only(first.Channel)
	}
	if p.source, err = open(p.ctx, path, want, o.OriginalRate); err != nil {
		return nil, err
	}
	defer func() {
		if p.file != nil {
			err = errors.Join(err, p.file.Close())
		}
		err = errors.Join(err, p.source.Close())
	}()
	for len(p.indices) > 0 {
		samples, at, err := p.source.Next()
		if err == io.EOF {
			return p.source.Diagnostics(), p.end()
		}
		if err == nil {
			err = p.take(samples, at)
		}
		if err != nil {
			return p.source.Diagnostics(), err
		}
	}
	return p.source.Diagnostics(), nil
}

// take writes what the regions have of samples that begin at a frame.
func (p *pass) take(samples []float32, at int64) error {
	end := at + int64(len(samples))
	for len(p.indices) > 0 {
		r := p.regions[p.indices[0]]
		from, to := p.source.FrameAt(r.Start), p.source.FrameAt(r.End)
		if end <= from {
			return nil
		}
		if from < to {
			if err := p.write(samples[max(from-at, 0) : min(to, end)-at]); err != nil {
				return err
			}
		}
		if end < to {
			return nil
		}
		if err := p.finish(0); err != nil {
			return err
		}
	}
	return nil
}

func (p *pass) write(samples []float32) (err error) {
	if p.file == nil {
		if p.file, err = p.create(p.indices[0]); err != nil {
			return err
		}
		if p.writer, err = wavfile.NewWriter(p.file, p.source.Rate(), 1); err != nil {
			return err
		}
	}
	p.frames += int64(len(samples))
	return p.writer.Write(samples)
}

// finish makes the first region's clip whole, if it has begun, and goes on to the next.
func (p *pass) finish(missing int64) error {
	if p.file != nil {
		if err := p.writer.Close(); err != nil {
			return err
		}
		if err := p.file.Commit(); err != nil {
			return err
		}
		p.out[p.indices[0]] = Clip{Rate: p.source.Rate(), Frames: p.frames, Missing: missing}
	}
	p.file, p.writer, p.frames = nil, nil, 0
	p.indices = p.indices[1:]
	return nil
}

// end is called where the recording ends before the last region does.
func (p *pass) end() error {
	if p.file == nil {
		return nil
	}
	r := p.regions[p.indices[0]]
	return p.finish(p.source.FrameAt(r.End) - p.source.FrameAt(r.Start) - p.frames)
}
