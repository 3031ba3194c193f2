package audio

import (
	"errors"
	"fmt"
	"io"

	"asr-backend/audio/internal/pcm"
	"asr-backend/audio/internal/resample"
	"asr-backend/audio/internal/riff"
	"asr-backend/timeline"
)

// A wavDecoder reads the sound of a WAVE file sample by sample.
type wavDecoder struct {
	notes
	in       *input
	facts    Info
	encoding pcm.Encoding
	frame    int // bytes

	left   int64 // bytes of sound not read yet, riff.Unknown if only the end will tell
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
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &Error{
			Err:  fmt.Errorf("%w: the WAV header ends too early: %w", ErrDamaged, err),
			Hint: "the file was cut off before its sound; copy or export it again",
		}
	}
	if err != nil {
		return nil, &Error{Err: fmt.Errorf("%w: WAV header: %w", ErrDamaged, err)}
	}
	d := &wavDecoder{in: in, left: h.Data}
	if err := d.format(h); err != nil {
		return nil, err
	}
	d.extent(h)
	n := max(1, wavChunk/d.frame)
	d.bytes, d.dst, d.out = make([]byte, n*d.frame), planar(d.facts.Channels, n), make([][]float32, d.facts.Channels)
	in.commit()
	return d, nil
}

// format works out how a sample is stored.
func (d *wavDecoder) format(h riff.Header) error {
	f := h.Format
	switch {
	case f.Channels == 0:
		return damagedWAV("has no channels")
	case f.Channels > maxChannels:
		return damagedWAV("has %d channels", f.Channels)
	case f.Rate < resample.MinRate || f.Rate > resample.MaxRate:
		return damagedWAV("claims a sample rate of %d Hz", f.Rate)
	}
	size := f.FrameBytes / f.Channels
	byBits := (f.Bits + 7) / 8
	if f.FrameBytes%f.Channels != 0 || size < byBits {
		// The block alignment is wrong more often than the depth.
		size = byBits
		d.note(Mislabelled, 0, fmt.Sprintf("The WAV header gives %d bytes to a frame of %d channels with %d bits; %d were taken.",
			f.FrameBytes, f.Channels, f.Bits, size*f.Channels))
	}

	e := pcm.Encoding{Bytes: size, BigEndian: h.BigEndian}
	name := ""
	switch f.Tag {
	case riff.TagPCM:
		e.Kind, name = pcm.Signed, "s"
		if f.Bits <= 8 && size == 1 {
			e.Kind, name = pcm.Unsigned, "u"
		}
		if size == 4 && (f.Bits == 24 || f.ValidBits == 24) && d.inLowBytes(h) {
			e.Kind = pcm.Low24
		}
		name = fmt.Sprintf("PCM %s%d", name, f.Bits)
		if f.Bits == 0 {
			return damagedWAV("gives no bits to a sample")
		}
	case riff.TagFloat:
		e.Kind, name = pcm.Float, fmt.Sprintf("PCM float%d", f.Bits)
	case riff.TagALaw:
		e.Kind, name = pcm.ALaw, "A-law"
	case riff.TagMuLaw:
		e.Kind, name = pcm.MuLaw, "mu-law"
	default:
		return &notBuiltIn{"WAV with " + codecOfTag(f.Tag)}
	}
	if !e.Valid() {
		return damagedWAV("gives %d bytes to a sample of %s", size, name)
	}
	d.encoding, d.frame = e, size*f.Channels
	bits := f.Bits
	if f.ValidBits > 0 && f.ValidBits < bits {
		bits = f.ValidBits
	}
	d.facts = Info{
		Container: containerName(h.Form), Codec: name, Decoder: builtIn,
		SampleRate: f.Rate, Channels: f.Channels, BitsPerSample: bits, Declared: -1, Estimate: -1,
	}
	return nil
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

// inLowBytes tells the two layouts of 24 bits in four bytes apart. The standard puts
// them at the top, over a zero byte; some writers at the bottom, under a copy of the
// sign or zero. The first samples that are not silence decide.
func (d *wavDecoder) inLowBytes(h riff.Header) bool {
	b, _ := d.in.peek(4096)
	low := false
	for i := 0; i+4 <= len(b); i += 4 {
		first, last := b[i], b[i+3]
		if h.BigEndian {
			first, last = last, first
		}
		if last != 0 && last != 0xff {
			return false
		}
		low = low || first != 0
	}
	return low
}

// extent compares the declared length with what is there.
func (d *wavDecoder) extent(h riff.Header) {
	rest := int64(-1) // bytes after the header
	if d.in.size >= 0 {
		rest = max(0, d.in.size-h.DataAt)
	}
	if rest >= 0 {
		d.facts.Estimate = d.length(rest)
	}
	if d.left == riff.Unknown {
		if b, _ := d.in.peek(8); rest == 0 || chunkFollows(b) {
			d.left, d.facts.Declared = 0, 0
		}
		return
	}
	d.facts.Declared = d.length(d.left)
	if d.facts.Estimate < 0 || d.facts.Declared < d.facts.Estimate {
		d.facts.Estimate = d.facts.Declared
	}
	// Beyond 4 GiB, a writer of 32-bit lengths has lost all but the remainder.
	if h.Form != "RF64" && h.Form != "BW64" && rest-d.left >= 1<<32-1<<20 {
		d.note(Mislabelled, 0, "The WAV header cannot express a length beyond 4 GiB; the file was read to its end.")
		d.left = riff.Unknown
		d.facts.Estimate = d.length(rest)
	}
}

// chunkFollows tells an empty data chunk from one whose length was left at zero: after
// the first comes what writers put behind the sound.
func chunkFollows(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	switch string(b[:4]) {
	case "LIST", "id3 ", "ID3 ", "fact", "cue ", "bext", "iXML", "_PMX", "JUNK", "PAD ":
		return true
	}
	return false
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

// end says what was wrong with the sound as a whole.
func (d *wavDecoder) end() {
	if d.ended {
		return
	}
	d.ended = true
	at := at16k(d.facts.SampleRate, d.at)
	if d.left >= int64(d.frame) {
		d.note(Truncated, at, fmt.Sprintf("The file is cut off: its header announces %v of sound, it ends at %v.",
			d.facts.Declared.Duration(), at.Duration()))
	}
	if d.notNum > 0 {
		d.note(Damaged, 0, fmt.Sprintf("%d samples are not numbers; silence stands for them.", d.notNum))
	}
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
