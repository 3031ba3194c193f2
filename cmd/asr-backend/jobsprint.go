package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/service/control"
	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/timeline"
)

// mostNote is how many characters of a reason a line of the list has.
const mostNote = 160

// printJobs writes a table.
func printJobs(out io.Writer, list *control.List, offset int) error {
	if len(list.Jobs) > 0 {
		t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "TASK\tPROJECT\tSTATE\tDONE\tLENGTH\tLEFT\tCHANGED\tFILE\tNOTE")
		for i := range list.Jobs {
			j := &list.Jobs[i]
			done := "-"
			if j.Percent > 0 {
				done = fmt.Sprintf("%.0f%%", j.Percent)
			}
			fmt.Fprintf(t, "%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", j.ID, j.Project, j.State, done, clock(j.LengthS), clock(j.LeftS),
				stamp(j.Updated), cmp.Or(visible.Text(j.File), "-"), short(visible.Text(j.Reason)))
		}
		fmt.Fprintln(t)
		if err := t.Flush(); err != nil {
			return err
		}
	}
	shown := "No tasks match"
	switch {
	case len(list.Jobs) > 0:
		shown = fmt.Sprintf("Tasks %d to %d of %d", offset+1, offset+len(list.Jobs), list.Total)
	case list.Total > 0:
		shown = plural.Count(list.Total, "task") + ", none of them behind the first " + fmt.Sprint(offset)
	}
	_, err := fmt.Fprintf(out, "%s. All tasks: %s.\n", shown, counts(list.Counts))
	return err
}

// counts writes how many tasks are in each state.
func counts(of map[overview.State]int) string {
	var parts []string
	for _, s := range overview.States() {
		if of[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", of[s], s))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}

// clock writes seconds of a recording, or of waiting.
func clock(seconds float64) string {
	if seconds <= 0 {
		return "-"
	}
	return timeline.Clock(time.Duration(seconds * float64(time.Second)))
}

// stamp writes a time in the zone of whoever reads it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

func short(text string) string {
	runes := []rune(text)
	if len(runes) <= mostNote {
		return text
	}
	return string(runes[:mostNote-1]) + "…"
}

// printJob writes all about a task.
func printJob(out io.Writer, d *control.Detail) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" && value != "-" {
			fmt.Fprintf(t, "%s\t%s\n", name, visible.Text(value))
		}
	}
	line("task", fmt.Sprint(d.ID))
	line("project", fmt.Sprint(d.Project))
	line("state", string(d.State))
	line("model version", d.Version)
	line("changed", stamp(d.Updated))
	line("reason", d.Reason)
	line("hint", d.Hint)
	if d.ErrorRate != nil {
		line("word error rate", fmt.Sprintf("%.1f %%", 100**d.ErrorRate))
	}
	records := d.Transcriptions
	names := slices.Repeat([]string{"transcription"}, len(records))
	if d.Push != nil {
		records, names = append(records, *d.Push), append(names, "push")
	}
	for i := range records {
		r := &records[i]
		fmt.Fprintf(t, "\n%s\n", names[i])
		line("  state", r.State)
		line("  outcome", r.Outcome)
		line("  file", r.File)
		line("  class", r.Class)
		if r.Ahead > 0 {
			line("  ahead of it", fmt.Sprint(r.Ahead))
		}
		line("  attempts", fmt.Sprintf("%d, of which %d failed and %d crashed", r.Attempts, r.Retries, r.Crashes))
		line("  queued", stamp(r.Created))
		line("  latest attempt", stamp(r.Started))
		line("  next attempt", stamp(r.Next))
		line("  failing since", stamp(r.Failing))
		line("  ended", stamp(r.Ended))
		line("  transcribed", clock(r.TranscribedS))
		line("  length", clock(r.LengthS))
		if r.Turn {
			line("  waits for", "its next turn")
		}
		if r.Speed > 0 {
			line("  speed", fmt.Sprintf("%.1f times real time", r.Speed))
		}
		line("  time left", clock(r.LeftS))
		if r.Confidence != nil {
			line("  confidence", fmt.Sprintf("%.3f", *r.Confidence))
		}
		line("  reason", r.Reason)
		line("  hint", r.Hint)
		line("  key", r.Key)
	}
	return t.Flush()
}

// printReport writes what became of tasks.
func printReport(out io.Writer, r *control.Report) error {
	for _, o := range r.Outcomes {
		text := fmt.Sprintf("task %d: %s", o.Task, o.Outcome)
		if o.Detail != "" {
			text += ": " + o.Detail
		}
		if o.Hint != "" {
			text += "; " + o.Hint
		}
		if _, err := fmt.Fprintln(out, visible.Text(text)); err != nil {
			return err
		}
	}
	total := 0
	var parts []string
	for _, name := range []string{control.Cancelled, control.Retried, control.Prioritized, control.Unchanged, control.NotKnown, control.Failed} {
		if n := r.Counts[name]; n > 0 {
			total += n
			parts = append(parts, fmt.Sprintf("%d %s", n, name))
		}
	}
	if total == 1 {
		return nil
	}
	text := cmp.Or(strings.Join(parts, ", "), "no task matches")
	if r.Left > 0 {
		text += fmt.Sprintf("; %d more match: run the command again", r.Left)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}
