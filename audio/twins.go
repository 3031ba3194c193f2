package audio

import (
	"fmt"
	"slices"
)

// A comparison finds channels that carry the same sound from beginning to end, at whatever
// level and either way up. It is given all of it, block by block.
type comparison struct {
	pairs  []pair
	energy []float64 // of each channel in the present block
}

// A pair is two channels that have not differed so far.
type pair struct {
	first, second int
	sounded       bool // there was something to compare
}

const (
	// quiet is the mean square of samples that say nothing: -80 dB of full scale.
	quiet = 1e-8
	// residual is the energy of a difference, in relation to the sound, that makes none:
	// -60 dB.
	residual = 1e-6
)

func newComparison(channels int) *comparison {
	c := &comparison{energy: make([]float64, channels)}
	for _, p := range pairsOf(channels) {
		c.pairs = append(c.pairs, pair{first: p[0], second: p[1]})
	}
	return c
}

// add compares the channels of a block. Pairs that differ are out.
func (c *comparison) add(channels [][]float32) {
	if len(c.pairs) == 0 {
		return
	}
	silence := quiet * float64(len(channels[0]))
	for i, x := range channels {
		c.energy[i] = dot(x, x)
	}
	c.pairs = slices.DeleteFunc(c.pairs, func(p pair) bool {
		return max(c.energy[p.first], c.energy[p.second]) >= silence && !c.same(channels, p)
	})
	for i, p := range c.pairs {
		c.pairs[i].sounded = p.sounded || c.energy[p.first] >= silence
	}
}

// same says whether all that two channels differ by in a block is a factor: what of one
// is left without the other is next to nothing.
func (c *comparison) same(channels [][]float32, p pair) bool {
	a, b := c.energy[p.first], c.energy[p.second]
	product := dot(channels[p.first], channels[p.second])
	return a*b-product*product <= residual*a*b && min(a, b) > residual*max(a, b)
}

func dot(a, b []float32) (sum float64) {
	b = b[:len(a)]
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

// twin returns the first channel that carries the same sound as channel n and comes before
// it, or -1.
func (c *comparison) twin(n int) int {
	for _, p := range c.pairs {
		if p.second == n && p.sounded {
			return p.first
		}
	}
	return -1
}

// diagnostics says which channels are twins.
func (c *comparison) diagnostics() (list []Diagnostic) {
	for n := range c.energy {
		if first := c.twin(n); first >= 0 {
			list = append(list, Diagnostic{Kind: Duplicate, Text: fmt.Sprintf(
				"Channels %d and %d carry the same sound, so one of them is enough: mix the channels, or choose one.", first, n)})
		}
	}
	return list
}
