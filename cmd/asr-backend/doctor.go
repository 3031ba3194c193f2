package main

import (
	"cmp"
	"context"
	"os"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/doctor"
	"github.com/asr-backend/asr-backend/internal/finding"
)

type doctorCommand struct {
	JSON    bool   `help:"Print JSON."`
	Verbose bool   `help:"Print a line for each thing that works, however many are alike; JSON has them anyway."`
	FFmpeg  string `help:"Path to ffmpeg; \"off\" never runs it." name:"ffmpeg" default:""`

	BackendURL string `help:"Address of this service as entered in Label Studio. Default: check the backends that are connected to projects." name:"backend-url" placeholder:"URL" group:"Label Studio"`
	Project    int64  `help:"Check only the project with this number." group:"Label Studio"`
	studioFlags
	placeFlags
	modelFlags
	decodingFlags
}

// Run examines the machine, the service and Label Studio.
func (c *doctorCommand) Run(ctx context.Context, std streams) error {
	if err := cmp.Or(c.placeFlags.check(), c.studioFlags.check(), c.modelFlags.check(), c.decodingFlags.check()); err != nil {
		return err
	}
	variant, recognizer := c.modelFlags.options()
	recognizer.Decoding = c.decoding()
	findings := doctor.Examine(ctx, doctor.Options{
		Version: version, Library: c.Library, FFmpeg: c.FFmpeg, Recognizer: recognizer,
		Model:   func() (*asr.Bundle, error) { return c.bundle(variant) },
		Folders: map[string]string{os.TempDir(): "temporary files"},
		Service: &doctor.Service{Host: c.Host, Port: c.Port, DataDir: c.DataDir, User: c.BasicUser, Password: c.BasicPassword},
		LabelStudio: &doctor.LabelStudio{
			URL: c.LabelStudioURL, Token: c.LabelStudioToken, BackendURL: c.BackendURL, Project: c.Project, Media: c.mediaOptions(),
		},
	})
	show, shown := finding.Print, finding.Fold(findings)
	if c.Verbose {
		shown = findings
	}
	if c.JSON {
		show, shown = finding.PrintJSON, findings
	}
	if err := show(std.out, shown); err != nil {
		return err
	}
	return finding.Verdict(findings)
}
