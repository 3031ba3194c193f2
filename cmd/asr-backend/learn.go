package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/internal/remote"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/service/training"
)

// learnCommand asks a running service to learn.
type learnCommand struct {
	remoteFlags
	Texts []string `arg:"" optional:"" name:"FILE" help:"Texts of the project to learn from as well: a glossary with a term per line, an agenda, a script, older transcripts (text or subtitles). The service keeps them." type:"existingfile"`

	Project  int64    `help:"Number of the project in Label Studio." required:"" placeholder:"N" env:"-"`
	Train    bool     `help:"Also train a model on the corrections, with the --train-command of the service." env:"-"`
	Show     bool     `help:"Show what the project has learnt, and do nothing." env:"-" group:"Instead of learning"`
	Log      bool     `help:"Print what the training command has written." env:"-" group:"Instead of learning"`
	Stop     bool     `help:"Stop the training of a model." env:"-" group:"Instead of learning"`
	Model    *string  `help:"Use this model in place of the one that the settings name, such as one that was trained earlier; \"\": the one of the settings." placeholder:"NAME" env:"-" group:"Instead of learning"`
	Rollback bool     `help:"Use the version before the present one, until somebody asks for a new run." env:"-" group:"Instead of learning"`
	To       string   `help:"The version to go back to with --rollback, as --show lists it." placeholder:"VERSION" env:"-" group:"Instead of learning"`
	Forget   bool     `help:"Drop all that the project has learnt, and its texts." env:"-" group:"Instead of learning"`
	Drop     []string `help:"Drop the text of this name; may be repeated." placeholder:"NAME" env:"-" group:"Instead of learning" sep:"none"`
	Remove   []string `help:"Remove this phrase from what was learnt, for good; may be repeated." placeholder:"PHRASE" env:"-" group:"Instead of learning" sep:"none"`
	Restore  []string `help:"Let a phrase be learnt again that was removed; may be repeated." placeholder:"PHRASE" env:"-" group:"Instead of learning" sep:"none"`
	JSON     bool     `help:"Print JSON." env:"-"`
}

// Help says what the exit statuses mean.
func (c *learnCommand) Help() string {
	return "The service must have a user and a password: set BASIC_AUTH_USER and BASIC_AUTH_PASS to them. What was learnt is taken up only if it is not worse on corrections that it was not made of. See doc/learning.md.\n\n" +
		"Exit status: 0 success, 1 the service refuses or cannot be asked, 2 wrong usage."
}

// check says what is wrong between flags.
func (c *learnCommand) check() error {
	chosen := 0
	for _, yes := range []bool{c.Show, c.Log, c.Stop, c.Model != nil, c.Rollback, c.Forget, len(c.Drop) > 0, len(c.Remove)+len(c.Restore) > 0} {
		if yes {
			chosen++
		}
	}
	switch {
	case chosen > 1:
		return &cli.UsageError{Err: errors.New("--show, --log, --stop, --model, --rollback, --forget, --drop and --remove or --restore exclude each other")}
	case chosen == 1 && len(c.Texts) > 0:
		return &cli.UsageError{Err: errors.New("texts are to learn from; leave out the flag")}
	case chosen == 1 && c.Train:
		return &cli.UsageError{Err: errors.New("--train learns as well, and then trains; leave out the other flag")}
	case c.To != "" && !c.Rollback:
		return &cli.UsageError{Err: errors.New("--to is for --rollback")}
	}
	return nil
}

// Run has the project learn, or does what a flag says.
func (c *learnCommand) Run(ctx context.Context, std streams) error {
	if err := c.check(); err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	send := func(route string, o learning.Order) error {
		o.Project = c.Project
		var done learning.Done
		if err := client.Post(ctx, route, o, &done); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(std.out, done)
		}
		_, err := fmt.Fprintln(std.out, visible.Text(done.Done))
		return err
	}
	switch {
	case c.Show:
		return c.show(ctx, client, std.out)
	case c.Log:
		return c.log(ctx, client, std.out)
	case c.Stop:
		return send(training.RouteStop, learning.Order{})
	case c.Model != nil:
		return send(training.RouteModel, learning.Order{Model: *c.Model})
	case c.Rollback:
		return send(learning.RouteRollback, learning.Order{Version: c.To})
	case c.Forget:
		return send(learning.RouteForget, learning.Order{})
	case len(c.Remove)+len(c.Restore) > 0:
		return send(learning.RoutePhrases, learning.Order{Remove: c.Remove, Restore: c.Restore})
	}
	for _, name := range c.Drop {
		if err := send(learning.RouteText, learning.Order{Name: name}); err != nil {
			return err
		}
	}
	for _, path := range c.Texts {
		text, err := readText(path)
		if err != nil {
			return err
		}
		if err := send(learning.RouteText, learning.Order{Name: filepath.Base(path), Text: text}); err != nil {
			return err
		}
	}
	if c.Train {
		return send(training.Route, learning.Order{})
	}
	return send(learning.Route, learning.Order{})
}

// readText reads a file that a service can learn from.
func readText(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, knowledge.MostTextBytes+1))
	switch {
	case err != nil:
		return "", err
	case len(raw) > knowledge.MostTextBytes:
		return "", fmt.Errorf("%s has more than %d MB, which is what a project may learn from", path, knowledge.MostTextBytes>>20)
	case !utf8.Valid(raw):
		return "", fmt.Errorf("%s is not UTF-8 text", path)
	}
	text := strings.TrimPrefix(string(raw), "\ufeff")
	if strings.TrimSpace(text) == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return text, nil
}

// show prints what a project has learnt.
func (c *learnCommand) show(ctx context.Context, client *remote.Client, out io.Writer) error {
	var r training.Report
	if err := client.Get(ctx, strings.Replace(learning.RouteProject, ":id", strconv.FormatInt(c.Project, 10), 1), nil, &r); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, r)
	}
	if err := printLearnt(out, r.Report); err != nil {
		return err
	}
	return printTraining(out, r.Training)
}

// mostShown is how many phrases and substitutions are printed.
const mostShown = 30

func printLearnt(out io.Writer, r *learning.Report) error {
	fmt.Fprintf(out, "Project %d", r.Project)
	if r.Title != "" {
		fmt.Fprintf(out, ", %s", visible.Text(r.Title))
	}
	fmt.Fprintf(out, ": %s, %d since the last run\n", plural.Count(r.Corrections, "correction"), r.New)
	switch {
	case !r.Learns:
		fmt.Fprintln(out, "It does not learn: learning is off.")
	case r.Learning:
		fmt.Fprintln(out, "It learns just now.")
	}
	fmt.Fprintf(out, "In use: %s\n", cmp.Or(r.Learnt, "nothing that was learnt"))
	if l := r.Last; l != nil {
		fmt.Fprintf(out, "Last run: %s, since %s; %s\n", l.At.Format("2006-01-02 15:04"), l.Why, visible.Text(l.Reason))
		for reason, n := range l.LeftOut {
			fmt.Fprintf(out, "  left out: %s with %s\n", plural.Count(n, "passage"), reason)
		}
		for name, note := range l.Documents {
			fmt.Fprintf(out, "  %s: %s\n", visible.Text(name), visible.Text(note))
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(r.Versions) > 0 {
		fmt.Fprintln(table, "\nVERSION\tMADE\tCORRECTIONS\tPHRASES\tERRORS\tTAKEN UP\tKEPT")
	}
	for _, v := range r.Versions {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%.1f %%\t%s\t%s\n", cmp.Or(v.Version, "-"), v.At.Format("2006-01-02 15:04"), v.Corrections, v.Phrases, 100*v.Judged, yes(v.TakenUp), yes(v.Kept))
	}
	if len(r.Phrases) > 0 {
		fmt.Fprintln(table, "\nPHRASE\tMISSED\tSAID")
	}
	for _, p := range r.Phrases[:min(len(r.Phrases), mostShown)] {
		fmt.Fprintf(table, "%s\t%d\t%d\n", visible.Text(p.Text), p.Missed, p.Said)
	}
	if len(r.Substitutions) > 0 {
		fmt.Fprintln(table, "\nRECOGNIZED\tSAID\tTIMES")
	}
	for _, s := range r.Substitutions[:min(len(r.Substitutions), mostShown)] {
		fmt.Fprintf(table, "%s\t%s\t%d\n", cmp.Or(s.Recognized, "-"), cmp.Or(s.Said, "-"), s.Times)
	}
	return table.Flush()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
