package cli

import (
	"path/filepath"
	"slices"
	"strings"

	"asr-backend/internal/output"
	"asr-backend/transcript"
)

// ChooseFormats returns the formats in which results are written: those asked for by
// name, else that of the output's extension, else the fallback. An extension that no
// format has is wrong usage, as is one file for several results.
func ChooseFormats(names []string, target string, several bool, fallback transcript.Format) ([]transcript.Format, error) {
	var formats []transcript.Format
	for _, name := range names {
		f, err := transcript.ParseFormat(name)
		if err != nil {
			return nil, &UsageError{err}
		}
		if !slices.Contains(formats, f) {
			formats = append(formats, f)
		}
	}
	if target == "" || target == output.Stdout || isFolder(target) || strings.HasSuffix(target, string(filepath.Separator)) {
		if formats == nil {
			formats = []transcript.Format{fallback}
		}
		return formats, nil
	}
	named, known := transcript.FormatToWrite(target)
	switch {
	case known && (several || len(formats) > 1):
		return nil, usage("-o %s: there are several results; name a folder, with a / at its end if it is called so", target)
	case formats != nil:
		return formats, nil
	case known:
		return []transcript.Format{named}, nil
	case several || filepath.Ext(target) == "":
		return []transcript.Format{fallback}, nil
	}
	var extensions []string
	for _, f := range transcript.Formats() {
		extensions = append(extensions, f.Extension())
	}
	return nil, usage("-o %s: no format has the extension %s; choose one with -f, or use one of %s", target, filepath.Ext(target), strings.Join(extensions, " "))
}
