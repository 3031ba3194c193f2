package main

import (
	"context"
	"io"

	"asr-backend/transcribe"
)

func printVerdicts(ctx context.Context, w io.Writer, tr *transcribe.Transcriber, data string) error {
	return nil
}
