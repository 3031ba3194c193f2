package audio

import (
	"fmt"

	"github.com/asr-backend/asr-backend/audio/internal/resample"
	"github.com/asr-backend/asr-backend/timeline"
)

// maxChannels is the most channels a recording may have.
const maxChannels = 255

// A decoder turns the bytes of one recording into sound at its own rate.
type decoder interface {
	// info is known once the decoder exists.
	info() Info
	// next returns the frames that follow, at least one; they are valid until the next
	// call. After the last it returns io.EOF. Other errors are final too.
	next() (frames, error)
	// diagnostics returns what was found wrong so far, in order of position.
	diagnostics() []Diagnostic
	// close frees what the decoder holds, and waits for what it started.
	close() error
}

// A skipper is a decoder that can pass over sound faster than by decoding it.
type skipper interface {
	// skip passes over up to n frames before the first call of next, and returns over
	// how many it did.
	skip(n int64) (int64, error)
}

// frames are consecutive samples, one slice of equal length for each channel. The rate
// may change from one call to the next, the number of channels may not.
type frames struct {
	rate     int
	channels [][]float32
}

func (f frames) len() int { return len(f.channels[0]) }

// drop returns f without its first n frames.
func (f frames) drop(n int) frames {
	rest := frames{rate: f.rate, channels: make([][]float32, len(f.channels))}
	for c := range f.channels {
		rest.channels[c] = f.channels[c][n:]
	}
	return rest
}

// notes collects diagnostics for the decoder that embeds it.
type notes struct{ list []Diagnostic }

func (n *notes) note(k Kind, at timeline.Sample, text string) {
	n.list = append(n.list, Diagnostic{Kind: k, At: at, Text: text})
}

// cut notes that the sound ends at a position before what its header announces.
func (n *notes) cut(at, declared timeline.Sample) {
	n.note(Truncated, at, fmt.Sprintf("The file is cut off at %s: its header announces %s of sound, %s of which is missing.",
		at.Clock(), declared.Clock(), (declared-at).Clock()))
}

func (n *notes) diagnostics() []Diagnostic { return n.list }

// planar allocates n frames.
func planar(channels, n int) [][]float32 {
	all := make([]float32, channels*n)
	p := make([][]float32, channels)
	for c := range p {
		p[c] = all[c*n : (c+1)*n : (c+1)*n]
	}
	return p
}

// at16k places a frame count of the given rate on the time line.
func at16k(rate int, n int64) timeline.Sample {
	return timeline.Sample(resample.Length(rate, n))
}
