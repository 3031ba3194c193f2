package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"asr-backend/internal/atomicfile"
	"asr-backend/internal/cli"
	"asr-backend/internal/output"
	"asr-backend/internal/visible"
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
	Output  string `help:"File for the manifest; standard output if not given or -." short:"o" placeholder:"FILE"`
	Audio   string `help:"Folder for the recordings: they are fetched there, and the manifest names them." type:"path" placeholder:"DIR"`

	Annotations string `help:"Of several annotations of a task, take the one changed last (latest) or each (all)." enum:"latest,all" default:"latest"`

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
	reader, err := c.reader(ctx, client)
	if err != nil {
		return err
	}
	export, err := c.open(ctx, client, std)
	if err != nil {
		return err
	}
	defer export.Close()
	writer := output.New(std.out)
	writer.ProtectFile(std.in, "standard input")
	writer.Protect(c.Export)
	writer.Protect(c.Config)
	target, err := writer.Claim(c.Output)
	if err != nil {
		return err
	}
	e := exporter{command: c, reader: reader, std: std, named: map[string]string{}}
	if c.Audio != "" {
		if e.fetcher, err = c.fetcher(client); err != nil {
			return err
		}
		defer e.fetcher.Close()
	}
	err = target.Write(ctx, func(out io.Writer) error {
		e.out = out
		if err := e.all(ctx, export); err != nil || e.lines > 0 {
			return c.wrongFile(err)
		}
		return errNoLines
	})
	if err != nil && !errors.Is(err, errNoLines) {
		return err
	}
	return e.summary()
}

// errNoLines keeps an empty manifest from being written: to train with it would be a
// mistake. The summary says why there is none.
var errNoLines = errors.New("no lines")

// wrongFile makes a mistake in the command line of a file that is no export.
func (c *exportManifestCommand) wrongFile(err error) error {
	var format *manifest.FormatError
	if c.Export == "" || !errors.As(err, &format) {
		return err
	}
	if c.Export != cli.Stdin {
		err = fmt.Errorf("%s: %w", visible.Text(c.Export), err)
	}
	return &cli.UsageError{Err: err}
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

// reader returns what reads tasks by the labelling configuration, if there is one.
func (c *exportManifestCommand) reader(ctx context.Context, client *api.Client) (*manifest.Reader, error) {
	config, err := c.config(ctx, client)
	if err != nil {
		return nil, err
	}
	reader, err := manifest.New(manifest.Options{Config: config, All: c.Annotations == "all"})
	if err != nil && c.Config != "" {
		return nil, &cli.UsageError{Err: fmt.Errorf("%s: %w", visible.Text(c.Config), err)}
	}
	return reader, err
}

func (c *exportManifestCommand) config(ctx context.Context, client *api.Client) (*labelconfig.Config, error) {
	var xml string
	switch {
	case c.Config != "":
		raw, err := os.ReadFile(c.Config)
		if err != nil {
			return nil, &cli.UsageError{Err: fmt.Errorf("read the labelling configuration: %w", visible.Error(err))}
		}
		config, err := labelconfig.Parse(string(raw))
		if err != nil {
			return nil, &cli.UsageError{Err: fmt.Errorf("%s: %w", visible.Text(c.Config), err)}
		}
		return config, nil
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
		f, err := os.Open(c.Export)
		if err != nil {
			return nil, &cli.UsageError{Err: visible.Error(err)}
		}
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, errors.Join(&cli.UsageError{Err: fmt.Errorf("%s is a folder, not an export", visible.Text(c.Export))}, f.Close())
		}
		return f, nil
	}
	f, err := os.CreateTemp("", "asr-backend-export-*.json")
	if named := new(fs.PathError); errors.As(err, &named) {
		err = fmt.Errorf("make a temporary file in %s: %w", visible.Text(os.TempDir()), named.Err)
	}
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

// exporter writes the lines of one manifest.
type exporter struct {
	command *exportManifestCommand
	reader  *manifest.Reader
	fetcher *media.Fetcher
	out     io.Writer
	std     streams

	tasks, lines, recordings, failed int
	speech                           time.Duration
	named                            map[string]string // which recording has a file name
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
		fmt.Fprintf(e.std.err, "%s, %s of speech, from %s\n", counted(e.lines, "line"), cli.Clock(e.speech), counted(e.recordings, "recording"))
	}
	tally := e.reader.Tally()
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

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// one writes the lines of one recording. A recording that cannot be fetched is reported and
// left out; the others go on.
func (e *exporter) one(ctx context.Context, s *manifest.Spoken) error {
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
	path, err := filepath.Abs(filepath.Join(e.command.Audio, e.name(s, filepath.Base(f.Name))))
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

// name returns a file name for a recording of a task, another one for each recording.
func (e *exporter) name(s *manifest.Spoken, base string) string {
	const most = 200 // bytes; file systems take 255
	if len(base) > most {
		base = strings.ToValidUTF8(base[len(base)-most:], "")
	}
	name := fmt.Sprintf("%d-%s", s.Task, base)
	for n := 2; e.named[name] != "" && e.named[name] != s.Value; n++ {
		name = fmt.Sprintf("%d-%d-%s", s.Task, n, base)
	}
	e.named[name] = s.Value
	return name
}
