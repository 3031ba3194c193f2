package audio

import (
	"fmt"
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/timeline"
)

// A mixer makes the mean of the channels, without those that would cancel others: a
// microphone wired the wrong way round gives the same sound upside down, and the mean of
// both is silence.
//
// Sound is cut into stretches of a quarter of a second on a fixed grid, and each stretch
// decides for itself, so that a part of a recording sounds as it does in the whole. Of two
// channels whose sum has less than a tenth of the energy that it would have if they had
// nothing in common, the quieter is left out. Where the choice changes, the first
// hundredth of a second fades from one to the other.
type mixer struct {
	rate    int
	origin  timeline.Sample // where the sound of this rate begins
	stretch int             // frames
	step    int             // every how many frames one is looked at
	pairs   [][2]int        // of channels that are compared

	kept   [][]float32 // the stretch under way
	filled int         // frames of it
	at     int64       // frames before it
	want   int64       // frames before this one are context and not part of the result

	choice, before selection
	chosen, begun  bool      // whether they are a choice: there was a stretch, and not silent
	offset, energy []float64 // of each channel: mean, and mean square around it
	out, faded     []float32

	cancellations
}

// A selection says which channels are left out of a mix.
type selection []bool

const (
	stretches = 4   // a second
	fades     = 100 // a second
	// maxKeptSamples bounds the samples that are kept, in all channels.
	maxKeptSamples = 1 << 20
	// Of more channels only neighbours are compared.
	maxAllPairs = 8
	// One frame in eleven is looked at, as few tones have a period that it divides; in
	// short stretches, all.
	sparse, shortStretch = 11, 1000
	// fewLooks is less than what says anything about a stretch.
	fewLooks = 32
	// cancelled is the energy of a sum in relation to those of its parts.
	cancelled = 0.1
	// faint is the mean square of samples that are none: -120 dB of full scale.
	faint = 1e-12
)

func newMixer(channels int) *mixer {
	return &mixer{
		pairs: pairsOf(channels), kept: make([][]float32, channels), offset: make([]float64, channels), energy: make([]float64, channels),
		choice: make(selection, channels), before: make(selection, channels),
	}
}

// pairsOf returns which of n channels to compare.
func pairsOf(n int) (pairs [][2]int) {
	for c := range n {
		for d := range c {
			if n <= maxAllPairs || d == c-1 {
				pairs = append(pairs, [2]int{d, c})
			}
		}
	}
	return pairs
}

// begin prepares for sound of the given rate that begins at origin, of which frames from
// want on are of interest. It returns the frame from which on mix has to get them.
func (m *mixer) begin(rate int, origin timeline.Sample, want int64) (from int64) {
	n := len(m.kept)
	m.rate, m.origin = rate, origin
	m.stretch = min(rate/stretches, maxKeptSamples/n)
	m.step = sparse
	if m.stretch < shortStretch {
		m.step = 1
	}
	if len(m.kept[0]) < m.stretch {
		m.kept = planar(n, m.stretch)
	}
	// The stretch before decides how the first one begins.
	m.at = max(0, want/int64(m.stretch)-1) * int64(m.stretch)
	m.want, m.filled, m.begun = want, 0, false
	return m.at
}

// mix takes frames and returns the mixed samples that they settle, valid until the next
// call. The sum of all calls' lengths is that of the frames, after flush.
func (m *mixer) mix(channels [][]float32) []float32 {
	m.out = m.out[:0]
	for done, total := 0, len(channels[0]); done < total; {
		n := min(total-done, m.stretch-m.filled)
		for c, kept := range m.kept {
			copy(kept[m.filled:m.stretch], channels[c][done:done+n])
		}
		done += n
		if m.filled += n; m.filled == m.stretch {
			m.settle()
		}
	}
	return m.out
}

// flush returns the mixed samples of a last stretch that is not full.
func (m *mixer) flush() []float32 {
	m.out = m.out[:0]
	if m.filled > 0 {
		m.settle()
	}
	return m.out
}

// settle mixes the stretch at hand.
func (m *mixer) settle() {
	n := m.filled
	m.choose(n)
	from := len(m.out)
	m.out = slices.Grow(m.out, n)[:from+n]
	m.sum(m.out[from:], m.choice)
	if m.begun && !slices.Equal(m.choice, m.before) {
		fade := min(n, max(1, m.rate/fades))
		m.faded = slices.Grow(m.faded[:0], fade)[:fade]
		m.sum(m.faded, m.before)
		for i, old := range m.faded {
			share := (float32(i) + 0.5) / float32(fade)
			m.out[from+i] = old + (m.out[from+i]-old)*share
		}
	}
	m.choice, m.before = m.before, m.choice
	m.begun = m.chosen
	m.at += int64(n)
	m.filled = 0
}

// sum fills dst with the mean of the channels that are not left out.
func (m *mixer) sum(dst []float32, out selection) {
	if len(m.kept) == 2 && !out[0] && !out[1] { // as nearly always
		left, right := m.kept[0][:len(dst)], m.kept[1][:len(dst)]
		for i := range dst {
			dst[i] = (left[i] + right[i]) * 0.5
		}
		return
	}
	count := 0
	for c, kept := range m.kept {
		kept = kept[:len(dst)]
		switch {
		case out[c]:
			continue
		case count == 0:
			copy(dst, kept)
		default:
			for i, v := range kept {
				dst[i] += v
			}
		}
		count++
	}
	if count == 1 {
		return
	}
	scale := 1 / float32(count)
	for i := range dst {
		dst[i] *= scale
	}
}

// choose decides which channels the stretch of n frames at hand goes without.
func (m *mixer) choose(n int) {
	looks := (n + m.step - 1) / m.step
	clear(m.choice)
	if looks < fewLooks {
		if m.begun {
			copy(m.choice, m.before)
		}
		m.chosen = m.begun
		return
	}
	loudest := 0.0
	for c, kept := range m.kept {
		m.offset[c] = m.mean(kept[:n], looks)
		m.energy[c] = m.covariance(c, c, n, looks)
		loudest = max(loudest, m.energy[c])
	}
	if m.chosen = loudest >= faint; !m.chosen {
		return
	}
	found := -1
	for i, p := range m.pairs {
		a, b := m.energy[p[0]], m.energy[p[1]]
		if a+b < faint {
			continue
		}
		if a+b+2*m.covariance(p[0], p[1], n, looks) >= cancelled*(a+b) {
			continue
		}
		quieter := p[1]
		if a < b {
			quieter = p[0]
		}
		m.choice[quieter] = true
		if found < 0 {
			found = i
		}
	}
	if m.at+int64(n) > m.want {
		m.count(loudest, n, found)
	}
}

// mean returns the mean of the frames looked at.
func (m *mixer) mean(x []float32, looks int) float64 {
	sum := 0.0
	for i := 0; i < len(x); i += m.step {
		sum += float64(x[i])
	}
	return sum / float64(looks)
}

// covariance returns that of two channels in the frames looked at: their product without
// what a constant offset adds to it.
func (m *mixer) covariance(c, d, n, looks int) float64 {
	sum, a, b := 0.0, m.kept[c][:n], m.kept[d][:n]
	for i := 0; i < len(a) && i < len(b); i += m.step {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum/float64(looks) - m.offset[c]*m.offset[d]
}

// count takes a stretch into the statistics; pair is that of channels which cancel each
// other, or negative.
func (m *mixer) count(energy float64, n, pair int) {
	length := at16k(m.rate, int64(n))
	level := min(max(0, -int(math.Floor(math.Log2(energy)))), levels-1)
	m.sound[level] += length
	if pair < 0 {
		return
	}
	l := &m.lost[level]
	if l.length == 0 {
		l.first, l.pair = m.origin+at16k(m.rate, max(m.at, m.want)), m.pairs[pair]
	}
	l.length += length
}

// cancellations is how much sound there was in which channels cancel each other, by
// level: twice the energy is a level less. What matters depends on the loudest, which only
// the end of a recording knows.
type cancellations struct {
	sound [levels]timeline.Sample
	lost  [levels]struct {
		length, first timeline.Sample
		pair          [2]int
	}
}

const (
	levels = 32
	// audible is how many levels below the loudest sound may be to matter: 30 dB.
	audible = 10
)

// diagnostic says how channels cancel each other, if they do for a second or in half of
// the sound.
func (t *cancellations) diagnostic() (d Diagnostic, ok bool) {
	loudest := slices.IndexFunc(t.sound[:], func(n timeline.Sample) bool { return n > 0 })
	if loudest < 0 {
		return d, false
	}
	var sound, lost timeline.Sample
	first, pair := timeline.Sample(math.MaxInt64), [2]int{}
	for i := loudest; i < min(levels, loudest+audible); i++ {
		sound += t.sound[i]
		if l := t.lost[i]; l.length > 0 {
			lost += l.length
			if l.first < first {
				first, pair = l.first, l.pair
			}
		}
	}
	if lost == 0 || lost < timeline.SampleRate && 2*lost < sound {
		return d, false
	}
	return Diagnostic{Kind: Inverted, At: first, Text: fmt.Sprintf(
		"Channels %d and %d cancel each other, first at %s and for %s in all, as if one were wired the wrong way round; there, only the louder one was taken.",
		pair[0], pair[1], first.Clock(), lost.Clock())}, true
}
