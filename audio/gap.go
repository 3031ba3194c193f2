package audio

import (
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/timeline"
)

// maxGap bounds the silence that stands for gaps: of one, and of all of a recording
// together. The positions of packets are claims, and a few bytes can claim years; what goes
// beyond is closed up, and a diagnostic says where. It holds for every container.
const maxGap = 24 * time.Hour

// A long gap is kept, but mentioned.
const longGap = 10 * time.Minute

// gaps counts the silence that stands for gaps in a recording.
type gaps struct{ total time.Duration }

// keep says whether a gap of the given length becomes silence.
func (g *gaps) keep(length time.Duration) bool {
	if length > maxGap-g.total {
		return false
	}
	g.total += length
	return true
}

// noteClosed says that a gap was closed up.
func (n *notes) noteClosed(at timeline.Sample, length time.Duration) {
	n.note(Damaged, at, fmt.Sprintf("The positions in the file leap by %s at %s; gaps of more than %d hours in all are closed up, so the sound goes on there.",
		timeline.SampleAt(length).Clock(), at.Clock(), maxGap/time.Hour))
}

// span is how long n samples at the given rate last, of any n: at most 290 years.
func span(rate int, n int64) time.Duration {
	const most = int64(290 * 365 * 24 * time.Hour / time.Second)
	seconds, rest := n/int64(rate), n%int64(rate)
	return time.Duration(max(-most, min(seconds, most)))*time.Second + time.Duration(rest)*time.Second/time.Duration(rate)
}
