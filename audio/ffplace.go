package audio

import (
	"fmt"
	"strings"

	"github.com/asr-backend/asr-backend/audio/internal/nut"
	"github.com/asr-backend/asr-backend/audio/internal/pcm"
	"github.com/asr-backend/asr-backend/timeline"
)

// ffmpeg gives packets of samples with the timestamps of the container, and fills no gaps:
// it would make the whole silence at once, in memory. A placer puts the packets on the time
// line. Up to a tenth of a second, a timestamp that differs from the count of samples is
// rounding or a codec's delay. Beyond,
//
//   - what lies later follows silence, within the limits of maxGap;
//   - what lies before the beginning of the file is cut away, as players do;
//   - what overlaps with sound before it because the clock of the timestamps runs slower than
//     that of the samples is cut away, a tenth of a second at a time, so that all of a long
//     recording stays in its place;
//   - what overlaps for another reason is joined files or wrong timestamps: the sound goes on,
//     nothing of it is lost.
//
// It says the last two, and gaps that it closes up.

// ptsOffset is added to all timestamps by ffmpeg, as the format between us has no negative
// ones.
const ptsOffset = 1 << 45

var float32s = pcm.Encoding{Kind: pcm.Float, Bytes: 4}

// A placer gives the sound of an nut.Reader in its place.
type placer struct {
	*notes
	in *nut.Reader
	gaps
	// ownStart says that the file begins where its sound does, whatever timestamp that has.
	ownStart bool
	// chained says that positions may begin anew without anything being wrong.
	chained bool

	at      int64 // samples given
	shift   int64 // from timestamps to positions
	settled int64 // position of the last leap
	begun   bool
	drifted bool // it was said
	leapt   bool // it was said

	silent int64  // samples of silence still to give
	packet []byte // sound still to give after it
	buf    [][]float32
	out    [][]float32
}

func newPlacer(n *notes, in *nut.Reader) *placer {
	return &placer{notes: n, in: in, buf: planar(in.Channels, silentChunk), out: make([][]float32, in.Channels)}
}

func (p *placer) next() (frames, error) {
	for p.silent == 0 && len(p.packet) == 0 {
		pts, data, err := p.in.Next()
		if err != nil {
			return frames{}, err
		}
		frame := 4 * p.in.Channels
		cut := p.place(pts-ptsOffset, int64(len(data)/frame))
		p.packet = data[:len(data)/frame*frame][cut*int64(frame):]
	}
	n := len(p.packet) / (4 * p.in.Channels)
	if p.silent > 0 {
		n = int(min(p.silent, silentChunk))
		p.silent -= int64(n)
		for _, b := range p.buf {
			clear(b[:n])
		}
		return p.give(n), nil
	}
	if n > len(p.buf[0]) {
		p.buf = planar(p.in.Channels, n)
	}
	for c := range p.out {
		p.out[c] = p.buf[c][:n]
	}
	float32s.Decode(p.out, p.packet)
	p.packet = nil
	return p.give(n), nil
}

func (p *placer) give(n int) frames {
	for c := range p.out {
		p.out[c] = p.buf[c][:n]
	}
	p.at += int64(n)
	return frames{rate: p.in.Rate, channels: p.out}
}

// place decides on a packet of n samples, and returns how many of them to leave out.
func (p *placer) place(pts, n int64) (cut int64) {
	rate := int64(p.in.Rate)
	first := !p.begun
	p.begun = true
	if first && p.ownStart {
		p.shift = -pts
	}
	at := at16k(p.in.Rate, p.at)
	switch late := pts + p.shift - p.at; {
	case -late < rate/10 && late < rate/10:
	case late > 0:
		length := span(p.in.Rate, late)
		if !p.keep(length) {
			p.leap(late)
			p.noteClosed(at, length)
			return 0
		}
		p.silent, p.settled = late, p.at+late
		if length >= longGap {
			p.note(Partial, at, fmt.Sprintf("By the timestamps of the file there is no sound for %s from %s on; silence stands for it.",
				timeline.SampleAt(length).Clock(), at.Clock()))
		}
	case p.at == 0 && -late < rate:
		return min(-late, n)
	case -late <= (p.at-p.settled)/100 && -late < rate:
		p.settled = p.at
		if !p.drifted {
			p.drifted = true
			p.note(Mislabelled, at, fmt.Sprintf("The file has more sound than its timestamps have room for; what is too much is cut away from %s on, a tenth of a second at a time.", at.Clock()))
		}
		return min(-late, n)
	default:
		p.leap(late)
		if !p.leapt && !p.chained {
			p.leapt = true
			p.note(Mislabelled, at, fmt.Sprintf("By the timestamps of the file, the sound at %s overlaps with what comes before it; all of it is kept, so what follows is later than they say.", at.Clock()))
		}
	}
	return 0
}

// leap makes the sound go on where a timestamp says that it is late.
func (p *placer) leap(late int64) {
	p.shift -= late
	p.settled = p.at
}

// reservoir says whether a codec's first packets give no sound, so that the first sound
// does not have the first timestamp.
func reservoir(codec string) bool { return strings.HasPrefix(codec, "wma") }
