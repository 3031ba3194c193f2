package audio

import (
	"errors"
	"fmt"
	"io"

	"github.com/asr-backend/asr-backend/audio/internal/flac"
	"github.com/asr-backend/asr-backend/audio/internal/resample"
	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/timeline"
)

// A flacDecoder gives the samples of a FLAC stream, each at the place that its frame's
// number says.
type flacDecoder struct {
	notes
	dec   *flac.Decoder
	facts Info
	total int64 // samples as declared, 0 if not

	at      int64           // the next sample
	rate    int             // from changed on
	changed int64           // the sample at which the rate changed last
	before  timeline.Sample // where that is
	base    int64           // what to add to the numbers of frames
	begun   bool
	held    flac.Frame // decoded, but not given
	placed  bool       // its place is known
	err     error      // instead of the next frame
	silent  int64      // samples of silence to give before it
	ended   bool

	buf [][]float32
	out [][]float32
}

func openFLAC(in *input) (_ decoder, err error) {
	said, err := flac.ReadInfo(in)
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
	}
	d := &flacDecoder{dec: flac.NewDecoder(in, said, in.workers()), total: said.Samples}
	defer func() {
		if err != nil {
			d.dec.Close()
		}
	}()
	// The first frame says what is true of the description.
	info := said
	d.held, d.err = d.dec.Next()
	switch {
	case d.err == nil:
		info.Rate, info.Bits, info.Channels = d.held.Rate, d.held.Bits, len(d.held.Channels)
		d.compare(said, info)
	case d.err == io.EOF && d.dec.Tail() > 0:
		return nil, &Error{
			Err:  fmt.Errorf("%w: no FLAC frame in it can be decoded", ErrDamaged),
			Hint: "the file was cut off or damaged; copy or export it again",
		}
	case d.err != io.EOF:
		return nil, d.err
	}
	if !plausibleRate(info.Rate) {
		return nil, &Error{Err: fmt.Errorf("%w: the FLAC stream claims a sample rate of %d Hz", ErrDamaged, info.Rate)}
	}
	d.rate = info.Rate
	d.facts = Info{
		Container: "FLAC", Codec: "FLAC", Decoder: builtIn, SampleRate: info.Rate,
		Channels: info.Channels, BitsPerSample: info.Bits, Declared: -1, Estimate: -1,
	}
	d.out = make([][]float32, info.Channels)
	d.room(silentChunk)
	if info.Samples > 0 {
		d.facts.Declared = at16k(info.Rate, info.Samples)
		d.facts.Estimate = d.facts.Declared
	}
	in.commit()
	return d, nil
}

func plausibleRate(rate int) bool { return rate >= resample.MinRate && rate <= resample.MaxRate }

// compare notes where the description of the stream contradicts its first frame.
func (d *flacDecoder) compare(said, found flac.Info) {
	describe := func(i flac.Info) string {
		return fmt.Sprintf("%d Hz, %d bits, %s", i.Rate, i.Bits, plural.Count(i.Channels, "channel"))
	}
	switch {
	case describe(said) != describe(found):
		d.note(Mislabelled, 0, fmt.Sprintf("The FLAC header says %s, the sound has %s; the sound was believed.", describe(said), describe(found)))
	case len(d.held.Channels[0]) > said.MaxBlock:
		d.note(Mislabelled, 0, fmt.Sprintf("The FLAC header says that no block is longer than %d samples, the sound has blocks of %d.",
			said.MaxBlock, len(d.held.Channels[0])))
	}
}

// room makes the buffers long enough for n samples.
func (d *flacDecoder) room(n int) {
	if len(d.buf) == 0 || len(d.buf[0]) < n {
		d.buf = planar(len(d.out), n)
	}
}

// silentChunk is how many samples of silence are given at a time.
const silentChunk = 4096

func (d *flacDecoder) info() Info { return d.facts }

func (d *flacDecoder) close() error {
	d.dec.Close()
	return nil
}

func (d *flacDecoder) position() timeline.Sample { return d.before + at16k(d.rate, d.at-d.changed) }

func (d *flacDecoder) next() (frames, error) {
	if d.held.Channels == nil && d.err == nil {
		d.held, d.err = d.dec.Next()
	}
	if d.err != nil {
		if d.err == io.EOF {
			d.end()
		}
		return frames{}, d.err
	}
	if !d.placed {
		d.place(d.held)
		d.placed = true
	}
	if d.silent > 0 {
		n := int(min(d.silent, silentChunk))
		d.silent -= int64(n)
		for c := range d.buf {
			clear(d.buf[c][:n])
		}
		return d.give(n), nil
	}
	n := d.convert(d.held)
	d.held, d.placed = flac.Frame{}, false
	return d.give(n), nil
}

// convert fills the buffers from a frame and returns its length. Frames may change their
// number of channels, the stream may not.
func (d *flacDecoder) convert(f flac.Frame) int {
	n := len(f.Channels[0])
	d.room(n)
	scale := 1 / float32(int64(1)<<(f.Bits-1))
	for c, out := range d.buf {
		out = out[:n]
		switch {
		case c < len(f.Channels):
			for i, v := range f.Channels[c] {
				out[i] = float32(v) * scale
			}
		case len(f.Channels) == 1:
			copy(out, d.buf[0])
		default:
			clear(out)
		}
	}
	if len(d.buf) == 1 && len(f.Channels) > 1 {
		mean(d.buf[0][:n], f.Channels, scale)
	}
	return n
}

// mean fills dst with the mean of the channels.
func mean(dst []float32, channels [][]int64, scale float32) {
	for i := range dst {
		sum := int64(0)
		for _, c := range channels {
			sum += c[i]
		}
		dst[i] = float32(sum) * scale / float32(len(channels))
	}
}

func (d *flacDecoder) give(n int) frames {
	for c := range d.out {
		d.out[c] = d.buf[c][:n]
	}
	d.at += int64(n)
	return frames{rate: d.rate, channels: d.out}
}

// place finds out what is missing between the last frame and f.
func (d *flacDecoder) place(f flac.Frame) {
	if f.Rate != d.rate && plausibleRate(f.Rate) {
		d.before = d.position()
		d.rate, d.changed = f.Rate, d.at
	}
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
		d.note(Damaged, at, fmt.Sprintf("%s of the FLAC stream cannot be decoded; there is silence instead at %s.",
			at16k(d.rate, gap).Clock(), at.Clock()))
		return
	default:
		// Streams that were joined count from anew; the sound goes on.
		d.base -= gap
	}
	if f.Skipped > 0 {
		d.note(Damaged, d.position(), fmt.Sprintf("%d bytes that are not FLAC were skipped at %s.", f.Skipped, d.position().Clock()))
	}
}

// plausible says whether a gap can be damage: it ends within the recording, and is not
// much longer than what was skipped can have held. A minute may be missing without a
// trace, more is a number that is not to be believed.
func (d *flacDecoder) plausible(gap int64, f flac.Frame) bool {
	if d.at < d.total && d.at+gap+int64(len(f.Channels[0])) > d.total {
		return false
	}
	const shortestFrame = 8 // bytes
	return gap <= f.Skipped/shortestFrame*int64(len(d.buf[0]))+60*int64(d.rate)
}

func (d *flacDecoder) end() {
	if d.ended {
		return
	}
	d.ended = true
	at := d.position()
	switch {
	case d.total > d.at:
		d.cut(at, at+at16k(d.rate, d.total-d.at))
	case d.dec.Tail() > 0 && d.total == 0:
		d.note(Truncated, at, fmt.Sprintf("The file is cut off within a frame, at %s.", at.Clock()))
	case d.total > 0 && d.at > d.total:
		d.note(Mislabelled, 0, fmt.Sprintf("The FLAC header announces %s of sound, the file has %s.",
			d.facts.Declared.Clock(), at.Clock()))
	}
}
