package beam

import "slices"

// ranked is a candidate's place in the table and what it is worth.
type ranked struct {
	sum   float64
	index int32
}

func compareRanked(a, b ranked) int {
	switch {
	case a.sum > b.sum:
		return -1
	case a.sum < b.sum:
		return 1
	}
	return int(a.index - b.index)
}

// top returns the n best in order, fewer if there are not so many. It reorders the slice.
func top(all []ranked, n int) []ranked {
	if n < len(all) {
		divide(all, n)
		all = all[:n]
	}
	slices.SortFunc(all, compareRanked)
	return all
}

// divide puts the n best first, in any order (Hoare's selection).
func divide(all []ranked, n int) {
	for len(all) > 1 {
		pivot := all[len(all)/2]
		i, j := 0, len(all)-1
		for i <= j {
			for compareRanked(all[i], pivot) < 0 {
				i++
			}
			for compareRanked(all[j], pivot) > 0 {
				j--
			}
			if i <= j {
				all[i], all[j] = all[j], all[i]
				i++
				j--
			}
		}
		switch {
		case n <= j:
			all = all[:j+1]
		case n > i:
			all, n = all[i:], n-i
		default:
			return
		}
	}
}
