package audio

import (
	"errors"
	"fmt"
	"io"

	"asr-backend/audio/internal/flac"
	"asr-backend/audio/internal/resample"
	"asr-backend/timeline"
)

// A flacDecoder gives the samples of a FLAC stream, each at the place that its frame's
// number says.
type flacDecoder struct {
	notes
	dec   *flac.Decoder
	facts Info
	total int64 // samples as declared, 0 if not
	scale float32

	at      int64 // the next sample
	base    int64 // what to add to the numbers of frames
	begun   bool
	held    flac.Frame // decoded, but after silence
	holding bool
	silent  int64 // samples of silence still to give
	ended   bool

	buf [][]float32
	out [][]float32
}

func openFLAC(in *input) (decoder, error) {
	info, err := flac.ReadInfo(in)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &Error{
			Err:  fmt.Errorf("%w: the FLAC header ends too early", ErrDamaged),
			Hint: "the file was cut off before its sound; copy or export it again",
		}
	case errors.Is(err, flac.ErrHeader):
		return nil, &Error{Err: fmt.Errorf("%w: %w", ErrDamaged, err)}
	case err != nil:
		return nil, err
	case info.Rate < resample.MinRate || info.Rate > resample.MaxRate:
		return nil, &Error{Err: fmt.Errorf("%w: the FLAC header claims a sample rate of %d Hz", ErrDamaged, info.Rate)}
	}
	d := &flacDecoder{
		dec: flac.NewDecoder(in, info), total: info.Samples,
		scale: 1 / float32(int64(1)<<(info.Bits-1)),
		facts: Info{
			Container: "FLAC", Codec: "FLAC", Decoder: builtIn, SampleRate: info.Rate,
			Channels: info.Channels, BitsPerSample: info.Bits, Declared: -1, Estimate: -1,
		},
		buf: planar(info.Channels, max(info.MaxBlock, silentChunk)), out: make([][]float32, info.Channels),
	}
	if info.Samples > 0 {
		d.facts.Declared = at16k(info.Rate, info.Samples)
		d.facts.Estimate = d.facts.Declared
	}
	in.commit()
	return d, nil
}

// silentChunk is how many samples of silence are given at a time.
const silentChunk = 4096

func (d *flacDecoder) info() Info   { return d.facts }
func (d *flacDecoder) close() error { return nil }

func (d *flacDecoder) position() timeline.Sample { return at16k(d.facts.SampleRate, d.at) }

func (d *flacDecoder) next() (frames, error) {
	if !d.holding {
		f, err := d.dec.Next()
		if err == io.EOF {
			d.end()
		}
		if err != nil {
			return frames{}, err
		}
		d.place(f)
	}
	if d.silent > 0 {
		n := int(min(d.silent, silentChunk))
		d.silent -= int64(n)
		for c := range d.buf {
			clear(d.buf[c][:n])
		}
		return d.give(n), nil
	}
	d.holding = false
	for c, samples := range d.held.Channels {
		out := d.buf[c][:len(samples)]
		for i, v := range samples {
			out[i] = float32(v) * d.scale
		}
	}
	return d.give(len(d.held.Channels[0])), nil
}

func (d *flacDecoder) give(n int) frames {
	for c := range d.out {
		d.out[c] = d.buf[c][:n]
	}
	d.at += int64(n)
	return frames{rate: d.facts.SampleRate, channels: d.out}
}

// place finds out what is missing between the last frame and f.
func (d *flacDecoder) place(f flac.Frame) {
	d.held, d.holding = f, true
	if !d.begun {
		d.begun = true
		if d.total == 0 {
			d.base = -f.Start // a recording of a broadcast begins anywhere
		}
	}
	gap := f.Start + d.base - d.at
	switch {
	case gap == 0:
	case gap > 0 && d.plausible(gap, f):
		d.silent = gap
		at := d.position()
		d.note(Damaged, at, fmt.Sprintf("%v of the FLAC stream cannot be decoded; there is silence instead at %v.",
			at16k(d.facts.SampleRate, gap).Duration(), at.Duration()))
		return
	default:
		// Streams that were joined count from anew; the sound goes on.
		d.base -= gap
	}
	if f.Skipped > 0 {
		d.note(Damaged, d.position(), fmt.Sprintf("%d bytes that are not FLAC were skipped at %v.", f.Skipped, d.position().Duration()))
	}
}

// plausible says whether a gap can be damage: it ends within the recording, and is not
// much longer than what was skipped can have held. A minute may be missing without a
// trace, more is a number that is not to be believed.
func (d *flacDecoder) plausible(gap int64, f flac.Frame) bool {
	if d.total > 0 && d.at+gap+int64(len(f.Channels[0])) > d.total {
		return false
	}
	const shortestFrame = 8 // bytes
	return gap <= f.Skipped/shortestFrame*int64(len(d.buf[0]))+60*int64(d.facts.SampleRate)
}

func (d *flacDecoder) end() {
	if d.ended {
		return
	}
	d.ended = true
	at := d.position()
	switch {
	case d.total > d.at:
		d.note(Truncated, at, fmt.Sprintf("The file is cut off or damaged: its header announces %v of sound, it ends at %v.",
			d.facts.Declared.Duration(), at.Duration()))
	case d.dec.Tail() > 0 && d.total == 0:
		d.note(Truncated, at, fmt.Sprintf("The file is cut off within a frame, at %v.", at.Duration()))
	case d.total > 0 && d.at > d.total:
		d.note(Mislabelled, 0, fmt.Sprintf("The FLAC header announces %v of sound, the file has %v.",
			d.facts.Declared.Duration(), at.Duration()))
	}
}
