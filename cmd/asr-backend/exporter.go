package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/labelstudio/manifest"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// exporter writes the lines of one manifest.
type exporter struct {
	command *exportManifestCommand
	reader  *manifest.Reader
	words   *manifest.Words // nil if they are not wanted
	fetcher *media.Fetcher  // nil if only names of recordings are wanted
	writer  *output.Writer
	out     io.Writer
	std     streams

	tasks, lines, recordings, failed int
	untimed                          int // regions without word times, where these are wanted
	speech                           time.Duration
	named                            map[string]string // which recording has a file name
	clipped                          clipped
}

func (e *exporter) all(ctx context.Context, export io.Reader) error {
	for task, err := range manifest.Tasks(export) {
		if err != nil {
			return err
		}
		e.tasks++
		spoken, err := e.reader.Read(&task)
		if err != nil {
			e.failed++
			fmt.Fprintf(e.std.err, "error: %v\n", err)
		}
		for i := range spoken {
			if err := e.one(ctx, &spoken[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// advice is what a person can do about what was left out.
var advice = map[manifest.Reason]string{
	manifest.Ambiguous:    "; give it with --config",
	manifest.Earlier:      "; --annotations all takes each",
	manifest.WholeUnknown: "; align it first with `asr-backend align`",
}

// summary says what is in the manifest, and what is not.
func (e *exporter) summary() error {
	if e.lines > 0 {
		fmt.Fprintf(e.std.err, "%s, %s of speech, from %s\n", plural.Count(e.lines, e.command.unit()), timeline.Clock(e.speech), plural.Count(e.recordings, "recording"))
	}
	if e.untimed > 0 {
		fmt.Fprintf(e.std.err, "without word times: %s\n", plural.Count(e.untimed, "region"))
	}
	tally := e.reader.Tally()
	tally[manifest.Beyond] += e.clipped.beyond
	tally[manifest.Shortened] += e.clipped.shortened
	for reason, n := range tally {
		if n > 0 {
			fmt.Fprintln(e.std.err, tally.Line(manifest.Reason(reason))+advice[manifest.Reason(reason)])
		}
	}
	switch {
	case e.failed > 0:
		return cli.ErrSome
	case e.tasks == 0 && e.command.Project != 0:
		return errors.New("nothing to write: nobody has annotated a task of the project yet")
	case e.tasks == 0:
		return errors.New("nothing to write: the export has no tasks")
	case e.lines == 0 && tally[manifest.PredictedOnly]+tally[manifest.NotAnnotated] == e.tasks:
		return errors.New("nothing to write: nobody has annotated a task of the export yet")
	case e.lines == 0:
		return errors.New("nothing to write: the export has no text that lies on a recording")
	}
	return nil
}

// one writes the lines of one recording. A recording that cannot be had is reported and
// left out; the others go on.
func (e *exporter) one(ctx context.Context, s *manifest.Spoken) error {
	if len(s.Transcript.Segments) == 0 {
		return nil
	}
	untimed := 0
	if e.words != nil {
		untimed = e.words.Fill(s)
	}
	audio, release, err := e.recording(ctx, s)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		e.fail(s, err)
		return nil
	}
	defer release()
	e.untimed += untimed
	if e.command.Clips != "" {
		return e.clips(ctx, s, audio)
	}
	e.recordings++
	for _, seg := range s.Transcript.Segments {
		e.lines++
		e.speech += seg.End - seg.Start
	}
	return transcript.Write(e.out, transcript.NeMoManifest, s.Transcript, transcript.WriteOptions{Audio: audio, WordTimes: e.words != nil})
}

// fail reports a recording that is missing, or some of it.
func (e *exporter) fail(s *manifest.Spoken, err error) {
	e.failed++
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if advice := hint.Of(err); advice != "" {
		text += "; " + advice
	}
	fmt.Fprintf(e.std.err, "error: task %d: %s\n", s.Task, visible.Text(text))
}
