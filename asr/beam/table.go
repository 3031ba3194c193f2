package beam

import "github.com/asr-backend/asr-backend/asr/ctc"

// table finds the candidates of a row by their text and last piece.
type table struct {
	all   []candidate
	slots []int32 // numbers of candidates, from 1 on; their count is a power of two
}

func (t *table) clear() {
	t.all = t.all[:0]
	clear(t.slots)
}

// get returns the candidate, and whether it is a new one. The pointer is valid until the
// next call.
func (t *table) get(hash uint64, last ctc.Piece, begun bool) (c *candidate, added bool) {
	if 2*len(t.all) >= len(t.slots) {
		t.grow()
	}
	at := t.slot(hash, last, begun)
	if n := t.slots[at]; n > 0 {
		return &t.all[n-1], false
	}
	t.all = append(t.all, candidate{hash: hash, last: last, begun: begun})
	t.slots[at] = int32(len(t.all))
	return &t.all[len(t.all)-1], true
}

// slot returns where a candidate is or belongs.
func (t *table) slot(hash uint64, last ctc.Piece, begun bool) int {
	mask := len(t.slots) - 1
	at := int((hash^uint64(last)*0x9e3779b97f4a7c15)*0xd6e8feb86659fd93>>32) & mask
	for ; t.slots[at] > 0; at = (at + 1) & mask {
		if c := &t.all[t.slots[at]-1]; c.hash == hash && c.last == last && c.begun == begun {
			break
		}
	}
	return at
}

func (t *table) grow() {
	t.slots = make([]int32, max(1024, 2*len(t.slots)))
	for i := range t.all {
		t.slots[t.slot(t.all[i].hash, t.all[i].last, t.all[i].begun)] = int32(i + 1)
	}
}
