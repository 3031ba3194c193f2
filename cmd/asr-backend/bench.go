package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/internal/bench"
	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/timeline"
)

type benchCommand struct {
	File   string          `arg:"" name:"FILE" help:"Recording to measure with, at least a minute long; not needed with --memory." optional:""`
	Rounds int             `help:"Number of measurements." default:"5" min:"1"`
	Memory []time.Duration `help:"Transcribe generated recordings of these lengths, such as 10m,10h, and print the memory used." min:"1s"`
	JSON   bool            `help:"Print JSON."`
	FFmpeg string          `help:"Path to ffmpeg, which decodes the formats that are not built in; \"off\" never runs it." name:"ffmpeg" default:""`
	modelFlags
	decodingFlags
}

// Run measures and prints.
func (c *benchCommand) Run(ctx context.Context, std streams) error {
	if c.File == "" && len(c.Memory) == 0 {
		return &cli.UsageError{Err: errors.New("nothing to measure: give a recording, or lengths with --memory")}
	}
	model, err := c.modelFlags.open(ctx, c.decoding())
	if err != nil {
		return err
	}
	if len(c.Memory) > 0 {
		return errors.Join(c.memory(ctx, std, model), model.close())
	}
	report, err := bench.Run(ctx, model.recognizer, bench.Options{Recording: c.File, Rounds: c.Rounds, FFmpeg: c.FFmpeg})
	if err != nil {
		return errors.Join(err, model.close())
	}
	report.Runtime = model.runtime.Version()
	if c.JSON {
		rounded := []*float64{&report.AudioS, &report.Read, &report.Features, &report.Bare, &report.Whole, &report.WholeToBare, &report.Lowest, &report.Highest}
		if d := report.Decoder; d != nil {
			rounded = append(rounded, &d.Speed, &d.Share, &d.Pieces, &d.Calls)
		}
		for _, f := range rounded {
			*f = cli.Rounded(*f, 3)
		}
		err = json.NewEncoder(std.out).Encode(report)
	} else {
		_, err = fmt.Fprintf(std.out, `%s, %d rounds
audio                 %s, %d windows
read and resample     %8.0fx  one core
log-mel features      %8.0fx  one core
bare ONNX Runtime     %8.1fx
whole                 %8.1fx
whole / bare          %8.3f   (%.3f to %.3f)
peak memory           %8.0f MB
`, model, c.Rounds, timeline.Clock(report.Audio), report.Windows, report.Read, report.Features, report.Bare, report.Whole,
			report.WholeToBare, report.Lowest, report.Highest, float64(report.PeakBytes)/(1<<20))
		if d := report.Decoder; d != nil && err == nil {
			_, err = fmt.Fprintf(std.out, "transducer            %8.0fx  one core; %.1f pieces and %.1f calls a second\ndecoder's share       %8.1f %%  of the processor time of encoder and decoder\n", d.Speed, d.Pieces, d.Calls, 100*d.Share)
		}
	}
	return errors.Join(err, model.close())
}

func (c *benchCommand) memory(ctx context.Context, std streams, e *loadedModel) error {
	sizes, err := bench.Memory(ctx, e.recognizer, c.Memory)
	if err != nil {
		return err
	}
	for i, d := range c.Memory {
		if _, err := fmt.Fprintf(std.out, "%10s of audio: %.1f MB resident\n", d, float64(sizes[i])/(1<<20)); err != nil {
			return err
		}
	}
	return nil
}
