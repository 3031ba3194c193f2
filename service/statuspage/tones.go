package statuspage

import (
	"fmt"
	"strings"

	"github.com/asr-backend/asr-backend/service/overview"
)

// tone is the class that colours a state.
func tone(s overview.State) string {
	switch {
	case s.Attention():
		return "bad"
	case s == overview.Pushed || s == overview.Transcribed:
		return "good"
	case s == overview.Transcribing || s == overview.ToBePushed:
		return "run"
	}
	return "wait"
}

// toneOf is that of a task, which may have failed so far.
func toneOf(t overview.Task) string {
	if t.Attention && !t.State.Attention() {
		return "warn"
	}
	return tone(t.State)
}

type counted struct {
	State overview.State
	N     int
}

// listed are the states that tasks are in, those that need attention first.
func listed(counts map[overview.State]int) []counted {
	var out []counted
	for _, s := range overview.States() {
		if n := counts[s]; n > 0 {
			out = append(out, counted{s, n})
		}
	}
	return out
}

// part is a stretch of a bar of 100.
type part struct {
	Tone     string
	X, Width float64
}

// bar are the parts of a bar of all tasks: what is done on the left, what failed on the right. Of
// attention tasks some may be in a state that goes on by itself.
func bar(counts map[overview.State]int, attention int) []part {
	sums, all := map[string]int{}, 0
	for s, n := range counts {
		sums[tone(s)] += n
		all += n
	}
	trying := min(max(attention-sums["bad"], 0), sums["wait"])
	sums["wait"] -= trying
	sums["warn"] = trying
	var out []part
	x := 0.0
	for _, t := range []string{"good", "run", "wait", "warn", "bad"} {
		if sums[t] == 0 {
			continue
		}
		// What failed is seen among any number of others.
		width := max(100*float64(sums[t])/float64(all), 0.7)
		width = min(width, 100-x)
		if t == "bad" || t == "warn" && sums["bad"] == 0 {
			x = min(x, 100-width)
		}
		out = append(out, part{t, x, width})
		x += width
	}
	return out
}

func barText(counts map[overview.State]int) string {
	var texts []string
	for _, c := range listed(counts) {
		texts = append(texts, fmt.Sprintf("%d %s", c.N, c.State))
	}
	return strings.Join(texts, ", ")
}

// errorRate is that of a project's version, or else of the one with the most words.
func errorRate(p ProjectStatus) string {
	most := VersionRate{}
	for _, e := range p.ErrorsBy {
		if e.Version == p.Version {
			return percent(e.Rate)
		}
		if e.Words > most.Words {
			most = e
		}
	}
	if most.Words == 0 {
		return ""
	}
	return percent(most.Rate)
}
