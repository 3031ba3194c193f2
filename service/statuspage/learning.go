package statuspage

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/service/training"
)

// Learning is how a project learns from what people correct.
type Learning struct {
	Learns      bool      `json:"learns"`
	Corrections int       `json:"corrections"`
	New         int       `json:"new_corrections"` // since the last run
	LastRun     time.Time `json:"last_run,omitzero"`
	// Learnt is the version that is used of what was learnt; empty for none.
	Learnt string `json:"learnt,omitempty"`
	// Phrases is how many are expected. They, and Detail, are there for a project alone: they take
	// more to read than all else of a page with many.
	Phrases int              `json:"phrases,omitempty"`
	Detail  *learning.Report `json:"detail,omitempty"`
}

// Line says it in a few words, empty if there is nothing to say.
func (l *Learning) Line() string {
	switch {
	case l.Corrections == 0 && l.Learnt == "":
		return ""
	case l.LastRun.IsZero():
		return count(l.Corrections, "correction") + ", nothing learnt yet"
	case l.New == 0:
		return "learnt from " + count(l.Corrections, "correction")
	}
	return fmt.Sprintf("learnt from corrections, %d new", l.New)
}

// Learning is that of the one project of the page, nil without.
func (v *View) Learning() *Learning {
	if v.Alone == nil {
		return nil
	}
	return v.Alone.Learning
}

// Training is that of the one project of the page, nil without.
func (v *View) Training() *training.Status {
	if v.Alone == nil {
		return nil
	}
	return v.Alone.Training
}

// mostPhrases is how many the page lists: it is fetched again and again.
const mostPhrases = 100

// Listed are the phrases that the page lists, and More how many there are beside them.
func (l *Learning) Listed() []learn.Phrase {
	return l.Detail.Phrases[:min(len(l.Detail.Phrases), mostPhrases)]
}

// More is how many phrases are not listed.
func (l *Learning) More() int { return max(l.Phrases-mostPhrases, 0) }

// note is something that is said of a name.
type note struct{ Name, Text string }

// Documents are those of the last run, by name.
func (l *Learning) Documents() []note {
	var out []note
	for _, name := range slices.Sorted(maps.Keys(l.Detail.Last.Documents)) {
		out = append(out, note{name, l.Detail.Last.Documents[name]})
	}
	return out
}

// LeftOut says which passages were not learnt from.
func (l *Learning) LeftOut() []string {
	var out []string
	for _, reason := range slices.Sorted(maps.Keys(l.Detail.Last.LeftOut)) {
		out = append(out, fmt.Sprintf("%s (%s)", count(l.Detail.Last.LeftOut[reason], "passage"), reason))
	}
	return out
}

// row is a version in the table.
type row struct {
	learning.Version
	Present bool // it is used
	Usable  bool // it can be gone back to
}

// Rate is the word error rate, empty if it was never judged.
func (r row) Rate() string {
	if r.JudgedOn == 0 {
		return ""
	}
	return percent(r.Judged)
}

// Versions are those that were made, the latest first.
func (l *Learning) Versions() []row {
	var out []row
	present := l.present()
	for i, v := range slices.Backward(l.Detail.Versions) {
		out = append(out, row{v, i == present, v.Kept && v.Version != l.Learnt && l.Learns && l.Detail.Chosen == ""})
	}
	return out
}

// present is the place of the version in use, -1 if there is none.
func (l *Learning) present() int {
	for i, v := range slices.Backward(l.Detail.Versions) {
		if l.Learnt != "" && v.TakenUp && v.Version == l.Learnt {
			return i
		}
	}
	return -1
}

// Back reports whether there is something to go back from.
func (l *Learning) Back() bool { return l.Learnt != "" && l.Learns && l.Detail.Chosen == "" }
