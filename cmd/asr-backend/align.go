package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/internal/pollread"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
)

type alignCommand struct {
	Recording string `arg:"" name:"RECORDING" help:"Recording of the text; - for standard input."`
	Text      string `arg:"" name:"TEXT" help:"Text to align: plain text, or a file with times (SRT, VTT, JSON, CTM, TextGrid, TSV, Audacity labels, timed), whose segments are kept; - for standard input."`

	Format     []string `help:"Output formats, separated by commas: ${formats}. Default: the format given by the name of the output file, then that of the text, or timed for plain text." short:"f" placeholder:"FORMAT"`
	TextFormat string   `help:"Format of the text, if its file name does not show it." placeholder:"FORMAT"`
	Output     string   `help:"Output file or folder. Default or -: standard output." short:"o" placeholder:"PATH"`
	Report     string   `help:"Write the mismatches between text and recording to this file as JSON; - for standard output." placeholder:"PATH"`
	Language   string   `help:"Language of the text, such as en. Default: that of the model. Numbers are spelled out for English only." placeholder:"TAG"`

	Channels string `help:"Channels to align with: auto (those that the text names), mix, split, or a channel number, counted from 0." default:"auto"`
	recordingFlags
}

// maxMismatches is how many mismatches are listed on standard error.
const maxMismatches = 20

// Run aligns the text.
func (c *alignCommand) Run(ctx context.Context, std streams) error {
	if err := c.check(); err != nil {
		return err
	}
	text, textFormat, err := c.read(ctx, std)
	if err != nil {
		return err
	}
	channels, err := c.channels(text)
	if err != nil {
		return &cli.UsageError{Err: err}
	}
	recording, err := cli.Find([]string{c.Recording})
	if err != nil {
		return err
	}
	if recording.Several {
		return &cli.UsageError{Err: fmt.Errorf("%s is a folder: a text belongs to one recording", c.Recording)}
	}
	outputs, findings, err := c.outputs(std, recording, textFormat)
	if err != nil {
		return err
	}
	w, err := c.begin(ctx, std, asr.Decoding{LM: asr.LMNone}, transcribe.Options{Channels: channels})
	if err != nil {
		return err
	}
	var aligned *transcribe.Aligned
	batch := cli.Batch{Report: w.report, Outputs: outputs,
		Transcribe: func(ctx context.Context, in cli.Input, progress func(asr.Progress), opened func(audio.Info)) (_ *transcript.Transcript, err error) {
			aligned, err = w.transcriber.Align(ctx, source(ctx, in, std), text, c.Language, c.request(progress, opened))
			if err != nil {
				return nil, err
			}
			return aligned.Transcript, nil
		}}
	err = batch.Run(ctx, recording)
	if err == nil {
		c.summarize(w.report, aligned)
	}
	if err == nil && findings != nil {
		err = findings.Write(ctx, func(f io.Writer) error { return aligned.WriteReport(f, c.Text) })
	}
	return errors.Join(err, w.close())
}

// outputs claims the places of the result and of the report, nil if that is not wanted.
func (c *alignCommand) outputs(std streams, recording *cli.Recordings, text transcript.Format) (*cli.Outputs, *output.Target, error) {
	fallback := text
	if text == transcript.Text {
		fallback = transcript.Timed
	}
	formats, err := cli.ChooseFormats(c.Format, c.Output, false, fallback)
	if err != nil {
		return nil, nil, err
	}
	if err := c.unused(formats); err != nil {
		return nil, nil, err
	}
	writer := c.writer(std)
	if c.Text != cli.Stdin {
		writer.Protect(c.Text)
	}
	outputs, err := cli.NewOutputs(cli.OutputOptions{Target: c.Output, Formats: formats, Write: c.writeOptions(text), Recordings: recording, Writer: writer})
	if err != nil || c.Report == "" {
		return outputs, nil, err
	}
	if c.Report == output.Stdout && outputs.Stdout() {
		return nil, nil, &cli.UsageError{Err: errors.New("result and report cannot share standard output; name a file with -o or --report")}
	}
	findings, err := writer.Claim(c.Report)
	return outputs, findings, err
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
		f, err := cli.OpenInput(ctx, c.Text)
		if err != nil {
			return nil, "", fmt.Errorf("open the text: %w", err)
		}
		defer f.Close()
		r = f
	case c.Recording == cli.Stdin:
		return nil, "", &cli.UsageError{Err: errors.New("recording and text cannot both come from standard input")}
	default:
		r = pollread.New(ctx, std.in)
	}
	text, err := transcript.Read(r, format)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", c.Text, err)
	}
	text.TakeSpeakers(c.Speakers)
	return text, format, nil
}

func (c *alignCommand) channels(text *transcript.Transcript) (audio.Channels, error) {
	if c.Channels == "auto" {
		return transcribe.ChannelsFor(text), nil
	}
	return audio.ParseChannels(c.Channels)
}

// writeOptions keep the cues of subtitles as they were cut, where no flag says otherwise.
func (c *alignCommand) writeOptions(text transcript.Format) transcript.WriteOptions {
	o := c.cueFlags.options()
	if text == transcript.SRT || text == transcript.VTT {
		o.CueLines = cmp.Or(o.CueLines, math.MaxInt32)
		o.CueDuration = cmp.Or(o.CueDuration, math.MaxInt64)
	}
	return o
}

// summarize reports where text and recording do not agree.
func (c *alignCommand) summarize(report *cli.Report, a *transcribe.Aligned) {
	summary := fmt.Sprintf("%d of %d words found", a.Found, a.Words)
	if a.Unspellable > 0 {
		summary += fmt.Sprintf(", %d cannot be spelled with this model", a.Unspellable)
	}
	report.Event(summary, "words", a.Words, "found", a.Found, "unspellable", a.Unspellable)
	for i := range a.Mismatches {
		if i == maxMismatches && c.Report == "" && !c.JSONLog {
			report.Event(fmt.Sprintf("… and %d places more; --report FILE lists all", len(a.Mismatches)-i))
			break
		} else if i >= maxMismatches && !c.JSONLog {
			break
		}
		m := &a.Mismatches[i]
		report.Event(m.String(), "verdict", m.Verdict.String(), "start_s", cli.Rounded(m.Start.Seconds(), 3), "end_s", cli.Rounded(m.End.Seconds(), 3), "text", m.Text, "recognized", m.Recognized)
	}
}
