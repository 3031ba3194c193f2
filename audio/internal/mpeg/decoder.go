package mpeg

import "errors"

// MaxSamples is the most samples a frame has in each channel.
const MaxSamples = 1152

const (
	maxReach = 511     // bytes before a frame at which its main data may begin
	maxFrame = 1 << 12 // bytes of a frame that the decoder takes
)

// Why a frame could not be decoded; silence took its place.
var (
	// ErrStart: main data lie in frames before the first that the decoder was given.
	// This is normal where a recording was cut from a longer one.
	ErrStart = errors.New("begins in a frame that is missing")
	// ErrFrame: the frame contradicts itself.
	ErrFrame = errors.New("damaged frame")
)

// A Decoder decodes layer III frame by frame. The zero value is ready.
type Decoder struct {
	reservoir
	side     sideInfo
	layout   [2]layout
	scale    [2]scaleFactors
	x        [2][lines]float32
	count    [2]int // lines of x that may differ from zero
	scratch  [lines]float32
	slots    [slots][subbands]float32
	channels [2]channel
}

// reservoir holds main data: the last bytes of earlier frames, then those of this one.
type reservoir struct {
	bytes [maxReach + maxFrame + slack]byte
	kept  int // bytes of earlier frames
}

// add adds the main data of a frame and returns how many bytes there are.
func (r *reservoir) add(data []byte) (size int) {
	size = r.kept + copy(r.bytes[r.kept:], data)
	clear(r.bytes[size:][:slack])
	return size
}

// keep moves the main data that later frames may refer to to the front.
func (r *reservoir) keep(size int) {
	n := min(size, maxReach)
	copy(r.bytes[:], r.bytes[size-n:size])
	r.kept = n
}

// Decode decodes one whole frame of layer III. Each of out's slices, one for a channel,
// gets h.Samples() samples in [-1, 1] or a little beyond. With ErrStart or ErrFrame they
// are as many, silent where sound is missing, and the next frame can be decoded.
func (d *Decoder) Decode(h Header, frame []byte, out [2][]float32) error {
	err := d.decode(h, frame, out)
	if err != nil && err != ErrStart {
		err = ErrFrame
	}
	return err
}

func (d *Decoder) decode(h Header, frame []byte, out [2][]float32) error {
	at := HeaderSize
	if h.Protected {
		at += 2 // the checksum is wrong in so many good files that players ignore it
	}
	sideAt := at
	at += h.sideInfoSize()
	if h.Layer != 3 || at > len(frame) || len(frame) > maxFrame {
		d.kept = 0
		d.silence(h, 0, out)
		return ErrFrame
	}
	// The reservoir's tail serves as slack behind the side information.
	var side [32 + slack]byte
	copy(side[:], frame[sideAt:at])
	sideErr := d.side.parse(h, side[:])

	size := d.add(frame[at:])
	begin := d.kept - d.side.mainBegin
	defer d.keep(size)
	switch {
	case sideErr != nil:
		d.silence(h, 0, out)
		return sideErr
	case begin < 0:
		d.silence(h, 0, out)
		return ErrStart
	}
	r := bits{b: d.bytes[:size+slack], pos: 8 * begin}
	for g := range h.granules() {
		if err := d.granule(h, g, &r, 8*size, out); err != nil {
			d.silence(h, g, out)
			return err
		}
	}
	return nil
}

// Skip passes over a frame without decoding it, and keeps the main data that frames
// after it may refer to. After two more frames were decoded, nothing shows that others
// were skipped.
func (d *Decoder) Skip(h Header, frame []byte) {
	at := HeaderSize + h.sideInfoSize()
	if h.Protected {
		at += 2
	}
	if h.Layer != 3 || at > len(frame) || len(frame) > maxFrame {
		d.kept = 0
		return
	}
	d.keep(d.add(frame[at:]))
}

// granule decodes one granule of all channels; main data end at bit position end.
func (d *Decoder) granule(h Header, g int, r *bits, end int, out [2][]float32) error {
	channels := h.Channels()
	for c := range channels {
		gr := &d.side.granules[g][c]
		stop := r.pos + gr.bits
		if stop > end {
			return errHuffman
		}
		if err := d.readChannel(h, g, c, r, stop); err != nil {
			return err
		}
		r.pos = stop
	}
	if channels == 2 {
		d.stereo(h, g)
	}
	for c := range channels {
		gr := &d.side.granules[g][c]
		if d.layout[c].short > 0 {
			d.layout[c].reorder(&d.x[c], &d.scratch)
			d.count[c] = lines
		}
		d.synthesise(h, gr, g, c, out[c])
	}
	return nil
}

// readChannel reads scale factors and lines of one channel up to bit position stop.
func (d *Decoder) readChannel(h Header, g, c int, r *bits, stop int) error {
	gr, l, s := &d.side.granules[g][c], &d.layout[c], &d.scale[c]
	l.set(h, gr)
	if h.Version == MPEG1 {
		share := 0
		if g == 1 {
			share = d.side.share[c]
		}
		s.read(r, gr, l, share)
	} else {
		s.readLow(r, gr, l, c == 1 && h.intensity())
	}
	if r.pos > stop {
		return errHuffman
	}
	n, err := readLines(r, gr, stop, &d.x[c])
	if err != nil {
		return err
	}
	d.count[c] = n
	var gains [39]float32
	s.gains(gr, l, &gains)
	at := 0
	for b, w := range l.bands() {
		if at >= n {
			break
		}
		gain := gains[b]
		x := d.x[c][at : at+int(w)]
		for i := range x {
			x[i] *= gain
		}
		at += int(w)
	}
	return nil
}

// synthesise runs granule g of channel c through its filter banks.
func (d *Decoder) synthesise(h Header, gr *granule, g, c int, out []float32) {
	ch := &d.channels[c]
	ch.hybrid(h, gr, &d.x[c], d.count[c], &d.slots)
	ch.synth.run(&d.slots, (*[lines]float32)(out[g*lines:]))
}

// silence runs nothing through the filter banks from granule g on, so that the sound
// before fades out as it would.
func (d *Decoder) silence(h Header, g int, out [2][]float32) {
	none := granule{}
	for c := range h.Channels() {
		clear(d.x[c][:])
		d.count[c] = 0
		for g := g; g < h.granules(); g++ {
			d.synthesise(h, &none, g, c, out[c])
		}
		if n := h.granules() * lines; n < h.Samples() { // of another layer
			clear(out[c][n:h.Samples()])
		}
	}
}
