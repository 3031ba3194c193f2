package transcript

import (
	"errors"
	"fmt"
	"time"
)

// WriteOptions say how to write. The zero value is good for every format.
type WriteOptions struct {
	// Audio is the path or URL of the recording for whoever reads the output, in
	// LabelStudio and NeMoManifest, and gives CTM its recording name. If empty it is
	// Transcript.Source, which then stands in those files as it is.
	Audio string

	// LineWidth is how many characters a subtitle line holds; zero is 42. An East Asian
	// wide character counts as two.
	LineWidth int
	// CueLines is how many lines a subtitle holds; zero is 2.
	CueLines int
	// CueDuration is how long a subtitle may stand; zero is 7 seconds.
	CueDuration time.Duration
	// WordTimes puts a timestamp before each word inside WebVTT cues.
	WordTimes bool

	// LabelStudio names the parts of the labelling configuration.
	LabelStudio LabelStudioNames
}

// LabelStudioNames are the names in a project's labelling configuration to which the
// results of the LabelStudio format refer. Empty names stand for those below, which fit
// the stock template "ASR using Segments":
//
//	<View>
//	  <Labels name="labels" toName="audio"><Label value="Speech"/></Labels>
//	  <Audio name="audio" value="$audio"/>
//	  <TextArea name="transcription" toName="audio" perRegion="true"/>
//	</View>
type LabelStudioNames struct {
	Labels        string // the Labels tag: labels
	Transcription string // the TextArea tag: transcription
	Audio         string // the Audio tag: audio
	DataKey       string // what the Audio tag's value names, without its $: audio
	Label         string // the label of every region: Speech
}

// Defaults of WriteOptions: two lines of 42 characters for at most seven seconds is what
// broadcasters and streaming services ask of subtitles in Latin script.
const (
	DefaultLineWidth   = 42
	DefaultCueLines    = 2
	DefaultCueDuration = 7 * time.Second
)

func (o WriteOptions) withDefaults(t *Transcript) (WriteOptions, error) {
	var errs []error
	if o.LineWidth < 0 {
		errs = append(errs, fmt.Errorf("line width %d is negative", o.LineWidth))
	}
	if o.CueLines < 0 {
		errs = append(errs, fmt.Errorf("%d lines in a cue is negative", o.CueLines))
	}
	if o.CueDuration < 0 {
		errs = append(errs, fmt.Errorf("cue duration %v is negative", o.CueDuration))
	}
	if err := errors.Join(errs...); err != nil {
		return o, err
	}
	or(&o.Audio, t.Source)
	or(&o.LineWidth, DefaultLineWidth)
	or(&o.CueLines, DefaultCueLines)
	or(&o.CueDuration, DefaultCueDuration)
	n := &o.LabelStudio
	or(&n.Labels, "labels")
	or(&n.Transcription, "transcription")
	or(&n.Audio, "audio")
	or(&n.DataKey, "audio")
	or(&n.Label, "Speech")
	return o, nil
}

// or sets *v to fallback if it is zero.
func or[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}
