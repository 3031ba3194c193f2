package transcript

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Format names one way to write a transcript to a file.
type Format string

// The formats. Read knows those that hold a transcript and nothing of a product's own;
// doc/formats.md shows an example of each.
const (
	Text         Format = "text"          // plain text, one line a segment
	Timed        Format = "timed"         // text with times, for people at a terminal
	JSON         Format = "json"          // everything, see doc/transcript.schema.json
	SRT          Format = "srt"           // SubRip subtitles
	VTT          Format = "vtt"           // WebVTT subtitles (W3C)
	CTM          Format = "ctm"           // time marked conversation, of NIST sclite
	TextGrid     Format = "textgrid"      // Praat, long text form
	TSV          Format = "tsv"           // milliseconds and text, as Whisper writes it
	Audacity     Format = "audacity"      // an Audacity label track
	NeMoManifest Format = "nemo-manifest" // JSON lines for training with NVIDIA NeMo
)

// codec is what the package knows about one format. A nil read means write only.
type codec struct {
	extension string
	write     func(*bufio.Writer, *Transcript, *WriteOptions)
	read      func(io.Reader) (*Transcript, error)
}

func (f Format) codec() codec {
	switch f {
	case Text:
		return codec{".txt", writeText, readText}
	case Timed:
		return codec{".timed.txt", writeTimed, readTimed}
	case JSON:
		return codec{".json", writeJSON, readJSON}
	case SRT:
		return codec{".srt", writeSRT, readSRT}
	case VTT:
		return codec{".vtt", writeVTT, readVTT}
	case CTM:
		return codec{".ctm", writeCTM, readCTM}
	case TextGrid:
		return codec{".TextGrid", writeTextGrid, readTextGrid}
	case TSV:
		return codec{".tsv", writeTSV, readTSV}
	case Audacity:
		return codec{".labels.txt", writeAudacity, readAudacity}
	case NeMoManifest:
		return codec{".manifest.jsonl", writeNeMoManifest, nil}
	}
	return codec{}
}

// Formats returns every format, in the order in which help texts list them.
func Formats() []Format {
	return []Format{Text, Timed, JSON, SRT, VTT, CTM, TextGrid, TSV, Audacity, NeMoManifest}
}

// ParseFormat returns the format of that name or extension; the error lists the names
// there are.
func ParseFormat(s string) (Format, error) {
	name := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(s), "."))
	if f := Format(name); f.codec().write != nil {
		return f, nil
	}
	for _, f := range Formats() {
		if name == strings.ToLower(f.Extension()[1:]) {
			return f, nil
		}
	}
	return "", fmt.Errorf("unknown format %q: choose one of %s", s, list(Formats()))
}

// FormatOfFile returns the format in which Read should read a file of that name: by its
// extension, and plain text for .txt, .text and .lab and for a name without one.
func FormatOfFile(name string) (Format, error) {
	base := baseName(name)
	best, ok := byExtension(base, readable())
	switch {
	case ok:
		return best, nil
	case !strings.Contains(base, "."), strings.HasSuffix(base, ".text"), strings.HasSuffix(base, ".lab"):
		return Text, nil
	}
	return "", fmt.Errorf("%s: no format that can be read has this extension: name one of %s", name, list(readable()))
}

func baseName(name string) string { return strings.ToLower(name[strings.LastIndexAny(name, `/\`)+1:]) }

// byExtension returns the format with the longest extension that a name ends in.
func byExtension(base string, formats []Format) (best Format, ok bool) {
	length := 0
	for _, f := range formats {
		if ext := f.Extension(); len(ext) > length && strings.HasSuffix(base, strings.ToLower(ext)) {
			best, length, ok = f, len(ext), true
		}
	}
	return best, ok
}

// Extension returns the extension a file in this format has, with its dot. No two
// formats share one, so that all of them can lie side by side.
func (f Format) Extension() string { return f.codec().extension }

// Write writes t in format f. Subtitles, CTM and TextGrid, which sort or look ahead, take
// a few hundred bytes a word, and JSON holds the text; no other format takes memory that
// grows with t. The rounding rules stand in doc/formats.md. A transcript that breaks the
// rules of its type (order, negative times) is written as if repaired; t itself is not
// changed.
func Write(w io.Writer, f Format, t *Transcript, o WriteOptions) error {
	c := f.codec()
	if c.write == nil {
		return fmt.Errorf("transcript: write: unknown format %q", f)
	}
	o, err := o.withDefaults(t)
	if err != nil {
		return fmt.Errorf("transcript: write %s: %w", f, err)
	}
	// A bufio.Writer keeps its first error, so the writers need not look at any.
	b := bufio.NewWriterSize(w, 64<<10)
	c.write(b, settle(t), &o)
	if err := b.Flush(); err != nil {
		return fmt.Errorf("transcript: write %s: %w", f, err)
	}
	return nil
}

// Read reads a transcript. What a format does not hold is zero: plain text has no times,
// subtitles no confidence, and where the length of the recording is not stated Duration
// is the end of the last segment. Errors name the line. Input is bounded to 256 MiB, a
// line to 16 MiB, a transcript to a million segments and four million words.
//
// What cannot be used of a file is named in Diagnostics.ReadWarnings, as long as more of it
// can be used; a segment whose times alone are missing or wrong keeps its text and stands,
// without length, between those before and after it. A file that is read as Text and whose
// lines have times in the way of another format is read as that, which is named too.
//
// Files are read as their users write them: with or without byte order mark (UTF-8 and
// UTF-16), with any line ends; what else is tolerated stands at each reader.
func Read(r io.Reader, f Format) (*Transcript, error) {
	read := f.codec().read
	if read == nil {
		return nil, fmt.Errorf("transcript: cannot read %q: only %s can be read", f, list(readable()))
	}
	t, err := read(r)
	if err != nil {
		return nil, fmt.Errorf("transcript: read %s: %w", f, err)
	}
	placeUntimed(t.Segments)
	t = settle(t)
	if end := t.end(); t.Duration < end {
		t.Duration = end
	}
	return t, nil
}

func readable() []Format {
	var out []Format
	for _, f := range Formats() {
		if f.codec().read != nil {
			out = append(out, f)
		}
	}
	return out
}

func list(fs []Format) string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}
