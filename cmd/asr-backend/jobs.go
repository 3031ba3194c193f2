package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/remote"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service/control"
	"github.com/asr-backend/asr-backend/service/overview"
)

// remoteFlags say where a running service is. They have the names and variables of serve, so that
// inside its container none is needed.
type remoteFlags struct {
	URL           string             `help:"Address of the service. Default: the address that serve uses on this machine." name:"url" placeholder:"URL" group:"Service"`
	Host          string             `help:"Address the service listens on." default:"" placeholder:"ADDRESS" group:"Service"`
	Port          int                `help:"Port the service listens on." short:"p" default:"9090" min:"1" max:"65535" env:"ASR_BACKEND_PORT,PORT" group:"Service"`
	BasicUser     string             `help:"User name of the service." env:"BASIC_AUTH_USER" placeholder:"USER" group:"Service"`
	BasicPassword labelstudio.Secret `help:"Password of the service." env:"BASIC_AUTH_PASS" placeholder:"PASSWORD" group:"Service"`
}

// jobsCommand controls the jobs of a running service.
type jobsCommand struct {
	remoteFlags

	List       jobsListCommand       `cmd:"" help:"List tasks and how far they are, those that need attention first."`
	Show       jobsShowCommand       `cmd:"" help:"Print all that is known of the work for a task."`
	Cancel     jobsCancelCommand     `cmd:"" help:"End the work for tasks until somebody retries or opens them."`
	Retry      jobsRetryCommand      `cmd:"" help:"Try tasks again that failed or were cancelled."`
	Prioritize jobsPrioritizeCommand `cmd:"" help:"Do tasks before all others that nobody has opened."`
}

// Help says what the exit statuses mean.
func (c *jobsCommand) Help() string {
	return "The service must have a user and a password: set BASIC_AUTH_USER and BASIC_AUTH_PASS to them.\n\n" +
		"Exit status: 0 success, also if there was nothing to do for a task, 1 a task is not known or failed, or the service cannot be asked, 2 wrong usage."
}

// client is the way to the service.
func (c *remoteFlags) client() (*remote.Client, error) {
	client, err := remote.New(remote.Options{URL: c.URL, Host: c.Host, Port: c.Port, User: c.BasicUser, Password: c.BasicPassword})
	if err != nil {
		return nil, &cli.UsageError{Err: err}
	}
	return client, nil
}

// states reads names of states. On a command line they may have "-" for spaces.
func states(names []string) ([]overview.State, error) {
	var out []overview.State
	for _, name := range names {
		s := overview.State(strings.ReplaceAll(strings.TrimSpace(name), "-", " "))
		if !s.Known() {
			var all []string
			for _, s := range overview.States() {
				all = append(all, strings.ReplaceAll(string(s), " ", "-"))
			}
			return nil, &cli.UsageError{Err: fmt.Errorf("there is no state %q; the states are %s", name, strings.Join(all, ", "))}
		}
		out = append(out, s)
	}
	return out, nil
}

type jobsListCommand struct {
	Project   int64    `help:"Only tasks of the project with this number." placeholder:"N"`
	State     []string `help:"Only tasks in this state, such as failed or not-pushed; may be repeated." placeholder:"STATE"`
	Attention bool     `help:"Only tasks that somebody should look at: they failed, or fail so far."`
	Search    string   `help:"Only the task with this number, or those with a part of this name of a file." placeholder:"TEXT"`
	Sort      string   `help:"Order: urgency, updated, task, confidence or errors; with - in front the other way round." default:"urgency" placeholder:"ORDER"`
	Limit     int      `help:"List at most so many tasks." default:"50" min:"1" max:"1000"`
	Offset    int      `help:"Leave out so many tasks." default:"0"`
	JSON      bool     `help:"Print JSON."`
}

// Run prints the list.
func (c *jobsListCommand) Run(ctx context.Context, parent *jobsCommand, std streams) error {
	chosen, err := states(c.State)
	if err != nil {
		return err
	}
	query := url.Values{"sort": {c.Sort}, "limit": {strconv.Itoa(c.Limit)}, "offset": {strconv.Itoa(c.Offset)}}
	for _, s := range chosen {
		query.Add("state", string(s))
	}
	if c.Project != 0 {
		query.Set("project", strconv.FormatInt(c.Project, 10))
	}
	if c.Attention {
		query.Set("attention", "1")
	}
	if c.Search != "" {
		query.Set("search", c.Search)
	}
	client, err := parent.client()
	if err != nil {
		return err
	}
	var list control.List
	if err := client.Get(ctx, control.Route, query, &list); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, list)
	}
	return printJobs(std.out, &list, c.Offset)
}

type jobsShowCommand struct {
	Task int64 `arg:"" name:"TASK" help:"Number of the task in Label Studio."`
	JSON bool  `help:"Print JSON."`
}

// Run prints what is known of a task.
func (c *jobsShowCommand) Run(ctx context.Context, parent *jobsCommand, std streams) error {
	client, err := parent.client()
	if err != nil {
		return err
	}
	var detail control.Detail
	if err := client.Get(ctx, control.Route, url.Values{"task": {strconv.FormatInt(c.Task, 10)}}, &detail); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, detail)
	}
	return printJob(std.out, &detail)
}

// selectionFlags say which tasks.
type selectionFlags struct {
	Tasks   []int64  `arg:"" optional:"" name:"TASK" help:"Numbers of the tasks in Label Studio."`
	Project int64    `help:"All tasks of the project with this number, or those in the states of --state." env:"-" placeholder:"N"`
	State   []string `help:"Only tasks in this state, such as waiting; may be repeated." env:"-" placeholder:"STATE"`
	JSON    bool     `help:"Print JSON."`
}

type jobsCancelCommand struct{ selectionFlags }

type jobsRetryCommand struct {
	selectionFlags
	Force bool `help:"Transcribe tasks again that are done." env:"-"`
}

type jobsPrioritizeCommand struct{ selectionFlags }

// Run cancels tasks.
func (c *jobsCancelCommand) Run(ctx context.Context, parent *jobsCommand, std streams) error {
	return c.act(ctx, parent, std, control.Cancel, false)
}

// Run retries tasks.
func (c *jobsRetryCommand) Run(ctx context.Context, parent *jobsCommand, std streams) error {
	return c.act(ctx, parent, std, control.Retry, c.Force)
}

// Run prioritizes tasks.
func (c *jobsPrioritizeCommand) Run(ctx context.Context, parent *jobsCommand, std streams) error {
	return c.act(ctx, parent, std, control.Prioritize, false)
}

func (c *selectionFlags) act(ctx context.Context, parent *jobsCommand, std streams, action control.Action, force bool) error {
	if len(c.Tasks) == 0 && c.Project == 0 {
		return &cli.UsageError{Err: errors.New("name tasks, or a project with --project")}
	}
	if slices.Contains(c.Tasks, 0) {
		return &cli.UsageError{Err: errors.New("there is no task 0")}
	}
	chosen, err := states(c.State)
	if err != nil {
		return err
	}
	client, err := parent.client()
	if err != nil {
		return err
	}
	var report control.Report
	selection := control.Selection{Tasks: c.Tasks, Project: c.Project, States: chosen, Force: force}
	if err := client.Post(ctx, control.Route+"/"+string(action), selection, &report); err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(std.out, report)
	} else {
		err = printReport(std.out, &report)
	}
	if err == nil && report.Counts[control.Failed]+report.Counts[control.NotKnown] > 0 {
		return cli.ErrSome
	}
	return err
}
