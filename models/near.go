package models

import (
	"cmp"
	"slices"
	"strings"
)

// near returns up to three names that somebody may have meant by name: those that differ
// by the fewest letters, if these are few, or contain it.
func near(name string, names []string) []string {
	name = strings.ToLower(name)
	type guess struct {
		name string
		far  int
	}
	var guesses []guess
	for _, n := range names {
		far := distance(name, n)
		if len(name) >= 2 && strings.Contains(n, name) {
			far = 1
		}
		if far <= max(len(name)/3, 1) {
			guesses = append(guesses, guess{n, far})
		}
	}
	slices.SortStableFunc(guesses, func(a, b guess) int { return cmp.Compare(a.far, b.far) })
	var likely []string
	for _, g := range guesses[:min(len(guesses), 3)] {
		if g.far == guesses[0].far {
			likely = append(likely, g.name)
		}
	}
	return likely
}

// distance returns how many bytes have to be inserted, deleted or replaced to turn a
// into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
