package wer

import "slices"

// Pair is a word that was said and the one that was recognised in its place. An empty word stands
// for none: it was inserted, or deleted.
type Pair struct{ Said, Recognised string }

// Right reports whether what was said was recognised.
func (p Pair) Right() bool { return p.Said == p.Recognised }

// Align pairs two sequences of words with the fewest errors, in order. Of equal ways it takes the one
// that pairs as many words as possible, from the end. It needs memory in proportion to the
// product of their lengths, so it is for texts of some thousand words.
func Align(said, recognised []string) []Pair {
	width := len(recognised) + 1
	cost := make([]int32, (len(said)+1)*width)
	differ := func(i, j int) int32 {
		if said[i-1] == recognised[j-1] {
			return 0
		}
		return 1
	}
	for i := range len(said) + 1 {
		for j := range width {
			switch at := i*width + j; {
			case i == 0:
				cost[at] = int32(j)
			case j == 0:
				cost[at] = int32(i)
			default:
				cost[at] = min(cost[at-width-1]+differ(i, j), cost[at-width]+1, cost[at-1]+1)
			}
		}
	}
	var out []Pair
	for i, j := len(said), len(recognised); i > 0 || j > 0; {
		at := i*width + j
		switch {
		case i > 0 && j > 0 && cost[at] == cost[at-width-1]+differ(i, j):
			i, j = i-1, j-1
			out = append(out, Pair{said[i], recognised[j]})
		case i > 0 && cost[at] == cost[at-width]+1:
			i--
			out = append(out, Pair{Said: said[i]})
		default:
			j--
			out = append(out, Pair{Recognised: recognised[j]})
		}
	}
	slices.Reverse(out)
	return out
}
