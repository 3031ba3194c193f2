package learn

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// part is what passages of a recording are for.
type part int

const (
	toLearn part = iota
	toTune
	toJudge
)

// share is one of how many recordings judge, and tune.
const share = 5

// Judges reports of recordings, given by their names, which judge: those on which a candidate is
// compared with what is used, and of which no candidate is made. A name may be given more than once.
func Judges(recordings []string) map[string]bool {
	out := map[string]bool{}
	for name, part := range divide(recordings) {
		out[name] = part == toJudge
	}
	return out
}

// divide returns what each recording is for. With two recordings or more one judges, and with
// three or more another one tunes.
func divide(names []string) map[string]part {
	type placed struct {
		name  string
		place uint64 // as if drawn at random, and always the same
	}
	var recordings []placed
	parts := map[string]part{}
	for _, name := range names {
		if _, ok := parts[name]; !ok {
			parts[name] = toLearn
			sum := sha256.Sum256([]byte(name))
			recordings = append(recordings, placed{name, binary.BigEndian.Uint64(sum[:])})
		}
	}
	slices.SortFunc(recordings, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.place, b.place), strings.Compare(a.name, b.name))
	})
	const fifth = ^uint64(0) / share
	judges, tuners := 0, 0
	for i, r := range recordings {
		switch {
		case r.place < fifth || judges == 0 && len(recordings) > 1:
			parts[r.name] = toJudge
			judges++
		case r.place < 2*fifth || tuners == 0 && len(recordings)-i > 1:
			parts[r.name] = toTune
			tuners++
		}
	}
	return parts
}
