package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/manifest"
)

type exportManifestCommand struct {
	Export  string `arg:"" name:"EXPORT" help:"Export of a project in Label Studio's JSON, or - for standard input." optional:""`
	Project int64  `help:"Take the project of this number from Label Studio instead."`
	Config  string `help:"File with the project's labelling configuration; without it, texts are found by their form." type:"path"`
	Output  string `help:"File for the manifest; standard output if not given or -." short:"o" placeholder:"FILE"`
	Audio   string `help:"Folder for the recordings: they are fetched there, and the manifest names them." type:"path" placeholder:"DIR"`

	Clips        string `help:"Cut each region into a WAV clip in this new folder; the manifest names the clips." type:"path" placeholder:"DIR" group:"Clips"`
	Layout       string `help:"What is written about the clips: nemo (the manifest), audiofolder (metadata.jsonl in the folder, for Hugging Face) or kaldi (wav.scp, text, utt2spk and spk2utt in the folder)." enum:"nemo,audiofolder,kaldi" default:"nemo" group:"Clips"`
	OriginalRate bool   `help:"Keep the sample rate of each recording; without it, clips have 16 kHz." group:"Clips"`
	FFmpeg       string `help:"Path of ffmpeg, used for formats that need it; \"off\" never runs it." name:"ffmpeg" default:"" group:"Clips"`

	Words         string             `help:"Add the words with their times; those of corrected texts come from the service at this address, or from a file with its answer to GET /corrections." placeholder:"URL|FILE" group:"Words"`
	BasicUser     string             `help:"User name of the service." env:"BASIC_AUTH_USER" placeholder:"USER" group:"Words"`
	BasicPassword labelstudio.Secret `help:"Password of the service." env:"BASIC_AUTH_PASS" placeholder:"PASSWORD" group:"Words"`

	Annotations string `help:"Of several annotations of a task, take the one changed last (latest) or each (all)." enum:"latest,all" default:"latest"`

	LabelStudioURL   string             `help:"Where Label Studio is." env:"LABEL_STUDIO_URL,LABEL_STUDIO_HOST" name:"label-studio-url"`
	LabelStudioToken labelstudio.Secret `help:"Token of a Label Studio user who can see the project." env:"LABEL_STUDIO_API_KEY,LABEL_STUDIO_ACCESS_TOKEN" name:"label-studio-token"`
	DocumentRoot     string             `help:"Folder from which Label Studio serves local files, if it is mounted here too." env:"LOCAL_FILES_DOCUMENT_ROOT" type:"path"`
	AllowPrivate     bool               `help:"Fetch recordings from any address inside the network."`
}

// check says what is wrong between flags.
func (c *exportManifestCommand) check() error {
	var err error
	switch {
	case (c.Export == "") == (c.Project == 0):
		err = errors.New("give an export, or the number of a project with --project")
	case c.Clips == "" && (c.OriginalRate || c.Layout != layoutNeMo):
		err = errors.New("--layout and --original-rate are about clips; give a folder for them with --clips")
	case c.Layout != layoutNeMo && c.Output != "":
		err = fmt.Errorf("--layout %s writes its files beside the clips and has no use for -o", c.Layout)
	default:
		return nil
	}
	return &cli.UsageError{Err: err}
}

// unit is what is counted.
func (c *exportManifestCommand) unit() string {
	if c.Clips != "" {
		return "clip"
	}
	return "line"
}

// Run writes a line for each region that people wrote a text for.
func (c *exportManifestCommand) Run(ctx context.Context, std streams) error {
	if err := c.check(); err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	reader, err := c.reader(ctx, client)
	if err != nil {
		return err
	}
	words, err := c.words(ctx)
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
	writer.Protect(c.Words)
	if err := c.folder(); err != nil {
		return err
	}
	target, err := writer.Claim(c.target())
	if err != nil {
		return err
	}
	e := exporter{command: c, reader: reader, words: words, writer: writer, std: std, named: map[string]string{}, clipped: clipped{names: map[string]bool{}}}
	fetcher, end, err := c.fetcher(client)
	if err != nil {
		return err
	}
	defer end()
	e.fetcher = fetcher
	err = target.Write(ctx, func(out io.Writer) error {
		e.out = out
		err := e.all(ctx, export)
		switch {
		case err != nil:
			return c.wrongFile(err)
		case e.lines == 0:
			return errNoLines
		case c.Layout == layoutKaldi:
			return e.kaldi(ctx)
		}
		return nil
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
