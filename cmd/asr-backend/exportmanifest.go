package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"asr-backend/internal/atomicfile"
	"asr-backend/internal/cli"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/api"
	"asr-backend/labelstudio/labelconfig"
	"asr-backend/labelstudio/manifest"
	"asr-backend/labelstudio/media"
	"asr-backend/transcript"
)

type exportManifestCommand struct {
	Export  string `arg:"" name:"EXPORT" help:"Export of a project in Label Studio's JSON, or - for standard input." optional:""`
	Project int64  `help:"Take the project of this number from Label Studio instead."`
	Config  string `help:"File with the project's labelling configuration; without it, texts are found by their form." type:"path"`
	Output  string `help:"File for the manifest; standard output if not given." short:"o" placeholder:"FILE"`
	Audio   string `help:"Folder for the recordings: they are fetched there, and the manifest names them." type:"path" placeholder:"DIR"`

	LabelStudioURL   string             `help:"Where Label Studio is." env:"LABEL_STUDIO_URL,LABEL_STUDIO_HOST" name:"label-studio-url"`
	LabelStudioToken labelstudio.Secret `help:"Token of a Label Studio user who can see the project." env:"LABEL_STUDIO_API_KEY,LABEL_STUDIO_ACCESS_TOKEN" name:"label-studio-token"`
	DocumentRoot     string             `help:"Folder from which Label Studio serves local files, if it is mounted here too." env:"LOCAL_FILES_DOCUMENT_ROOT" type:"path"`
	AllowPrivate     bool               `help:"Fetch recordings from any address inside the network."`
}

// Run writes a line for each region that people wrote a text for.
func (c *exportManifestCommand) Run(ctx context.Context, std streams) error {
	if (c.Export == "") == (c.Project == 0) {
		return &cli.UsageError{Err: errors.New("give an export, or the number of a project with --project")}
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	config, err := c.config(ctx, client)
	if err != nil {
		return err
	}
	export, err := c.open(ctx, client, std)
	if err != nil {
		return err
	}
	defer export.Close()
	out, err := c.target(std)
	if err != nil {
		return err
	}
	e := exporter{command: c, config: config, out: out, std: std}
	if c.Audio != "" {
		if e.fetcher, err = c.fetcher(client); err != nil {
			return errors.Join(err, out.Close())
		}
		defer e.fetcher.Close()
	}
	if err := e.all(ctx, export); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := out.commit(); err != nil {
		return err
	}
	fmt.Fprintf(std.err, "%d lines, %s of speech, from %d recordings\n", e.lines, cli.Clock(e.speech), e.recordings)
	if e.skipped > 0 {
		fmt.Fprintf(std.err, "warning: %d texts were left out: they are about whole recordings whose length the export does not tell; align them first with `asr-backend align`\n", e.skipped)
	}
	if e.failed > 0 {
		return cli.ErrSome
	}
	return nil
}

// client returns a client of Label Studio, or nil if there is no address.
func (c *exportManifestCommand) client() (*api.Client, error) {
	if c.LabelStudioURL == "" {
		if c.Project != 0 {
			return nil, &cli.UsageError{Err: errors.New("--project needs LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY")}
		}
		return nil, nil
	}
	return api.New(api.Options{URL: c.LabelStudioURL, Token: c.LabelStudioToken, UserAgent: "asr-backend/" + version})
}

func (c *exportManifestCommand) config(ctx context.Context, client *api.Client) (*labelconfig.Config, error) {
	var xml string
	switch {
	case c.Config != "":
		raw, err := os.ReadFile(c.Config)
		if err != nil {
			return nil, err
		}
		xml = string(raw)
	case c.Project != 0:
		p, err := client.Project(ctx, c.Project)
		if err != nil {
			return nil, err
		}
		xml = p.LabelConfig
	default:
		return nil, nil
	}
	return labelconfig.Parse(xml)
}

// open returns the export. One that comes from Label Studio is written aside first, since
// it may take long to make use of.
func (c *exportManifestCommand) open(ctx context.Context, client *api.Client, std streams) (io.ReadCloser, error) {
	switch {
	case c.Export == cli.Stdin:
		return io.NopCloser(cli.Interruptible(ctx, std.in)), nil
	case c.Export != "":
		return os.Open(c.Export)
	}
	f, err := os.CreateTemp("", "asr-backend-export-*.json")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil { // it lives as long as it is open
		return nil, errors.Join(err, f.Close())
	}
	if err := client.Export(ctx, c.Project, false, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (c *exportManifestCommand) fetcher(client *api.Client) (*media.Fetcher, error) {
	o := media.Options{CacheDir: filepath.Join(c.Audio, ".fetched"), DocumentRoot: c.DocumentRoot, AllowPrivate: c.AllowPrivate}
	if client != nil {
		o.Server = client
	}
	return media.New(o)
}

// target is where the manifest goes.
type target struct {
	io.Writer
	file *atomicfile.File // nil for standard output
}

func (c *exportManifestCommand) target(std streams) (*target, error) {
	if c.Output == "" || c.Output == cli.Stdin {
		return &target{Writer: std.out}, nil
	}
	f, err := atomicfile.Create(c.Output)
	if err != nil {
		return nil, err
	}
	return &target{f, f}, nil
}

func (t *target) commit() error {
	if t.file == nil {
		return nil
	}
	return t.file.Commit()
}

// Close throws away what was not committed.
func (t *target) Close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}

// exporter writes the lines of one manifest.
type exporter struct {
	command *exportManifestCommand
	config  *labelconfig.Config
	fetcher *media.Fetcher
	out     io.Writer
	std     streams

	lines, recordings, skipped, failed int
	speech                             time.Duration
}

func (e *exporter) all(ctx context.Context, export io.Reader) error {
	for task, err := range manifest.Tasks(export) {
		if err != nil {
			return err
		}
		spoken, err := manifest.Read(&task, e.config, labelconfig.Options{})
		if err != nil {
			return err
		}
		for i := range spoken {
			if err := e.one(ctx, &spoken[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// one writes the lines of one recording. A recording that cannot be fetched is told and
// left out; the others go on.
func (e *exporter) one(ctx context.Context, s *manifest.Spoken) error {
	e.skipped += s.Skipped
	if len(s.Transcript.Segments) == 0 {
		return nil
	}
	audio := s.Value
	if e.fetcher != nil {
		path, err := e.fetch(ctx, s)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			e.failed++
			fmt.Fprintf(e.std.err, "error: task %d: %v\n", s.Task, err)
			return nil
		}
		audio = path
	}
	e.recordings++
	for _, seg := range s.Transcript.Segments {
		e.lines++
		e.speech += seg.End - seg.Start
	}
	return transcript.Write(e.out, transcript.NeMoManifest, s.Transcript, transcript.WriteOptions{Audio: audio})
}

// fetch returns the absolute path of the recording: where it lies, if that is a mounted
// folder, else a copy in the folder for recordings, named after the task.
func (e *exporter) fetch(ctx context.Context, s *manifest.Spoken) (string, error) {
	f, err := e.fetcher.Fetch(ctx, media.Request{Value: s.Value, Task: s.Task, Project: e.command.Project})
	if err != nil {
		return "", err
	}
	defer f.Close()
	if root := e.command.DocumentRoot; root != "" {
		if below, err := filepath.Rel(root, f.Path); err == nil && filepath.IsLocal(below) {
			return f.Path, nil
		}
	}
	path, err := filepath.Abs(filepath.Join(e.command.Audio, fmt.Sprintf("%d-%s", s.Task, filepath.Base(f.Name))))
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err == nil && info.Size() == f.Size {
		return path, nil
	}
	in, err := os.Open(f.Path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := atomicfile.Create(path)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(out, in); err != nil {
		return "", errors.Join(err, out.Close())
	}
	return path, out.Commit()
}
