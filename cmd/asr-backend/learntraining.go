package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/asr-backend/asr-backend/internal/remote"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/service/training"
	"github.com/asr-backend/asr-backend/wer"
)

// log prints what the training command of a project has written.
func (c *learnCommand) log(ctx context.Context, client *remote.Client, out io.Writer) error {
	text, err := client.Text(ctx, training.RouteLog, url.Values{"project": {strconv.FormatInt(c.Project, 10)}})
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		if _, err := fmt.Fprintln(out, visible.Text(strings.TrimSuffix(line, "\n"))); err != nil {
			return err
		}
	}
	return nil
}

// printTraining says how the model of a project is trained. Without a command and without runs there is
// nothing to say.
func printTraining(out io.Writer, s *training.Status) error {
	if s == nil || !s.On && len(s.Runs) == 0 && s.Model == "" {
		return nil
	}
	fmt.Fprintln(out)
	switch {
	case s.Running:
		fmt.Fprintln(out, "A model is being trained; --log shows the output of the command, --stop ends it.")
	case s.Waits:
		fmt.Fprintln(out, "A model is going to be trained.")
	}
	if s.Problem != "" {
		fmt.Fprintf(out, "Training failed: %s\n", visible.Text(s.Problem))
	}
	if s.Model != "" {
		fmt.Fprintf(out, "Trained model in use: %s, in place of %s\n", visible.Text(s.Model), visible.Text(s.From))
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(s.Runs) > 0 {
		fmt.Fprintln(table, "TRAINED\tMODEL\tCLIPS\tERRORS BEFORE\tAFTER\tTAKEN UP\tREASON")
	}
	rate := func(e *wer.Errors) string {
		if e == nil {
			return "-"
		}
		return fmt.Sprintf("%.1f %%", 100*e.Rate())
	}
	for _, r := range slices.Backward(s.Runs) {
		model := r.Model
		if model == "" {
			model = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%d+%d\t%s\t%s\t%s\t%s\n", r.At.Format("2006-01-02 15:04"), visible.Text(model), r.Learn, r.Judge, rate(r.Before), rate(r.After), yes(r.TakenUp), visible.Text(r.Reason))
	}
	return table.Flush()
}
