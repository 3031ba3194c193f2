// Package doctor looks at everything asr-backend needs and says what works, what does
// not, and what to do about it. Checks run whatever the others found, as far as they can.
//
// # What is looked at
//
//	here           the library, the GPU, the model, ffmpeg, folders and the space in them
//	the service    its port, and how it is if it runs already
//	Label Studio   its address, version, token, the projects that the token opens
//	from there     whether it would ask the service, whether it does, whether it sends
//	               events, and whether a task's recording can be had
//
// # From both ends
//
// A service that nobody asks looks the same whether it was never connected, cannot be
// reached, or is refused. Label Studio 1.23.1 and later refuse private addresses before any
// request goes out, and show only "disconnected" for backends that were connected before.
// So both ends are asked: Label Studio what it thinks of the address, by requests that
// cannot make anything (api.CheckBackend), and the service whether it was ever asked.
//
// Nothing is changed on either side. Listing backends makes Label Studio ask each of
// them for its health and version, as its own page does. No secret is repeated: messages
// lose tokens, passwords and the credentials in addresses.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/finding"
)

// Options say what to look at.
type Options struct {
	Version string // of the program
	Library string // see ort.Open
	FFmpeg  string // see audio.Options
	// Model opens the model to look at, and Recognizer says how it is run.
	Model      func() (*asr.Bundle, error)
	Recognizer asr.Options
	// Folders must be writable; the values say what for.
	Folders map[string]string
	// Service and LabelStudio are what `asr-backend serve` works with; nil: not looked at.
	Service     *Service
	LabelStudio *LabelStudio
}

// Examine runs all checks.
func Examine(ctx context.Context, o Options) []finding.Finding {
	findings := []finding.Finding{finding.New("program", finding.OK, fmt.Sprintf("%s, %s, %s/%s, %d cores", o.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), "")}
	rt, err := ort.Open(o.Library)
	if err != nil {
		findings = append(findings, finding.New("library", finding.Failure, err.Error(), "run `make library`, or name the library with --onnxruntime or "+ort.LibraryVariable))
	} else {
		findings = append(findings, finding.New("library", finding.OK, fmt.Sprintf("ONNX Runtime %s (%s or later is needed) at %s", rt.Version(), ort.MinimumVersion, rt.Path()), ""))
		findings = append(findings, model(ctx, rt, o)...)
		if err := rt.Close(); err != nil {
			findings = append(findings, finding.New("library", finding.Failure, err.Error(), ""))
		}
	}
	findings = append(findings, ffmpeg(ctx, o))
	for folder, use := range o.Folders {
		findings = append(findings, writable(folder, use))
	}
	var found *running
	if o.Service != nil {
		var more []finding.Finding
		more, found = o.Service.examine(ctx)
		findings = append(findings, more...)
	}
	if o.LabelStudio != nil {
		findings = append(findings, o.LabelStudio.examine(ctx, found)...)
	}
	return findings
}

func ffmpeg(ctx context.Context, o Options) finding.Finding {
	path, version, err := audio.FindFFmpeg(ctx, o.FFmpeg)
	if err != nil {
		return finding.New("ffmpeg", finding.Warning, err.Error(), "WAV, MP3, FLAC and Ogg Opus work without it; for M4A, AAC, WebM, video and others install ffmpeg (Debian: apt-get install ffmpeg)")
	}
	return finding.New("ffmpeg", finding.OK, version+" at "+path, "")
}

func writable(folder, use string) finding.Finding {
	f, err := os.CreateTemp(folder, ".doctor")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return finding.New(use, finding.Failure, fmt.Sprintf("cannot write to %s: %v", folder, err), "make the folder writable for this user, or choose another")
	}
	return finding.New(use, finding.OK, "can write to "+folder, "")
}
