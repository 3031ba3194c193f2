package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/internal/pollread"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

// recordingFlags say what of a recording is used, and how it goes on.
type recordingFlags struct {
	Start  time.Duration `help:"Start of the part to process, such as 90, 1:30 or 1h2m." default:"0s"`
	End    time.Duration `help:"End of the part to process; 0: the end of the recording." default:"0s"`
	Track  int           `help:"Audio track to use, counted from 1; 0: the default track of the file." default:"0"`
	FFmpeg string        `help:"Path to ffmpeg, which decodes the formats that are not built in; \"off\" never runs it." name:"ffmpeg" default:""`
	regionFlags
	cueFlags
	modelFlags

	Quiet   bool `help:"Print only errors and warnings." short:"q"`
	JSONLog bool `help:"Log to standard error as JSON lines."`
}

// regionFlags shape regions.
type regionFlags struct {
	MaxRegion   time.Duration `help:"Maximum length of a region. Longer ones are split at their longest pause." default:"20s" min:"1s" group:"Regions"`
	MinPause    time.Duration `help:"Shortest pause that ends a region." default:"800ms" group:"Regions"`
	NoSentences bool          `help:"Do not end regions at the ends of sentences." group:"Regions"`
}

func (f *regionFlags) options() align.RegionOptions {
	return align.RegionOptions{MaxLength: f.MaxRegion, MinPause: f.MinPause, NoSentences: f.NoSentences}
}

// cueFlags shape subtitles. Zero is a flag that is not given.
type cueFlags struct {
	LineWidth   int           `help:"Characters in a line of SRT and VTT, 42 if not given; wide ones, as in Chinese, count as two." placeholder:"N" min:"10" max:"1000" group:"Subtitles"`
	CueLines    int           `help:"Lines shown at once, 2 if not given." placeholder:"N" min:"1" max:"100" group:"Subtitles"`
	CueDuration time.Duration `help:"Longest time that a subtitle is shown, 7s if not given." placeholder:"TIME" min:"1s" group:"Subtitles"`
	Speakers    []string      `help:"Names of the channels in their order, such as Agent,Customer, for recordings whose channels are transcribed separately." placeholder:"NAME,..."`
	WordTimes   bool          `help:"Put a timestamp before each word of VTT, for players that show words as they are spoken, and list the words with their times in NeMo manifests." group:"Subtitles"`
}

func (f *cueFlags) options() transcript.WriteOptions {
	return transcript.WriteOptions{LineWidth: f.LineWidth, CueLines: f.CueLines, CueDuration: f.CueDuration, WordTimes: f.WordTimes, Speakers: f.Speakers}
}

// unused says which of the flags shape none of the formats that are written.
func (f *cueFlags) unused(formats []cli.Format) error {
	writes := func(some ...transcript.Format) bool {
		return slices.ContainsFunc(formats, func(w cli.Format) bool { return slices.Contains(some, transcript.Format(w.Name)) })
	}
	switch {
	case f.WordTimes && !writes(transcript.VTT, transcript.NeMoManifest):
		return &cli.UsageError{Err: errors.New("--word-times is for VTT and NeMo manifests: add --format vtt or nemo-manifest, or leave it out")}
	case writes(transcript.SRT, transcript.VTT):
	case f.LineWidth != 0:
		return &cli.UsageError{Err: errors.New("--line-width is for subtitles: add --format srt or vtt, or leave it out")}
	case f.CueLines != 0:
		return &cli.UsageError{Err: errors.New("--cue-lines is for subtitles: add --format srt or vtt, or leave it out")}
	case f.CueDuration != 0:
		return &cli.UsageError{Err: errors.New("--cue-duration is for subtitles: add --format srt or vtt, or leave it out")}
	}
	return nil
}

// check says what is wrong between flags.
func (f *recordingFlags) check() error {
	if f.End != 0 && f.End <= f.Start {
		return &cli.UsageError{Err: fmt.Errorf("--end %s is not after --start %s", cli.Seconds(f.End), cli.Seconds(f.Start))}
	}
	return nil
}

// request is what is wanted of one recording.
func (f *recordingFlags) request(progress func(asr.Progress), opened func(audio.Info)) transcribe.Request {
	return transcribe.Request{Request: asr.Request{Priority: priority.Batch, Progress: progress}, Start: f.Start, End: f.End, Opened: opened}
}

// source is where a recording comes from.
func source(ctx context.Context, in cli.Input, std streams) transcribe.Source {
	if in.Path == cli.Stdin {
		return transcribe.Source{Reader: pollread.New(ctx, std.in), Name: "standard input"}
	}
	return transcribe.Source{Path: in.Path}
}

// work is a command that turns recordings into transcripts, ready to run.
type work struct {
	report      *cli.Report
	model       *loadedModel
	transcriber *transcribe.Transcriber
}

// begin makes what a command works with; the caller closes it. Of o, what flags say of all
// recordings is filled in.
func (f *recordingFlags) begin(ctx context.Context, std streams, d asr.Decoding, o transcribe.Options) (*work, error) {
	report := cli.NewReport(std.err, cli.ReportOptions{Terminal: term.IsTerminal(int(std.err.Fd())), Quiet: f.Quiet, JSON: f.JSONLog})
	model, err := f.open(ctx, d)
	if err != nil {
		return nil, err
	}
	report.Event(model.String(), "library", model.runtime.Path())
	o.Track, o.Regions, o.FFmpeg = f.Track, f.regionFlags.options(), f.FFmpeg
	t, err := transcribe.New(model.recognizer, o)
	if err != nil {
		return nil, errors.Join(&cli.UsageError{Err: err}, model.close())
	}
	return &work{report, model, t}, nil
}

func (w *work) close() error {
	w.report.Close()
	return w.model.close()
}

// writer returns what writes a command's outputs. Standard input is an input like others,
// and so are the library and the files of the model.
func (f *modelFlags) writer(std streams) *output.Writer {
	w := output.New(std.out)
	w.ProtectFile(std.in, "standard input")
	w.Protect(f.Library)
	w.Protect(f.OpenVINO)
	w.Protect(f.Model)
	files, _ := os.ReadDir(f.Model) // not a folder: a name, or a file
	for _, file := range files {
		w.Protect(filepath.Join(f.Model, file.Name()))
	}
	return w
}

// decodeTime reads a flag that is a time, as cli.ParseTime does. The tag min gives the
// least it may be.
func decodeTime(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("time", &text); err != nil {
		return err
	}
	d, err := cli.ParseTime(text)
	if err != nil {
		return err
	}
	if least := ctx.Value.Tag.Get("min"); least != "" {
		if m, err := time.ParseDuration(least); err != nil || d < m {
			return fmt.Errorf("%q is too short; it takes %s or more", text, cmp.Or(least, "?"))
		}
	}
	target.SetInt(int64(d))
	return nil
}

// decodeWhole reads a flag that is a whole number. It may not be negative unless the tag
// min says so, nor larger than the tag max.
func decodeWhole(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("number", &text); err != nil {
		return err
	}
	least, most := bound(ctx, "min", 0), bound(ctx, "max", math.MaxInt64)
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a whole number", text)
	case (n < least || n > most) && most < math.MaxInt64:
		return fmt.Errorf("%d is out of range; it takes %d to %d", n, least, most)
	case n < least:
		return fmt.Errorf("%d is too small; it takes %d or more", n, least)
	}
	target.SetInt(n)
	return nil
}

func bound(ctx *kong.DecodeContext, tag string, other int64) int64 {
	if n, err := strconv.ParseInt(ctx.Value.Tag.Get(tag), 10, 64); err == nil {
		return n
	}
	return other
}

// unsetEmpty removes empty variables of flags from the environment: compose files and
// scripts write those for settings that are not made.
func unsetEmpty(node *kong.Node) {
	for _, f := range node.Flags {
		for _, name := range f.Envs {
			if value, ok := os.LookupEnv(name); ok && strings.TrimSpace(value) == "" {
				_ = os.Unsetenv(name) // fails for names that no flag can have
			}
		}
	}
	for _, child := range node.Children {
		unsetEmpty(child)
	}
}
