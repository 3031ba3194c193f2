package main

import "fmt"

// score counts errors of words on lists and of others.
type score struct {
	listed, others rate
	alarms         int // words of a list written where they were not said
}

type rate struct{ errors, words int }

func (r rate) percent() float64 { return 100 * float64(r.errors) / float64(max(r.words, 1)) }

// String returns the columns of a table.
func (s *score) String() string {
	all := rate{s.listed.errors + s.others.errors, s.listed.words + s.others.words}
	return fmt.Sprintf("%.1f %% | %.1f %% of %d | %.1f %% of %d | %d", all.percent(), s.listed.percent(), s.listed.words, s.others.percent(), s.others.words, s.alarms)
}

// add counts the words of a recording. An inserted word counts with those of its kind.
func (s *score) add(said, written []string, l *list) {
	kind := func(w string) *rate {
		if l.has[w] {
			return &s.listed
		}
		return &s.others
	}
	for _, p := range pair(said, written) {
		if p.said == "" {
			kind(p.written).errors++
		} else {
			r := kind(p.said)
			r.words++
			if p.said != p.written {
				r.errors++
			}
		}
		if p.written != p.said && l.has[p.written] {
			s.alarms++
		}
	}
}

// pairs of words; an empty one stands for none.
type paired struct{ said, written string }

// pair aligns two sequences of words with the fewest errors.
func pair(said, written []string) []paired {
	cost := make([][]int, len(said)+1)
	for i := range cost {
		cost[i] = make([]int, len(written)+1)
		for j := range cost[i] {
			switch {
			case i == 0:
				cost[i][j] = j
			case j == 0:
				cost[i][j] = i
			default:
				cost[i][j] = min(cost[i-1][j-1]+differ(said[i-1], written[j-1]), cost[i-1][j]+1, cost[i][j-1]+1)
			}
		}
	}
	var out []paired
	for i, j := len(said), len(written); i > 0 || j > 0; {
		switch {
		case i > 0 && j > 0 && cost[i][j] == cost[i-1][j-1]+differ(said[i-1], written[j-1]):
			i, j = i-1, j-1
			out = append(out, paired{said[i], written[j]})
		case i > 0 && cost[i][j] == cost[i-1][j]+1:
			i--
			out = append(out, paired{said[i], ""})
		default:
			j--
			out = append(out, paired{"", written[j]})
		}
	}
	return out
}

func differ(a, b string) int {
	if a == b {
		return 0
	}
	return 1
}
