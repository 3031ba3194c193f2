package viterbi

import "github.com/asr-backend/asr-backend/timeline"

// trace is the way back from each state of a block of rows.
type trace struct {
	first  timeline.Row // of the block
	states []uint64     // 4 bits for the label and the blank of a token
	skips  []uint64     // 2 bits a word
	record []record
}

// record is the way back of one row: tokens [lo, hi) and, once the window has reached
// the end, the last blank; words [from, to).
type record struct {
	lo, hi   int
	from, to int
	states   []uint64
	skips    []uint64
}

func (r *record) label(i int) uint64 { i -= r.lo; return r.states[i>>4] >> (i & 15 * 4) & 3 }
func (r *record) blank(i int) uint64 { i -= r.lo; return r.states[i>>4] >> (i&15*4 + 2) & 3 }
func (r *record) skip(w int) uint64  { w -= r.from; return r.skips[w>>5] >> (w & 31 * 2) & 3 }

func (r *record) setLabel(i int, code uint64) { i -= r.lo; set(&r.states[i>>4], i&15*4, code) }
func (r *record) setBlank(i int, code uint64) { i -= r.lo; set(&r.states[i>>4], i&15*4+2, code) }
func (r *record) setSkip(w int, code uint64)  { w -= r.from; set(&r.skips[w>>5], w&31*2, code) }

func set(word *uint64, shift int, code uint64) { *word = *word&^(3<<shift) | code<<shift }
