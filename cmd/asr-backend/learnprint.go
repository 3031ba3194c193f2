package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/service/learning"
)

// mostShown is how many phrases and substitutions are printed.
const mostShown = 30

// printLearnt writes what a project has learnt.
func printLearnt(out io.Writer, r *learning.Report) error {
	fmt.Fprintf(out, "Project %d", r.Project)
	if r.Title != "" {
		fmt.Fprintf(out, ", %s", visible.Text(r.Title))
	}
	fmt.Fprintf(out, ": %s, %d since the last run\n", plural.Count(r.Corrections, "correction"), r.New)
	printState(out, r)
	printRun(out, r.Last)
	for _, name := range slices.Sorted(maps.Keys(r.Texts)) {
		fmt.Fprintf(out, "Text: %s, %s\n", visible.Text(name), plural.Count(r.Texts[name], "byte"))
	}
	for _, phrase := range r.Removed {
		fmt.Fprintf(out, "Removed phrase: %s\n", visible.Text(phrase))
	}
	return printTables(out, r)
}

// printState writes what is used, and what keeps the project from learning.
func printState(out io.Writer, r *learning.Report) {
	fmt.Fprintf(out, "In use: %s\n", cmp.Or(r.Learnt, "nothing that was learnt"))
	if r.Chosen != "" {
		fmt.Fprintf(out, "The settings of the project choose version %s, whatever is learnt.\n", r.Chosen)
	}
	switch {
	case !r.Learns:
		fmt.Fprintln(out, "Learning is off.")
	case r.Learning:
		fmt.Fprintln(out, "A run is under way, or waits for its turn.")
	}
	if r.Problem != "" {
		fmt.Fprintf(out, "The latest attempt to learn failed: %s\n", visible.Text(r.Problem))
		if r.Hint != "" {
			fmt.Fprintf(out, "  %s\n", visible.Text(r.Hint))
		}
	}
	if r.RolledBack {
		fmt.Fprintln(out, "Somebody went back to an earlier version: new ones are judged, and not taken up until somebody asks for a run.")
	}
}

func printRun(out io.Writer, l *learning.Run) {
	if l == nil {
		fmt.Fprintln(out, "No run so far.")
		return
	}
	fmt.Fprintf(out, "Last run: %s (%s): %s\n", stamp(l.At), l.Why, visible.Text(l.Reason))
	for _, reason := range slices.Sorted(maps.Keys(l.LeftOut)) {
		fmt.Fprintf(out, "  left out: %s (%s)\n", plural.Count(l.LeftOut[reason], "passage"), reason)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Documents)) {
		fmt.Fprintf(out, "  %s: %s\n", visible.Text(name), visible.Text(l.Documents[name]))
	}
}

func printTables(out io.Writer, r *learning.Report) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(r.Versions) > 0 {
		fmt.Fprintln(table, "\nVERSION\tMADE\tCORRECTIONS\tPHRASES\tERRORS\tTAKEN UP\tKEPT")
	}
	for _, v := range r.Versions {
		errors := "-"
		if v.JudgedOn > 0 {
			errors = fmt.Sprintf("%.1f %%", 100*v.Judged)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\t%s\n", cmp.Or(v.Version, "nothing"), stamp(v.At), v.Corrections, v.Phrases, errors, yes(v.TakenUp), yes(v.Kept))
	}
	if len(r.Phrases) > 0 {
		fmt.Fprintln(table, "\nPHRASE\tSAID\tMISSED")
	}
	for _, p := range r.Phrases[:min(len(r.Phrases), mostShown)] {
		fmt.Fprintf(table, "%s\t%d\t%d\n", visible.Text(p.Text), p.Said, p.Missed)
	}
	more(table, len(r.Phrases))
	if len(r.Substitutions) > 0 {
		fmt.Fprintln(table, "\nSAID\tRECOGNIZED\tTIMES")
	}
	for _, s := range r.Substitutions[:min(len(r.Substitutions), mostShown)] {
		fmt.Fprintf(table, "%s\t%s\t%d\n", cmp.Or(visible.Text(s.Said), "-"), cmp.Or(visible.Text(s.Recognized), "-"), s.Times)
	}
	more(table, len(r.Substitutions))
	return table.Flush()
}

// more says how many lines are not printed.
func more(out io.Writer, lines int) {
	if lines > mostShown {
		fmt.Fprintf(out, "(%d more; --json prints all)\n", lines-mostShown)
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
