package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/internal/cli"
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
		"Exit status: 0 success, 1 the service refuses or cannot be asked, or a text cannot be read, 2 wrong usage."
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
	case c.Project <= 0:
		return &cli.UsageError{Err: errors.New("--project is the number of a project, such as 7")}
	case chosen > 1:
		return &cli.UsageError{Err: errors.New("--show, --log, --stop, --model, --rollback, --forget, --drop and --remove or --restore exclude each other")}
	case chosen == 1 && len(c.Texts) > 0:
		return &cli.UsageError{Err: errors.New("files are texts to learn from; leave them out, or the flag")}
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
