package sentencepiece

import "github.com/asr-backend/asr-backend/asr/ctc"

// unknownPenalty is how much lower than the lowest score of a piece that of an unknown
// character is.
const unknownPenalty = 10

// ending is the best way to a position of the text.
type ending struct {
	score float32
	from  int // where its last piece begins, or -1
	id    ctc.Piece
}

func (m *Model) encodeUnigram(s string, emit func(string, ctc.Piece)) {
	best := make([]ending, len(s)+1)
	for i := range best {
		best[i].from = -1
	}
	low := m.low - unknownPenalty
	for at := 0; at < len(s); {
		here, one := best[at].score, character(s[at:])
		single := false // there is a piece for the character alone
		for n := 1; n <= min(m.longest, len(s)-at); n++ {
			id, ok := m.ids[s[at:at+n]]
			if !ok || m.pieces[id].class == unused {
				continue
			}
			score := float64(m.pieces[id].score)
			if m.pieces[id].class == userDefined { // so that it always wins
				score = float64(float32(n)*m.high) - 0.1
			}
			if v, to := score+float64(here), &best[at+n]; to.from < 0 || v > float64(to.score) {
				*to = ending{float32(v), at, id}
			}
			single = single || n == one
		}
		if !single {
			if v, to := low+here, &best[at+one]; to.from < 0 || v > to.score {
				*to = ending{v, at, m.unknown}
			}
		}
		at += one
	}
	var ends []int
	for at := len(s); at > 0; at = best[at].from {
		ends = append(ends, at)
	}
	for i := len(ends) - 1; i >= 0; i-- {
		e := best[ends[i]]
		emit(s[e.from:ends[i]], e.id)
	}
}

// encodeLongest takes the longest piece at each position.
func (m *Model) encodeLongest(s string, emit func(string, ctc.Piece)) {
	for at := 0; at < len(s); {
		id, size := m.unknown, character(s[at:])
		for n := min(m.longest, len(s)-at); n > 0; n-- {
			if p, ok := m.ids[s[at:at+n]]; ok {
				id, size = p, n
				break
			}
		}
		emit(s[at:at+size], id)
		at += size
	}
}
