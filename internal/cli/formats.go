package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/transcript"
)

// Format is a way to write results.
type Format struct {
	Name, Extension string // the extension with its dot
	// joins says that results can follow one another in one stream, titled that the name
	// of the recording then stands before each.
	joins, titled bool
	write         func(io.Writer, *transcript.Transcript, transcript.WriteOptions) error
}

// Formats returns those of package transcript and the one for Label Studio, in the order in
// which help texts list them.
func Formats() []Format {
	var out []Format
	for _, f := range transcript.Formats() {
		out = append(out, of(f))
	}
	return append(out, Format{Name: "labelstudio", Extension: ".labelstudio.json", write: writeLabelStudio})
}

// of returns a format of package transcript.
func of(f transcript.Format) Format {
	out := Format{Name: string(f), Extension: f.Extension(), write: func(w io.Writer, t *transcript.Transcript, o transcript.WriteOptions) error {
		return transcript.Write(w, f, t, o)
	}}
	switch f {
	case transcript.Text, transcript.Timed:
		out.joins, out.titled = true, true
	case transcript.JSON, transcript.CTM, transcript.NeMoManifest:
		out.joins = true
	}
	return out
}

// FormatNames lists the formats for people.
func FormatNames() string {
	return list(func(f Format) string { return f.Name }, ", ")
}

func list(what func(Format) string, separator string) string {
	var names []string
	for _, f := range Formats() {
		names = append(names, what(f))
	}
	return strings.Join(names, separator)
}

// parseFormat returns the format of that name or extension.
func parseFormat(s string) (Format, error) {
	name := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(s), "."))
	for _, f := range Formats() {
		if name == f.Name || name == strings.ToLower(f.Extension[1:]) {
			return f, nil
		}
	}
	return Format{}, usage("unknown format %q: choose one of %s", s, FormatNames())
}

// formatOf returns the format with the longest extension that a file name ends in.
func formatOf(target string) (best Format, ok bool) {
	base := strings.ToLower(filepath.Base(target))
	for _, f := range Formats() {
		if len(f.Extension) > len(best.Extension) && strings.HasSuffix(base, strings.ToLower(f.Extension)) {
			best, ok = f, true
		}
	}
	return best, ok
}

// ChooseFormats returns the formats in which results are written: those asked for by
// name, else that of the output's extension, else the fallback. An extension that no
// format has is wrong usage, as is one file for several results.
func ChooseFormats(names []string, target string, several bool, fallback transcript.Format) ([]Format, error) {
	var formats []Format
	for _, name := range names {
		f, err := parseFormat(name)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(formats, func(other Format) bool { return other.Name == f.Name }) {
			formats = append(formats, f)
		}
	}
	if target == "" || target == output.Stdout || isFolder(target) || strings.HasSuffix(target, string(filepath.Separator)) {
		if formats == nil {
			formats = []Format{of(fallback)}
		}
		return formats, nil
	}
	named, known := formatOf(target)
	switch {
	case known && (several || len(formats) > 1):
		return nil, usage("-o %s: there are several results; name a folder, with a / at its end if it is called so", target)
	case formats != nil:
		return formats, nil
	case known:
		return []Format{named}, nil
	case several || filepath.Ext(target) == "":
		return []Format{of(fallback)}, nil
	}
	extensions := list(func(f Format) string { return f.Extension }, " ")
	return nil, usage("-o %s: no format has the extension %s; choose one with -f, or use one of %s", target, filepath.Ext(target), extensions)
}

func usage(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }
