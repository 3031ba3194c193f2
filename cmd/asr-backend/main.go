// Command asr-backend transcribes long recordings, on the command line and for Label
// Studio. Run it with --help, or see README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"time"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/internal/visible"

	"github.com/alecthomas/kong"
)

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the program's standard streams.
type streams struct {
	in, out, err *os.File
}

// commands is the command line.
type commands struct {
	Transcribe     transcribeCommand     `cmd:"" help:"Transcribe recordings into text with word times."`
	Align          alignCommand          `cmd:"" help:"Align a text with its recording: find word times and mismatches."`
	Serve          serveCommand          `cmd:"" help:"Run as a machine learning backend for Label Studio."`
	ExportManifest exportManifestCommand `cmd:"" help:"Write a NeMo training manifest from corrected transcripts."`
	Learn          learnCommand          `cmd:"" help:"Have a project of a running service learn from its corrections and from texts, see what it has learnt, and undo it."`
	Jobs           jobsCommand           `cmd:"" help:"List, cancel, retry and prioritize the jobs of a running service."`
	Health         healthCommand         `cmd:"" help:"Check that a running service is healthy, for example in a container health check."`
	Doctor         doctorCommand         `cmd:"" help:"Diagnose this machine, the service and its connection to Label Studio."`
	Create         createCommand         `cmd:"" help:"Create a starter project: a backend for your own model, a deployment of asr-backend, or a connected project in Label Studio."`
	Models         modelsCommand         `cmd:"" help:"List, download and verify models."`
	LM             lmCommand             `cmd:"" name:"lm" help:"Make, describe, measure, mix and tune n-gram language models."`
	Bench          benchCommand          `cmd:"" help:"Measure speed and memory use on this machine."`
	Version        versionCommand        `cmd:"" help:"Print the version."`

	PrintVersion kong.VersionFlag `name:"version" env:"-" help:"Print the version."`
}

// run is the program; it returns the exit status.
func run(args []string, std streams) (status int) {
	var c commands
	exited := -1
	parser, err := kong.New(&c, kong.Name("asr-backend"), kong.Description(description), kong.Vars{"formats": cli.FormatNames(), "data_dir": defaultDataDir(), "version": fullVersion()},
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeTime)),
		kong.KindMapper(reflect.Int, kong.MapperFunc(decodeWhole)), kong.KindMapper(reflect.Int64, kong.MapperFunc(decodeWhole)),
		kong.DefaultEnvars("ASR_BACKEND"), kong.Writers(std.out, std.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Exit(func(code int) { exited = code; panic(errExit) }))
	if err != nil {
		fmt.Fprintln(std.err, "error:", err)
		return cli.ExitUsage
	}
	defer func() {
		if p := recover(); p == errExit { // --help printed and kong wants to leave
			status = exited
		} else if p != nil {
			panic(p)
		}
	}()
	unsetEmpty(parser.Model.Node)
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:], "--help")
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(std.err, "error: %s; see asr-backend --help\n", visible.Text(err.Error()))
		return cli.ExitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(std)
	code := cli.ExitCode(err)
	if code == cli.ExitInterrupted && ctx.Err() == nil {
		code = cli.ExitSome
	}
	if err != nil && !errors.Is(err, cli.ErrSome) {
		message := fmt.Sprint("error: ", err)
		if advice := hint.Of(err); advice != "" {
			message += "; " + advice
		}
		if code == cli.ExitInterrupted {
			message = "interrupted"
		}
		fmt.Fprintln(std.err, visible.Text(strings.ReplaceAll(message, "\n", "; ")))
	}
	return code
}

var errExit = errors.New("exit")

const description = `Transcribe recordings of any length into regions, words, times and confidences.

Every flag can also be set with the environment variable shown beside it.

Exit status: 0 success, 1 some recordings failed (the others are written), 2 wrong usage,
3 no usable library, model or device, 130 interrupted.`
