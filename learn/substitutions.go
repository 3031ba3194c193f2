package learn

import (
	"cmp"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/wer"
)

// Substitution is what was recognized in place of what was said. One of them may be empty.
type Substitution struct {
	Recognized string `json:"recognized"`
	Said       string `json:"said"`
	Times      int    `json:"times"`
}

// MostSubstitutions is how many are kept, the most frequent.
const MostSubstitutions = 200

// substitutions returns what was recognized wrongly, the most frequent first.
func substitutions(all []passage) []Substitution {
	type key struct{ recognized, said string }
	times := map[key]int{}
	for i := range all {
		if !all[i].compared {
			continue
		}
		var recognized, said []string
		end := func() {
			if len(recognized)+len(said) > 0 && max(len(recognized), len(said)) <= longest {
				times[key{strings.Join(recognized, " "), strings.Join(said, " ")}]++
			}
			recognized, said = nil, nil
		}
		for _, p := range wer.Align(all[i].wrote, all[i].predicted) {
			if p.Right() {
				end()
				continue
			}
			if p.Said != "" {
				said = append(said, p.Said)
			}
			if p.Recognised != "" {
				recognized = append(recognized, p.Recognised)
			}
		}
		end()
	}
	out := make([]Substitution, 0, len(times))
	for k, n := range times {
		out = append(out, Substitution{k.recognized, k.said, n})
	}
	slices.SortFunc(out, func(a, b Substitution) int {
		return cmp.Or(cmp.Compare(b.Times, a.Times), strings.Compare(a.Said, b.Said), strings.Compare(a.Recognized, b.Recognized))
	})
	return out[:min(len(out), MostSubstitutions)]
}
