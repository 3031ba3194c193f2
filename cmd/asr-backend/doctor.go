package main

import (
	"context"
	"os"

	"asr-backend/asr"
	"asr-backend/internal/doctor"
)

type doctorCommand struct {
	JSON   bool   `help:"Print JSON."`
	FFmpeg string `help:"Path of ffmpeg; \"off\" never runs it." name:"ffmpeg" default:""`
	engineFlags
}

// Run examines the machine.
func (c *doctorCommand) Run(ctx context.Context, std streams) error {
	findings := doctor.Examine(ctx, doctor.Options{
		Version: version, Library: c.Library, FFmpeg: c.FFmpeg, Device: c.Device,
		Model:   func() (*asr.Bundle, error) { return c.bundle("") },
		Folders: map[string]string{os.TempDir(): "temporary files"},
	})
	show := doctor.Print
	if c.JSON {
		show = doctor.PrintJSON
	}
	if err := show(std.out, findings); err != nil {
		return err
	}
	return doctor.Verdict(findings)
}
