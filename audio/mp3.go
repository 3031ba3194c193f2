package audio

import (
	"fmt"
	"io"
	"math"

	"github.com/asr-backend/asr-backend/audio/internal/mpeg"
	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/timeline"
)

// An mp3Decoder gives the sound of MPEG layer III as players do: without the frame that
// describes the file, the delays of encoder and decoder, and the encoder's padding.
//
// Sample positions in here count decoded samples from the first real frame on.
type mp3Decoder struct {
	notes
	frames *mpeg.Frames
	facts  Info

	frame  mpeg.Decoded // the last one
	held   bool         // it is still to be given
	judged bool         // what was skipped before the next one is accounted for
	rate   int

	decoded int64           // samples, at the present rate
	before  timeline.Sample // sound before the last change of rate
	from    int64           // decoded samples before this one are delay
	drop    [2]int64        // and those in here are padding

	// Lengths of the frames so far in bytes, to judge what junk stands for.
	sizes, count      int64
	shortest, longest int

	silent  int64 // samples of silence still to give for lost frames
	damage  mp3Damage
	started bool // sound was decoded without an error once
	partial bool // the last frame is incomplete
	ended   bool

	silence []float32
	out     [][]float32
}

// mp3Damage counts what was lost, to be reported once for each stretch.
type mp3Damage struct {
	frames int
	at     timeline.Sample
}

func openMP3(in *input) (decoder, error) {
	d := &mp3Decoder{frames: mpeg.NewFrames(mpeg.NewScanner(in.buf), in.workers())}
	f, err := d.frames.Peek()
	if err == io.EOF {
		return nil, &Error{Err: fmt.Errorf("%w: no MPEG frame in it", ErrDamaged)}
	}
	if err != nil {
		return nil, err
	}
	if f.Layer != 3 {
		return nil, &notBuiltIn{fmt.Sprintf("MPEG layer %d", f.Layer)}
	}
	d.rate = f.Rate
	d.facts = Info{
		Container: "MP3", Codec: codecName(f.Header), Decoder: builtIn,
		SampleRate: f.Rate, Channels: f.Channels(), Declared: -1, Estimate: -1,
	}
	if in.size > 0 && f.Bitrate > 0 {
		seconds := float64(in.size) * 8 / float64(f.Bitrate)
		d.facts.Estimate = timeline.Sample(seconds * timeline.SampleRate)
	}
	if info, ok := mpeg.ParseInfo(f.Header, f.Data); ok {
		d.frames.Drop()
		d.trim(info, f.Header)
	}
	d.out = make([][]float32, d.facts.Channels)
	in.commit()
	return d, nil
}

func codecName(h mpeg.Header) string {
	return "MPEG-" + [4]string{"", "1", "2", "2.5"}[h.Version] + " layer III"
}

// trim works out which samples are not sound, in the way of ffmpeg, on which browsers
// build: the decoder's delay counts even if the encoder's is not known.
func (d *mp3Decoder) trim(info mpeg.Info, h mpeg.Header) {
	total := info.Frames * int64(h.Samples())
	if info.Trim {
		d.from = int64(info.Delay + mpeg.DecoderDelay)
	}
	end := total
	if total > 0 && info.Padding > mpeg.DecoderDelay {
		end = total - int64(info.Padding-mpeg.DecoderDelay)
		d.drop = [2]int64{end, total}
	}
	if total > 0 {
		d.facts.Declared = at16k(h.Rate, max(0, end-d.from))
		d.facts.Estimate = d.facts.Declared
	}
}

func (d *mp3Decoder) info() Info { return d.facts }

func (d *mp3Decoder) close() error {
	d.frames.Close()
	return nil
}

func (d *mp3Decoder) next() (frames, error) {
	for {
		if !d.held {
			f, err := d.frames.Next()
			if err == io.EOF {
				d.end()
			}
			if err != nil {
				return frames{}, err
			}
			d.frame, d.held = f, true
			d.account(f.Header, f.Skipped)
			d.judged = false
		}
		if d.silent > 0 {
			if f := d.giveSilence(); f.channels != nil {
				return f, nil
			}
			continue
		}
		d.held = false
		if f := d.sound(); f.channels != nil {
			return f, nil
		}
	}
}

// giveSilence gives some of what stands for lost frames.
func (d *mp3Decoder) giveSilence() frames {
	if d.silence == nil {
		d.silence = make([]float32, mpeg.MaxSamples)
	}
	n := int(min(d.silent, mpeg.MaxSamples))
	d.silent -= int64(n)
	return d.give([2][]float32{d.silence, d.silence}, n)
}

// account accounts for what lies between the last frame and one with a header h.
func (d *mp3Decoder) account(h mpeg.Header, skipped int64) {
	if skipped > 0 && d.count > 0 && !d.judged {
		d.lost(h, skipped)
	}
	d.judged = true
}

// lost decides what bytes that are no frame stood for. Where all frames have one length,
// a whole number of them was destroyed in place, or the bytes were put in between; where
// lengths differ, the average says how many frames it was.
func (d *mp3Decoder) lost(h mpeg.Header, skipped int64) {
	average := float64(d.sizes) / float64(d.count)
	n := int64(float64(skipped)/average + 0.5)
	off := math.Abs(float64(skipped) - float64(n)*average)
	if constant := d.longest-d.shortest <= 1; n > 0 && (!constant || off < 4) {
		d.damaged(int(n))
		d.silent = n * int64(h.Samples())
		return
	}
	d.note(Damaged, d.position(), fmt.Sprintf("%d bytes that are not MP3 were skipped at %s.", skipped, d.position().Clock()))
}

// tally takes a frame into the statistics that lost needs.
func (d *mp3Decoder) tally(size int) {
	if d.count == 0 || size < d.shortest {
		d.shortest = size
	}
	d.longest = max(d.longest, size)
	d.sizes += int64(size)
	d.count++
}

// sound gives the frame at hand.
func (d *mp3Decoder) sound() frames {
	f := &d.frame
	if f.Rate != d.rate {
		d.flushDamage()
		d.before, d.decoded, d.from, d.drop = d.position(), 0, 0, [2]int64{}
		d.rate = f.Rate
	}
	switch {
	case f.Err != nil && f.Cut:
		// Most of what a frame holds belongs to the next one, so it was worth a try.
		d.partial = true
		return frames{}
	case f.Err == nil:
		d.started = true
		d.flushDamage()
	case f.Err == mpeg.ErrStart && !d.started:
		// Cut out of a longer stream: the sound before is not part of this file.
	default:
		d.damaged(1)
	}
	d.tally(f.Size)

	// The number of channels may change within a file, that of the stream may not.
	n := f.Header.Samples()
	switch {
	case f.Channels() == 1 && len(d.out) == 2:
		copy(f.Samples[1][:n], f.Samples[0][:n])
	case f.Channels() == 2 && len(d.out) == 1:
		for i, v := range f.Samples[1][:n] {
			f.Samples[0][i] = (f.Samples[0][i] + v) / 2
		}
	}
	return d.give(f.Samples, n)
}

// give returns the first n samples without those that are not sound, or nothing if none
// are left.
func (d *mp3Decoder) give(samples [2][]float32, n int) frames {
	at := d.decoded
	d.decoded += int64(n)
	// Cut [start, stop) out of [at, at+n): delay from below, padding from either side.
	start, stop := max(at, d.from), at+int64(n)
	if d.drop[0] < d.drop[1] {
		if start >= d.drop[0] {
			start = max(start, d.drop[1])
		} else {
			stop = min(stop, d.drop[0])
		}
	}
	if start >= stop {
		return frames{}
	}
	for c := range d.out {
		d.out[c] = samples[c][start-at : stop-at]
	}
	return frames{rate: d.rate, channels: d.out}
}

// position is where the next decoded sample lies on the time line.
func (d *mp3Decoder) position() timeline.Sample {
	return d.before + at16k(d.rate, d.given())
}

// given is how many of the samples decoded so far, at the present rate, are sound.
func (d *mp3Decoder) given() int64 {
	n := d.decoded
	if d.drop[0] < d.drop[1] && n > d.drop[0] {
		n -= min(n, d.drop[1]) - d.drop[0]
	}
	return max(0, n-d.from)
}

// damaged counts frames for which silence stands.
func (d *mp3Decoder) damaged(n int) {
	if d.damage.frames == 0 {
		d.damage.at = d.position()
	}
	d.damage.frames += n
}

// flushDamage ends a stretch of damage.
func (d *mp3Decoder) flushDamage() {
	if d.damage.frames == 0 {
		return
	}
	d.note(Damaged, d.damage.at, fmt.Sprintf("%s cannot be decoded; there is silence instead at %s.",
		plural.Count(d.damage.frames, "MP3 frame"), d.damage.at.Clock()))
	d.damage = mp3Damage{}
}

// end says what was wrong with the file as a whole.
func (d *mp3Decoder) end() {
	if d.ended {
		return
	}
	d.ended = true
	d.flushDamage()
	at, declared := d.position(), d.facts.Declared
	frame := at16k(d.rate, mpeg.MaxSamples)
	switch {
	case declared >= 0 && at+frame < declared:
		d.cut(at, declared)
	case d.partial:
		d.note(Truncated, at, fmt.Sprintf("The file is cut off within a frame, at %s.", at.Clock()))
	case declared >= 0 && at > declared+frame:
		d.note(Mislabelled, 0, fmt.Sprintf("The header announces %s of sound, the file has %s.", declared.Clock(), at.Clock()))
	}
}

// skip passes over frames without decoding them.
func (d *mp3Decoder) skip(n int64) (int64, error) {
	start := d.from
	for {
		f, err := d.frames.Peek()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
		d.account(f.Header, f.Skipped)
		after := d.decoded + d.silent + int64(mpeg.WarmUp+1)*int64(f.Samples())
		if d.silent > 0 || f.Rate != d.rate || after > start+n {
			break
		}
		d.frames.Pass()
		d.judged = false
		d.started = true
		d.tally(len(f.Data))
		d.decoded += int64(f.Samples())
	}
	return d.given(), nil
}
