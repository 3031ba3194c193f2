package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"asr-backend/asr"
	"asr-backend/audio"
	"asr-backend/internal/atomicfile"
	"asr-backend/internal/cli"
	"asr-backend/transcribe"
	"asr-backend/transcript"

	"golang.org/x/term"
)

type alignCommand struct {
	Recording string `arg:"" name:"RECORDING" help:"Recording in which the text is said; - for standard input."`
	Text      string `arg:"" name:"TEXT" help:"The text: plain, or subtitles (SRT, VTT), JSON, CTM, TextGrid, TSV or Audacity labels, whose segments are kept; - for standard input."`

	Format     string `help:"${formats}. Default: that of the output's name or of the text, or timed for a plain one." short:"f" placeholder:"FORMAT"`
	TextFormat string `help:"Format of the text, if its name does not say it." placeholder:"FORMAT"`
	Output     string `help:"File or folder for the result; standard output if not given." short:"o" placeholder:"PATH"`
	Report     string `help:"File for the places where text and recording do not agree, as JSON." placeholder:"PATH" type:"path"`
	Language   string `help:"Language of the text, such as en; that of the model if not given. Numbers are read in English." placeholder:"TAG"`

	Channels string        `help:"auto (those that the text speaks of), mix, split or the number of one, from 0." default:"auto"`
	Start    time.Duration `help:"Where the text begins, such as 90s or 1h2m." default:"0s"`
	End      time.Duration `help:"Where it ends; 0 is the end of the recording." default:"0s"`
	FFmpeg   string        `help:"Path of ffmpeg, used for formats that need it; \"off\" never runs it." name:"ffmpeg" default:""`
	regionFlags
	engineFlags

	Quiet   bool `help:"Print failures and warnings only." short:"q"`
	JSONLog bool `help:"Print events as JSON lines on standard error."`
}

// mostFindings is how many findings are told on standard error.
const mostFindings = 20

// Run aligns the text.
func (c *alignCommand) Run(ctx context.Context, std streams) error {
	text, textFormat, err := c.read(ctx, std)
	if err != nil {
		return err
	}
	format, err := c.format(std, textFormat)
	if err != nil {
		return &cli.UsageError{Err: err}
	}
	channels, err := c.channels(text)
	if err != nil {
		return &cli.UsageError{Err: err}
	}
	if c.End != 0 && c.End <= c.Start {
		return &cli.UsageError{Err: fmt.Errorf("--end %v is not after --start %v", c.End, c.Start)}
	}
	inputs, err := cli.Inputs([]string{c.Recording})
	if err != nil {
		return err
	}
	if len(inputs) > 1 {
		return &cli.UsageError{Err: fmt.Errorf("%s is a folder: a text belongs to one recording", c.Recording)}
	}
	outputs, err := cli.NewOutputs(c.Output, format, writeOptions(textFormat), 1, std.out)
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
	var aligned *transcribe.Aligned
	batch := cli.Batch{Report: report, Outputs: outputs,
		Transcribe: func(ctx context.Context, in cli.Input, progress func(asr.Progress), opened func(audio.Info)) (_ *transcript.Transcript, err error) {
			q := transcribe.Request{Start: c.Start, End: c.End, Priority: asr.Batch, Progress: progress, Opened: opened}
			if in.Path == cli.Stdin {
				aligned, err = t.AlignReader(ctx, cli.Interruptible(ctx, std.in), "standard input", text, c.Language, q)
			} else {
				aligned, err = t.AlignFile(ctx, in.Path, text, c.Language, q)
			}
			if err != nil {
				return nil, err
			}
			return aligned.Transcript, nil
		}}
	err = batch.Run(ctx, inputs)
	if err == nil {
		err = c.tell(report, aligned)
	}
	return errors.Join(err, engine.close())
}

// read reads the text.
func (c *alignCommand) read(ctx context.Context, std streams) (*transcript.Transcript, transcript.Format, error) {
	format, err := transcript.FormatOfFile(c.Text)
	switch {
	case c.TextFormat != "":
		format, err = transcript.ParseFormat(c.TextFormat)
	case c.Text == cli.Stdin:
		format, err = transcript.Text, nil
	}
	if err != nil {
		return nil, "", &cli.UsageError{Err: err}
	}
	var r io.Reader
	switch {
	case c.Text != cli.Stdin:
		f, err := os.Open(c.Text)
		if err != nil {
			return nil, "", &cli.UsageError{Err: fmt.Errorf("open the text: %w", err)}
		}
		defer f.Close()
		r = f
	case c.Recording == cli.Stdin:
		return nil, "", &cli.UsageError{Err: errors.New("recording and text cannot both come from standard input")}
	default:
		r = cli.Interruptible(ctx, std.in)
	}
	text, err := transcript.Read(r, format)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", c.Text, err)
	}
	return text, format, nil
}

func (c *alignCommand) format(std streams, text transcript.Format) (transcript.Format, error) {
	if c.Format != "" {
		return transcript.ParseFormat(c.Format)
	}
	if named, ok := transcript.FormatToWrite(c.Output); ok {
		return named, nil
	}
	if text == transcript.Text {
		return transcript.Timed, nil
	}
	return text, nil
}

func (c *alignCommand) channels(text *transcript.Transcript) (audio.Channels, error) {
	if c.Channels == "auto" {
		return transcribe.ChannelsFor(text), nil
	}
	return audio.ParseChannels(c.Channels)
}

// writeOptions keep the cues of subtitles as they were cut.
func writeOptions(text transcript.Format) transcript.WriteOptions {
	if text == transcript.SRT || text == transcript.VTT {
		return transcript.WriteOptions{CueLines: math.MaxInt32, CueDuration: math.MaxInt64}
	}
	return transcript.WriteOptions{}
}

// tell reports where text and recording do not agree.
func (c *alignCommand) tell(report *cli.Report, a *transcribe.Aligned) error {
	report.Event(fmt.Sprintf("%d of %d words found", a.Found, a.Words), "words", a.Words, "found", a.Found)
	for i := range a.Findings {
		if i == mostFindings && c.Report == "" && !c.JSONLog {
			report.Event(fmt.Sprintf("… and %d places more; --report FILE lists all", len(a.Findings)-i))
			break
		} else if i >= mostFindings && !c.JSONLog {
			break
		}
		f := &a.Findings[i]
		report.Event(f.String(), "verdict", f.Verdict.String(), "start_s", f.Start.Seconds(), "end_s", f.End.Seconds(), "text", f.Text, "heard", f.Heard)
	}
	if c.Report == "" {
		return nil
	}
	file, err := atomicfile.Create(c.Report)
	if err != nil {
		return err
	}
	if err := a.WriteFindings(file, c.Text); err != nil {
		return errors.Join(err, file.Close())
	}
	return file.Commit()
}
