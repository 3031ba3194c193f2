package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/clips"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/labelstudio/manifest"
	"github.com/asr-backend/asr-backend/transcript"
)

// Layouts of a folder of clips.
const (
	layoutNeMo        = "nemo"        // the manifest is the output of the command
	layoutAudioFolder = "audiofolder" // metadata.jsonl beside the clips
	layoutKaldi       = "kaldi"       // wav.scp, text, utt2spk, spk2utt and ctm beside the clips
)

// clipped is what is known about the clips of a run.
type clipped struct {
	names      map[string]bool
	utterances []utterance // for Kaldi, whose files are sorted

	beyond, shortened int // regions of recordings that end earlier
}

// utterance is a clip for Kaldi.
type utterance struct{ id, path, text, ctm string }

// folder makes the folder for clips. One that has files in it is refused: they would be
// taken for clips of this run, and a recording could be among them.
func (c *exportManifestCommand) folder() error {
	if c.Clips == "" {
		return nil
	}
	if c.Audio != "" {
		if a, err := filepath.Abs(c.Audio); err == nil && a == c.Clips {
			return &cli.UsageError{Err: errors.New("--clips and --audio need a folder each")}
		}
	}
	switch files, err := os.ReadDir(c.Clips); {
	case errors.Is(err, os.ErrNotExist):
		return os.MkdirAll(c.Clips, 0o777)
	case err != nil:
		return &cli.UsageError{Err: visible.Error(err)}
	case len(files) > 0:
		return &cli.UsageError{Err: fmt.Errorf("--clips %s: the folder is not empty; give a new one", visible.Text(c.Clips))}
	}
	return nil
}

// target is the name of the output that is written as lines come.
func (c *exportManifestCommand) target() string {
	switch {
	case c.Clips == "" || c.Layout == layoutNeMo:
		return c.Output
	case c.Layout == layoutKaldi:
		return filepath.Join(c.Clips, "text")
	}
	return filepath.Join(c.Clips, "metadata.jsonl")
}

// clips cuts the regions of a recording and writes their lines. Clips that could not be
// cut are reported; those that could have their lines.
func (e *exporter) clips(ctx context.Context, s *manifest.Spoken, path string) error {
	e.writer.Protect(path)
	segments := s.Transcript.Segments
	regions, names := make([]clips.Region, len(segments)), make([]string, len(segments))
	for i, seg := range segments {
		regions[i] = clips.Region{Start: seg.Start, End: seg.End, Channel: clips.Mixed}
		if seg.Channel != transcript.Mixed {
			regions[i].Channel = seg.Channel
		}
		names[i] = e.clipName(s.Task, seg.Start, seg.End)
	}
	create := func(i int) (*output.File, error) {
		target, err := e.writer.Claim(filepath.Join(e.command.Clips, names[i]+".wav"))
		if err != nil {
			return nil, err
		}
		return target.Create(ctx)
	}
	cut, found, err := clips.Cut(ctx, path, regions, create, clips.Options{OriginalRate: e.command.OriginalRate, FFmpeg: e.command.FFmpeg})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, d := range found {
		fmt.Fprintf(e.std.err, "warning: task %d: %s\n", s.Task, visible.Text(d.Text))
	}
	if err != nil {
		e.fail(s, err)
	}
	before := e.lines
	for i, c := range cut {
		switch {
		case c.Frames == 0 && err == nil:
			e.clipped.beyond++
			continue
		case c.Frames == 0:
			continue
		case c.Lost() > manifest.Rounding:
			e.clipped.shortened++
		}
		e.lines++
		e.speech += c.Duration()
		if err := e.line(names[i], c.Duration(), &segments[i]); err != nil {
			return err
		}
	}
	if e.lines > before {
		e.recordings++
	}
	return nil
}

// clipName returns a name that no other clip has: the task and where in the recording the
// region lies, in milliseconds.
func (e *exporter) clipName(task int64, start, end time.Duration) string {
	base := fmt.Sprintf("%d-%09d-%09d", task, start.Milliseconds(), end.Milliseconds())
	name := base
	for n := 2; e.clipped.names[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	e.clipped.names[name] = true
	return name
}

// line writes what the layout says about the clip of a segment.
func (e *exporter) line(name string, length time.Duration, s *transcript.Segment) error {
	path := filepath.Join(e.command.Clips, name+".wav")
	t := &transcript.Transcript{Duration: length, Segments: []transcript.Segment{{End: length, Text: s.Text, Channel: transcript.Mixed}}}
	if e.words != nil {
		t.Segments[0].Words = within(s, length)
	}
	if e.command.Layout == layoutNeMo {
		return transcript.Write(e.out, transcript.NeMoManifest, t, transcript.WriteOptions{Audio: path, WordTimes: true})
	}
	var line strings.Builder
	if err := transcript.Write(&line, transcript.Text, t, transcript.WriteOptions{}); err != nil {
		return err
	}
	text := strings.TrimSuffix(line.String(), "\n")
	if e.command.Layout == layoutKaldi {
		text = strings.Join(strings.Fields(text), " ") // its scripts refuse spaces beyond ASCII
		u := utterance{id: name, path: path, text: text}
		if len(t.Segments[0].Words) > 0 {
			var ctm strings.Builder
			if err := transcript.Write(&ctm, transcript.CTM, t, transcript.WriteOptions{Audio: name}); err != nil {
				return err
			}
			u.ctm = ctm.String()
		}
		e.clipped.utterances = append(e.clipped.utterances, u)
		return nil
	}
	j := json.NewEncoder(e.out)
	j.SetEscapeHTML(false)
	return j.Encode(struct {
		File  string     `json:"file_name"`
		Text  string     `json:"transcription"`
		Words []clipWord `json:"words,omitempty"`
	}{name + ".wav", text, clipWords(t.Segments[0].Words)})
}

// kaldi writes Kaldi's files, sorted as its scripts demand. Who speaks is not known, so
// each utterance is a speaker of its own, as Kaldi's documentation advises.
func (e *exporter) kaldi(ctx context.Context) error {
	slices.SortFunc(e.clipped.utterances, func(a, b utterance) int { return cmp.Compare(a.id, b.id) })
	write := func(out io.Writer, value func(utterance) string) error {
		for _, u := range e.clipped.utterances {
			if _, err := io.WriteString(out, value(u)); err != nil {
				return err
			}
		}
		return nil
	}
	speaker := func(u utterance) string { return u.id + " " + u.id + "\n" }
	files := map[string]func(utterance) string{
		"wav.scp": func(u utterance) string { return u.id + " " + u.path + "\n" },
		"utt2spk": speaker, "spk2utt": speaker,
	}
	if e.words != nil {
		files["ctm"] = func(u utterance) string { return u.ctm }
	}
	for file, value := range files {
		target, err := e.writer.Claim(filepath.Join(e.command.Clips, file))
		if err != nil {
			return err
		}
		if err := target.Write(ctx, func(out io.Writer) error { return write(out, value) }); err != nil {
			return err
		}
	}
	return write(e.out, func(u utterance) string { return u.id + " " + u.text + "\n" })
}
