package audio

import (
	"errors"
	"fmt"
	"io"

	"github.com/asr-backend/asr-backend/audio/internal/pcm"
	"github.com/asr-backend/asr-backend/audio/internal/riff"
	"github.com/asr-backend/asr-backend/timeline"
)

// A wavDecoder reads the sound of a WAVE file sample by sample.
type wavDecoder struct {
	notes
	in       *input
	header   riff.Header
	facts    Info
	encoding pcm.Encoding
	frame    int // bytes

	left   int64 // bytes of sound not read yet, riff.Unknown if only the end will show
	at     int64 // frames given or skipped
	bytes  []byte
	dst    [][]float32
	out    [][]float32 // dst, as far as it is filled
	notNum int64       // samples that were no numbers
	ended  bool
}

// wavChunk is how many bytes of sound are converted at a time.
const wavChunk = 64 << 10

func openWAV(in *input) (decoder, error) {
	h, err := riff.Read(in)
	if errors.Is(err, riff.ErrDataFirst) {
		err = formatBehind(in, &h)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &Error{
			Err:  fmt.Errorf("%w: the WAV header ends too early: %w", ErrDamaged, err),
			Hint: "the file was cut off before its sound; copy or export it again",
		}
	}
	if errors.Is(err, riff.ErrNotWAVE) || errors.Is(err, riff.ErrFormat) {
		return nil, &Error{Err: fmt.Errorf("%w: WAV header: %w", ErrDamaged, err)}
	}
	if err != nil {
		return nil, err
	}
	d := &wavDecoder{in: in, header: h, left: h.Data}
	if err := d.format(); err != nil {
		return nil, err
	}
	d.extent()
	n := max(1, wavChunk/d.frame)
	d.bytes, d.dst, d.out = make([]byte, n*d.frame), planar(d.facts.Channels, n), make([][]float32, d.facts.Channels)
	in.commit()
	return d, nil
}

func (d *wavDecoder) length(bytes int64) timeline.Sample {
	return at16k(d.facts.SampleRate, bytes/int64(d.frame))
}

func (d *wavDecoder) info() Info   { return d.facts }
func (d *wavDecoder) close() error { return nil }

func (d *wavDecoder) next() (frames, error) {
	want := int64(len(d.bytes))
	if d.left >= 0 {
		want = min(want, d.left-d.left%int64(d.frame))
	}
	n, err := io.ReadFull(d.in, d.bytes[:want])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return frames{}, err
	}
	if d.left >= 0 {
		d.left -= int64(n)
	}
	count := n / d.frame
	if count == 0 {
		d.end()
		return frames{}, io.EOF
	}
	for c := range d.dst {
		d.out[c] = d.dst[c][:count]
	}
	d.notNum += int64(d.encoding.Decode(d.out, d.bytes))
	d.at += int64(count)
	return frames{rate: d.facts.SampleRate, channels: d.out}, nil
}

// skip passes over n frames by seeking, or by reading where the input cannot seek.
func (d *wavDecoder) skip(n int64) (int64, error) {
	bytes := n * int64(d.frame)
	if d.left >= 0 {
		bytes = min(bytes, d.left-d.left%int64(d.frame))
	}
	done, err := d.in.skip(bytes)
	if err != nil {
		return 0, err
	}
	if d.left >= 0 {
		d.left -= done
	}
	d.at += done / int64(d.frame)
	return done / int64(d.frame), nil
}
