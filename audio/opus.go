package audio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/pion/opus"

	"github.com/asr-backend/asr-backend/audio/internal/ogg"
	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/timeline"
)

// Opus counts in samples at 48 kHz, whatever was encoded.
const opusRate = 48000

const (
	maxOpusPacket = opusRate * 120 / 1000 // samples
	// A page's position may be off by less than a usual packet without a meaning.
	opusTolerance = opusRate * 20 / 1000
)

// An opusDecoder gives the sound of Opus in Ogg (RFC 7845): without the pre-skip at its
// start and without what lies beyond the position of the last page. Streams that are
// chained in one file follow each other.
type opusDecoder struct {
	notes
	gaps
	pages *ogg.Reader
	facts Info

	// The present stream.
	dec      opus.Decoder
	channels int
	gain     float32
	preSkip  int64 // samples still to drop at its start
	placed   bool  // granule is known
	granule  int64 // position of the next sample
	stop     int64 // position of its end, once known
	last     bool  // its last page was seen

	page   ogg.Page
	index  int   // of the next packet on page
	silent int64 // samples of silence to give before it
	given  int64 // samples, in all streams
	ended  bool
	lost   int // packets in the present stretch of damage
	lostAt timeline.Sample

	interleaved []float32
	buf, out    [][]float32
}

func openOpus(in *input) (decoder, error) {
	d := &opusDecoder{pages: ogg.NewReader(in.buf)}
	p, err := d.pages.Next()
	if err == io.EOF {
		return nil, &Error{Err: fmt.Errorf("%w: no whole Ogg page in it", ErrDamaged)}
	}
	if err != nil {
		return nil, err
	}
	if err := d.begin(p); err != nil {
		return nil, err
	}
	d.facts = Info{
		Container: "Ogg", Codec: "Opus", Decoder: builtIn,
		SampleRate: opusRate, Channels: d.channels, Declared: -1, Estimate: -1,
	}
	tail, err := in.tail(ogg.MaxPage)
	if err != nil {
		return nil, err
	}
	if last := ogg.LastGranule(tail); last > d.preSkip {
		d.facts.Estimate = at16k(opusRate, last-d.preSkip)
	}
	d.interleaved = make([]float32, 2*maxOpusPacket)
	d.buf, d.out = planar(2, maxOpusPacket), make([][]float32, d.channels)
	in.commit()
	return d, nil
}

// begin starts a stream from the page with its head.
func (d *opusDecoder) begin(p ogg.Page) error {
	if len(p.Packets) == 0 {
		return &notBuiltIn{"Ogg"}
	}
	// 8 bytes: mark; 8 bits each: version, channels; 16: pre-skip; 32: rate before
	// encoding; 16: gain in 1/256 dB; 8: mapping family
	b := p.Packets[0]
	if len(b) < 19 || string(b[:8]) != "OpusHead" || b[8]>>4 != 0 {
		return &notBuiltIn{"Ogg"}
	}
	channels, family := int(b[9]), b[18]
	if channels < 1 || channels > 2 || family > 1 || family == 1 && !plainMapping(b) {
		return &notBuiltIn{fmt.Sprintf("Ogg Opus with %d channels", channels)}
	}
	dec, err := opus.NewDecoderWithOutput(opusRate, channels)
	if err != nil {
		return err
	}
	d.dec, d.channels = dec, channels
	d.preSkip = int64(binary.LittleEndian.Uint16(b[10:]))
	d.gain = float32(math.Pow(10, float64(int16(binary.LittleEndian.Uint16(b[16:])))/(20*256)))
	d.placed, d.last, d.stop = false, false, math.MaxInt64
	d.page, d.index = ogg.Page{}, 0
	d.pages.Follow(p)
	return nil
}

// plainMapping says whether a head of mapping family 1 describes one stream of one or
// two channels in their usual order.
func plainMapping(b []byte) bool {
	channels := b[9]
	if len(b) < 21+int(channels) {
		return false
	}
	streams, coupled, mapping := b[19], b[20], b[21:21+channels]
	return streams == 1 && coupled == channels-1 && bytes.Equal(mapping, []byte{0, 1}[:channels])
}

func (d *opusDecoder) info() Info                { return d.facts }
func (d *opusDecoder) close() error              { return nil }
func (d *opusDecoder) position() timeline.Sample { return at16k(opusRate, d.given) }

func (d *opusDecoder) next() (frames, error) {
	for {
		var f frames
		switch {
		case d.silent > 0:
			n := int(min(d.silent, maxOpusPacket))
			d.silent -= int64(n)
			d.silence(n)
			f = d.give(n)
		case d.index < len(d.page.Packets):
			packet := d.page.Packets[d.index]
			d.index++
			f = d.give(d.decode(packet))
		default:
			err := d.turn()
			if err == io.EOF {
				d.end()
			}
			if err != nil {
				return frames{}, err
			}
		}
		if f.channels != nil {
			return f, nil
		}
	}
}

// turn takes the next page and works out what is missing before it.
func (d *opusDecoder) turn() error {
	p, err := d.pages.Next()
	if err != nil {
		return err
	}
	d.page, d.index = ogg.Page{}, 0
	if p.First {
		if err := d.begin(p); err != nil {
			d.note(Damaged, d.position(), "The file goes on with something that is not Opus; it was skipped.")
		}
		return nil
	}
	// Comments stand before the sound.
	for len(p.Packets) > 0 && bytes.HasPrefix(p.Packets[0], []byte("OpusTags")) {
		p.Packets = p.Packets[1:]
	}
	d.page = p
	d.last = d.last || p.Last
	if len(p.Packets) == 0 || p.Granule == ogg.NoGranule {
		return nil
	}
	length := int64(0)
	for _, packet := range p.Packets {
		length += int64(opusSamples(packet))
	}
	if !d.placed {
		// A recording of a broadcast does not begin at zero. Only a last page may end
		// before its packets do.
		d.placed, d.granule = true, max(0, p.Granule-length)
	}
	gap := p.Granule - d.granule - length
	switch {
	case p.Last && gap < 0:
		d.stop = p.Granule
	case gap < 0:
		d.granule += gap
	case gap >= opusTolerance && d.keep(span(opusRate, gap)):
		d.silent = gap
		d.note(Damaged, d.position(), fmt.Sprintf("%s of sound is missing from the Opus stream; there is silence instead at %s.",
			at16k(opusRate, gap).Clock(), d.position().Clock()))
	case gap >= opusTolerance:
		d.granule += gap
		d.noteClosed(d.position(), span(opusRate, gap))
	}
	return nil
}

// opusSamples returns how long a packet is, from its first byte or two (RFC 6716,
// section 3.1), or 0 if it is not valid.
func opusSamples(packet []byte) int {
	if len(packet) == 0 {
		return 0
	}
	config := packet[0] >> 3
	var frame int
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = [4]int{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		frame = 480 << (config & 1)
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = 120 << (config & 3)
	}
	count := 1
	switch packet[0] & 3 {
	case 1, 2:
		count = 2
	case 3:
		if len(packet) < 2 {
			return 0
		}
		count = int(packet[1] & 63)
	}
	if n := frame * count; n <= maxOpusPacket {
		return n
	}
	return 0
}

// decode fills the buffers from one packet and returns how many samples it has.
func (d *opusDecoder) decode(packet []byte) int {
	n, err := d.dec.DecodeToFloat32(packet, d.interleaved)
	if err != nil || n > maxOpusPacket {
		if d.lost == 0 {
			d.lostAt = d.position()
		}
		d.lost++
		n = opusSamples(packet)
		d.silence(n)
		return n
	}
	d.flushLost()
	pcm := d.interleaved[:n*d.channels]
	if d.channels == 1 {
		for i, v := range pcm {
			v *= d.gain
			d.buf[0][i], d.buf[1][i] = v, v
		}
		return n
	}
	left, right := d.buf[0][:n], d.buf[1][:n]
	for i := range left {
		left[i], right[i] = pcm[2*i]*d.gain, pcm[2*i+1]*d.gain
	}
	if len(d.out) == 1 {
		for i, v := range right {
			left[i] = (left[i] + v) / 2
		}
	}
	return n
}

func (d *opusDecoder) silence(n int) {
	clear(d.buf[0][:n])
	clear(d.buf[1][:n])
}

// give returns the first n samples of the buffers without pre-skip and padding, or
// nothing if none are left.
func (d *opusDecoder) give(n int) frames {
	d.granule += int64(n)
	start := min(int64(n), d.preSkip)
	d.preSkip -= start
	stop := int64(n)
	if d.granule > d.stop {
		stop = max(0, stop-(d.granule-d.stop))
	}
	if start >= stop {
		return frames{}
	}
	for c := range d.out {
		d.out[c] = d.buf[c][start:stop]
	}
	d.given += stop - start
	return frames{rate: opusRate, channels: d.out}
}

// flushLost ends a stretch of packets that could not be decoded.
func (d *opusDecoder) flushLost() {
	if d.lost > 0 {
		d.note(Damaged, d.lostAt, fmt.Sprintf("%s cannot be decoded; there is silence instead at %s.",
			plural.Count(d.lost, "Opus packet"), d.lostAt.Clock()))
	}
	d.lost = 0
}

func (d *opusDecoder) end() {
	if d.ended {
		return
	}
	d.ended = true
	d.flushLost()
	if at := d.position(); d.pages.Cut() || !d.last {
		d.note(Truncated, at, fmt.Sprintf("The file is cut off: it has no last page, and ends at %s.", at.Clock()))
	}
}
