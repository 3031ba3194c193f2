package main

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"

	"golang.org/x/term"
)

type transcribeCommand struct {
	Files  []string `arg:"" name:"FILE" help:"Recordings or folders of recordings; - for standard input."`
	Format []string `help:"Output formats, separated by commas: ${formats}. Default: the format given by the name of the output file; otherwise timed on a terminal and text elsewhere." short:"f" placeholder:"FORMAT"`
	Output string   `help:"Output file or folder. Default or -: standard output." short:"o" placeholder:"PATH"`

	Channels string `help:"Channels to transcribe: mix, split (each separately), or a channel number, counted from 0." default:"mix"`
	NBest    int    `help:"Texts that a region has at most, its own and the most probable alternatives, for JSON." name:"nbest" default:"1" min:"1" max:"100" placeholder:"N" group:"Text search"`
	recordingFlags
	decodingFlags
	hotwordFlags
}

// Run transcribes all files. Failures are reported as they happen; the error then is
// cli.ErrSome.
func (c *transcribeCommand) Run(ctx context.Context, std streams) error {
	channels, err := audio.ParseChannels(c.Channels)
	if err != nil {
		return &cli.UsageError{Err: err}
	}
	if err := cmp.Or(c.recordingFlags.check(), c.decodingFlags.check()); err != nil {
		return err
	}
	if len(c.Speakers) > 0 && channels == audio.Mix {
		return &cli.UsageError{Err: errors.New("--speakers names channels: add --channels split, or the number of a channel")}
	}
	recordings, err := cli.Find(c.Files)
	if err != nil {
		return err
	}
	fallback := transcript.Text
	if (c.Output == "" || c.Output == output.Stdout) && term.IsTerminal(int(std.out.Fd())) {
		fallback = transcript.Timed
	}
	formats, err := cli.ChooseFormats(c.Format, c.Output, recordings.Several, fallback)
	if err != nil {
		return err
	}
	if err := c.unused(formats); err != nil {
		return err
	}
	if c.NBest > 1 && !slices.ContainsFunc(formats, func(f cli.Format) bool { return f.Name == string(transcript.JSON) || f.Name == "labelstudio" }) {
		return &cli.UsageError{Err: errors.New("--nbest is for JSON and labelstudio: add --format json, or leave it out")}
	}
	writer := c.writer(std)
	writer.Protect(c.Hotwords)
	if c.LM != asr.LMDefault && c.LM != asr.LMNone {
		writer.Protect(c.LM)
	}
	outputs, err := cli.NewOutputs(cli.OutputOptions{Target: c.Output, Formats: formats, Write: c.cueFlags.options(), Recordings: recordings, Writer: writer})
	if err != nil {
		return err
	}
	phrases, err := c.phrases()
	if err != nil {
		return err
	}
	w, err := c.begin(ctx, std, c.decoding(), transcribe.Options{Channels: channels, Hotwords: phrases, NBest: c.NBest})
	if err != nil {
		return err
	}
	batch := cli.Batch{Report: w.report, Outputs: outputs, Parallel: w.model.recognizer.Device().Recordings(),
		Transcribe: func(ctx context.Context, in cli.Input, progress func(asr.Progress), opened func(audio.Info)) (*transcript.Transcript, error) {
			return w.transcriber.Transcribe(ctx, source(ctx, in, std), c.request(progress, opened))
		}}
	return errors.Join(batch.Run(ctx, recordings), w.close())
}
