package transcript

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// WriteOptions say how to write. The zero value is good for every format.
type WriteOptions struct {
	// Audio is the path or URL of the recording for whoever reads the output, in
	// NeMoManifest, and gives CTM its recording name. If empty it is Transcript.Source,
	// which then stands in the file as it is.
	Audio string

	// LineWidth is how many characters a subtitle line holds; zero is 42. An East Asian
	// wide character counts as two.
	LineWidth int
	// CueLines is how many lines a subtitle holds; zero is 2.
	CueLines int
	// CueDuration is how long a subtitle may stand; zero is 7 seconds.
	CueDuration time.Duration
	// WordTimes puts a timestamp before each word inside WebVTT cues, and adds the words with
	// their times to the lines of NeMoManifest.
	WordTimes bool
	// Speakers are the names of the channels, from the first; a channel without one is called
	// by its number.
	Speakers []string
}

// Defaults of WriteOptions: two lines of 42 characters for at most seven seconds is what
// broadcasters and streaming services ask of subtitles in Latin script.
const (
	DefaultLineWidth   = 42
	DefaultCueLines    = 2
	DefaultCueDuration = 7 * time.Second
)

func (o WriteOptions) withDefaults(t *Transcript) (WriteOptions, error) {
	if o.LineWidth < 0 || o.CueLines < 0 || o.CueDuration < 0 {
		return o, fmt.Errorf("lines of %d characters, %d lines and %v in a subtitle: none may be negative", o.LineWidth, o.CueLines, o.CueDuration)
	}
	o.Speakers = slices.Clone(o.Speakers)
	for i, name := range o.Speakers {
		o.Speakers[i] = oneLine(name)
	}
	o.Audio = cmp.Or(o.Audio, t.Source)
	o.LineWidth = cmp.Or(o.LineWidth, DefaultLineWidth)
	o.CueLines = cmp.Or(o.CueLines, DefaultCueLines)
	o.CueDuration = cmp.Or(o.CueDuration, DefaultCueDuration)
	return o, nil
}
