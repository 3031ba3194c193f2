package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"asr-backend/align"
	"asr-backend/asr"
	"asr-backend/audio"
	"asr-backend/internal/cli"
	"asr-backend/transcribe"
	"asr-backend/transcript"

	"golang.org/x/term"
)

type transcribeCommand struct {
	Files  []string `arg:"" name:"FILE" help:"Recordings; a folder stands for all in it, - for standard input."`
	Format string   `help:"${formats}. Default: that of the output's name; timed on a terminal, else text." short:"f" placeholder:"FORMAT"`
	Output string   `help:"File or folder for the results; standard output if not given." short:"o" placeholder:"PATH"`

	Channels string        `help:"mix, split (each channel by itself) or the number of one, from 0." default:"mix"`
	Start    time.Duration `help:"Where to begin, such as 90s or 1h2m." default:"0s"`
	End      time.Duration `help:"Where to end; 0 is the end of the recording." default:"0s"`
	FFmpeg   string        `help:"Path of ffmpeg, used for formats that need it; \"off\" never runs it." name:"ffmpeg" default:""`
	regionFlags
	engineFlags

	Quiet   bool `help:"Print failures and warnings only." short:"q"`
	JSONLog bool `help:"Print events as JSON lines on standard error."`
}

// regionFlags shape regions.
type regionFlags struct {
	MaxRegion   time.Duration `help:"Longest region; a longer one is cut at its longest pause." default:"20s" group:"Regions"`
	MinPause    time.Duration `help:"Shortest pause that ends a region." default:"800ms" group:"Regions"`
	NoSentences bool          `help:"Do not end regions at sentence ends." group:"Regions"`
}

func (f *regionFlags) options() align.RegionOptions {
	return align.RegionOptions{MaxLength: f.MaxRegion, MinPause: f.MinPause, NoSentences: f.NoSentences}
}

// Run transcribes all files. Failures are reported as they happen; the error then is
// cli.ErrSome.
func (c *transcribeCommand) Run(ctx context.Context, std streams) error {
	format, err := c.format(std)
	if err != nil {
		return &cli.UsageError{Err: err}
	}
	channels, err := audio.ParseChannels(c.Channels)
	if err != nil {
		return &cli.UsageError{Err: err}
	}
	if c.End != 0 && c.End <= c.Start {
		return &cli.UsageError{Err: fmt.Errorf("--end %v is not after --start %v", c.End, c.Start)}
	}
	inputs, err := cli.Inputs(c.Files)
	if err != nil {
		return err
	}
	outputs, err := cli.NewOutputs(c.Output, format, transcript.WriteOptions{}, len(inputs), std.out)
	if err != nil {
		return err
	}
	report := cli.NewReport(std.err, cli.ReportOptions{Terminal: term.IsTerminal(int(std.err.Fd())), Quiet: c.Quiet, JSON: c.JSONLog})
	defer report.Close()
	engine, err := c.engineFlags.open(ctx)
	if err != nil {
		return err
	}
	report.Event(engine.String(), "library", engine.runtime.Path())
	t := transcribe.New(engine.recognizer, transcribe.Options{Channels: channels, Regions: c.regionFlags.options(), FFmpeg: c.FFmpeg})
	batch := cli.Batch{Report: report, Outputs: outputs, Parallel: engine.recognizer.Device().Batch,
		Transcribe: func(ctx context.Context, in cli.Input, progress func(asr.Progress), opened func(audio.Info)) (*transcript.Transcript, error) {
			q := transcribe.Request{Start: c.Start, End: c.End, Priority: asr.Batch, Progress: progress, Opened: opened}
			if in.Path == cli.Stdin {
				return t.Reader(ctx, cli.Interruptible(ctx, std.in), "standard input", q)
			}
			return t.File(ctx, in.Path, q)
		}}
	return errors.Join(batch.Run(ctx, inputs), engine.close())
}

func (c *transcribeCommand) format(std streams) (transcript.Format, error) {
	byName, named := transcript.FormatToWrite(c.Output)
	switch {
	case c.Format != "":
		return transcript.ParseFormat(c.Format)
	case named:
		return byName, nil
	case c.Output == "" && term.IsTerminal(int(std.out.Fd())):
		return transcript.Timed, nil
	}
	return transcript.Text, nil
}
