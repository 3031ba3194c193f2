package main

import (
	"fmt"

	"github.com/asr-backend/asr-backend/wer"
)

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
	for _, p := range wer.Align(said, written) {
		if p.Said == "" {
			kind(p.Recognised).errors++
		} else {
			r := kind(p.Said)
			r.words++
			if !p.Right() {
				r.errors++
			}
		}
		if !p.Right() && l.has[p.Recognised] {
			s.alarms++
		}
	}
}
