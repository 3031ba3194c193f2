package audio

import (
	"fmt"

	"github.com/asr-backend/asr-backend/audio/internal/pcm"
	"github.com/asr-backend/asr-backend/audio/internal/resample"
	"github.com/asr-backend/asr-backend/audio/internal/riff"
	"github.com/asr-backend/asr-backend/internal/plural"
)

// format works out how a sample is stored.
func (d *wavDecoder) format() error {
	f := d.header.Format
	switch {
	case f.Channels == 0:
		return damagedWAV("has no channels")
	case f.Channels > maxChannels:
		return damagedWAV("has %d channels", f.Channels)
	case f.Rate < resample.MinRate || f.Rate > resample.MaxRate:
		return damagedWAV("claims a sample rate of %d Hz", f.Rate)
	}
	size := d.sampleBytes()
	if size == 0 {
		return damagedWAV("gives no bits to a sample")
	}
	if f.Bits == 0 {
		f.Bits = 8 * size
	}
	e := pcm.Encoding{Bytes: size, BigEndian: d.header.BigEndian}
	name := ""
	switch f.Tag {
	case riff.TagPCM:
		e.Kind, name = pcm.Signed, "s"
		if f.Bits <= 8 {
			e.Kind, name = pcm.Unsigned, "u"
		}
		if size == 4 && (f.Bits == 24 || f.ValidBits == 24) && d.inLowBytes() {
			e.Kind = pcm.Low24
		}
		name = fmt.Sprintf("PCM %s%d", name, f.Bits)
	case riff.TagFloat:
		e.Kind, name = pcm.Float, fmt.Sprintf("PCM float%d", f.Bits)
	case riff.TagALaw:
		e.Kind, name, f.Bits = pcm.ALaw, "A-law", 8
	case riff.TagMuLaw:
		e.Kind, name, f.Bits = pcm.MuLaw, "mu-law", 8
	default:
		return &notBuiltIn{"WAV with " + codecOfTag(f.Tag)}
	}
	if !e.Valid() {
		return damagedWAV("gives %d bytes to a sample of %s", size, name)
	}
	d.encoding, d.frame = e, size*f.Channels
	if f.FrameBytes != d.frame {
		d.note(Mislabelled, 0, fmt.Sprintf("The WAV header gives %d bytes to a frame of %s with %d bits; %d were taken.",
			f.FrameBytes, plural.Count(f.Channels, "channel"), f.Bits, d.frame))
	}
	bits := f.Bits
	if f.ValidBits > 0 && f.ValidBits < bits {
		bits = f.ValidBits
	}
	d.facts = Info{
		Container: containerName(d.header.Form), Codec: name, Decoder: builtIn,
		SampleRate: f.Rate, Channels: f.Channels, BitsPerSample: bits, Declared: -1, Estimate: -1,
	}
	return nil
}

// sampleBytes returns how many bytes a sample takes, or 0 if it is unknown. The depth
// decides: the block alignment is wrong more often, and other programs ignore it. Only 24
// bits may well lie in four bytes.
func (d *wavDecoder) sampleBytes() int {
	f := d.header.Format
	byAlignment := 0
	if f.FrameBytes%f.Channels == 0 {
		byAlignment = f.FrameBytes / f.Channels
	}
	switch {
	case f.Tag == riff.TagALaw || f.Tag == riff.TagMuLaw:
		return 1
	case f.Bits == 0:
		return byAlignment
	case f.Bits == 24 && byAlignment == 4 && !d.packed():
		return 4
	}
	return (f.Bits + 7) / 8
}

// packed distinguishes 24 bits in three bytes from those in four, by the size of steps from one
// sample to the next: read wrongly, the top byte is noise.
func (d *wavDecoder) packed() bool {
	b, _ := d.in.peek(4096)
	step := func(size int) float64 {
		frame := size * d.header.Format.Channels
		top := size - 1
		if d.header.BigEndian {
			top = 0
		}
		sum, n := 0, 0
		for i := top; i+frame < len(b); i += frame {
			v := int(int8(b[i+frame])) - int(int8(b[i]))
			sum += max(v, -v)
			n++
		}
		return float64(sum) / float64(max(1, n))
	}
	return step(3) < step(4)
}

// codecOfTag names sound in WAV that is not stored sample by sample.
func codecOfTag(tag uint16) string {
	switch tag {
	case 0x02:
		return "Microsoft ADPCM"
	case 0x11:
		return "IMA ADPCM"
	case 0x31:
		return "GSM 06.10"
	case 0x50:
		return "MPEG layer II"
	case 0x55:
		return "MP3"
	}
	return fmt.Sprintf("format tag 0x%04x", tag)
}

func containerName(form string) string {
	if form == "RF64" || form == "BW64" {
		return "WAV (" + form + ")"
	}
	return "WAV"
}

func damagedWAV(format string, args ...any) error {
	return &Error{
		Err:  fmt.Errorf("%w: the WAV header "+format, append([]any{ErrDamaged}, args...)...),
		Hint: "the header is wrong; export the recording again",
	}
}

// formatBehind reads the format of a file in which it follows the sound, and goes back to
// the sound. A stream can go back only as far as it was kept.
func formatBehind(in *input, h *riff.Header) error {
	switch {
	case h.Data == riff.Unknown:
		return damagedWAV("stands behind the sound, whose length is not given")
	case in.seeker == nil && h.DataAt+h.Data > maxRewind/2:
		return &Error{
			Err:  fmt.Errorf("%w: WAV whose format stands behind its sound, in a stream", ErrUnsupported),
			Hint: "write it to a file first, or install ffmpeg",
		}
	}
	if _, err := in.skip(h.Data); err != nil {
		return err
	}
	if err := h.ReadFormat(in); err != nil {
		return err
	}
	if err := in.rewind(); err != nil {
		return err
	}
	_, err := in.skip(h.DataAt)
	return err
}

// inLowBytes distinguishes the two layouts of 24 bits in four bytes. The standard puts
// them at the top, over a zero byte; some writers at the bottom, under a copy of the
// sign or zero. The first samples that are not silence decide.
func (d *wavDecoder) inLowBytes() bool {
	b, _ := d.in.peek(4096)
	low := false
	for i := 0; i+4 <= len(b); i += 4 {
		first, last := b[i], b[i+3]
		if d.header.BigEndian {
			first, last = last, first
		}
		if last != 0 && last != 0xff {
			return false
		}
		low = low || first != 0
	}
	return low
}
