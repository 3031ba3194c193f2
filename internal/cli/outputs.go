package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/transcript"
)

// Outputs knows where results go and writes them.
type Outputs struct {
	o       OutputOptions
	targets [][]*output.Target // of each input, one a format
}

// OutputOptions say what is written where.
type OutputOptions struct {
	// Target is standard output if it is empty or "-"; a folder if it is one, ends in a
	// slash or has to hold several results; a file else.
	Target     string
	Formats    []Format
	Write      transcript.WriteOptions
	Recordings *Recordings
	Writer     *output.Writer
}

// NewOutputs claims a place for each result, so that one that cannot be written is known
// before any work is done. Errors are of wrong usage.
func NewOutputs(o OutputOptions) (*Outputs, error) {
	out := &Outputs{o: o}
	for _, in := range o.Recordings.Inputs {
		if in.Path != Stdin {
			o.Writer.Protect(in.Path)
		}
	}
	results := len(o.Recordings.Inputs) * len(o.Formats)
	info, err := os.Stat(o.Target)
	switch {
	case o.Target == "" || o.Target == output.Stdout:
		if len(o.Formats) > 1 {
			return nil, usage("several formats cannot share standard output; give a folder with -o")
		}
		if results > 1 && !o.Formats[0].joins {
			return nil, usage("%d results in format %s cannot share standard output; give a folder with -o", results, o.Formats[0].Name)
		}
		t, err := o.Writer.Claim("")
		if err != nil {
			return nil, err
		}
		for range o.Recordings.Inputs {
			out.targets = append(out.targets, []*output.Target{t})
		}
		return out, nil
	case err == nil && info.IsDir(), o.Recordings.Several, results > 1, strings.HasSuffix(o.Target, string(filepath.Separator)):
		if err == nil && !info.IsDir() {
			return nil, usage("-o %s is a file, but there are several results; give a folder", o.Target)
		}
		return out, out.claimFolder()
	}
	t, err := o.Writer.Claim(o.Target)
	if err != nil {
		return nil, err
	}
	if dir := filepath.Dir(o.Target); !isFolder(dir) {
		return nil, usage("-o %s: there is no folder %s", o.Target, dir)
	}
	out.targets = [][]*output.Target{{t}}
	return out, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (o *Outputs) claimFolder() error {
	for _, in := range o.o.Recordings.Inputs {
		var targets []*output.Target
		for _, f := range o.o.Formats {
			t, err := o.o.Writer.Claim(filepath.Join(o.o.Target, in.Name+f.Extension))
			if err != nil {
				return err
			}
			targets = append(targets, t)
		}
		o.targets = append(o.targets, targets)
	}
	return nil
}

// Stdout reports whether results go to standard output.
func (o *Outputs) Stdout() bool { return len(o.targets) > 0 && o.targets[0][0].Path() == "" }

// Write writes the result of the input of that index in all formats, and returns the
// paths of the files, none for standard output. One format that cannot be written does
// not keep the others back.
func (o *Outputs) Write(ctx context.Context, input int, t *transcript.Transcript) (paths []string, err error) {
	for i, target := range o.targets[input] {
		f := o.o.Formats[i]
		if e := o.write(ctx, input, target, f, t); e != nil {
			err = errors.Join(err, e)
		} else if target.Path() != "" {
			paths = append(paths, target.Path())
		}
	}
	return paths, err
}

func (o *Outputs) write(ctx context.Context, input int, target *output.Target, f Format, t *transcript.Transcript) error {
	if path := target.Path(); path != "" && path != o.o.Target {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return fmt.Errorf("make the output folder: %w", err)
		}
	}
	return target.Write(ctx, func(w io.Writer) error {
		if in := o.o.Recordings.Inputs[input]; target.Path() == "" && len(o.o.Recordings.Inputs) > 1 && f.titled {
			if _, err := fmt.Fprintf(w, "== %s\n", visible.Text(in.Path)); err != nil {
				return err
			}
		}
		return f.write(w, t, o.o.Write)
	})
}
