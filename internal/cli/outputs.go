package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"asr-backend/internal/atomicfile"
	"asr-backend/transcript"
)

// Outputs knows where results go and writes them.
type Outputs struct {
	format  transcript.Format
	options transcript.WriteOptions
	stdout  io.Writer
	path    string // the only result, or
	folder  string // where all go; if both are empty, standard output
	several bool
}

// NewOutputs decides where the results of n recordings go. An empty target is standard
// output; one that is a folder, ends in a slash or has to hold several results is a
// folder; anything else is a file.
func NewOutputs(target string, format transcript.Format, o transcript.WriteOptions, n int, stdout io.Writer) (*Outputs, error) {
	out := &Outputs{format: format, options: o, stdout: stdout, several: n > 1}
	info, err := os.Stat(target)
	switch {
	case target == "" || target == Stdin:
		if n > 1 && !joins(format) {
			return nil, &UsageError{fmt.Errorf("%d results in format %s cannot share standard output; give a folder with -o", n, format)}
		}
	case err == nil && info.IsDir(), n > 1, strings.HasSuffix(target, string(filepath.Separator)):
		if err == nil && !info.IsDir() {
			return nil, &UsageError{fmt.Errorf("-o %s is a file, but there are %d results; give a folder", target, n)}
		}
		out.folder = target
	default:
		out.path = target
	}
	return out, nil
}

// joins reports whether results of a format can follow one another in one stream.
func joins(f transcript.Format) bool {
	switch f {
	case transcript.Text, transcript.Timed, transcript.JSON, transcript.CTM, transcript.NeMoManifest:
		return true
	}
	return false
}

// Write writes the result of one recording and returns the file's path, or an empty
// string for standard output.
func (o *Outputs) Write(in Input, t *transcript.Transcript) (string, error) {
	path := o.path
	if o.folder != "" {
		path = filepath.Join(o.folder, in.Name+o.format.Extension())
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return "", fmt.Errorf("make the output folder: %w", err)
		}
	}
	if path == "" {
		return "", o.writeStdout(in, t)
	}
	f, err := atomicfile.Create(path)
	if err != nil {
		return "", err
	}
	if err := transcript.Write(f, o.format, t, o.options); err != nil {
		return "", errors.Join(fmt.Errorf("write %s: %w", path, err), f.Close())
	}
	if err := f.Commit(); err != nil {
		return "", err
	}
	return path, nil
}

func (o *Outputs) writeStdout(in Input, t *transcript.Transcript) error {
	if o.several && (o.format == transcript.Text || o.format == transcript.Timed) {
		if _, err := fmt.Fprintf(o.stdout, "== %s\n", in.Path); err != nil {
			return fmt.Errorf("write standard output: %w", err)
		}
	}
	if err := transcript.Write(o.stdout, o.format, t, o.options); err != nil {
		return fmt.Errorf("write standard output: %w", err)
	}
	return nil
}
