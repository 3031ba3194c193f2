package manifest

import "fmt"

// Reason is why something in an export is not in the manifest, or not as it is.
type Reason int

// The reasons, from tasks down to texts.
const (
	NotAnnotated  Reason = iota // a task without an annotation or a prediction
	PredictedOnly               // a task with predictions and no annotation
	NoRecording                 // a task whose data names no recording
	Ambiguous                   // a task with texts about several recordings, read without a configuration

	Draft     // what was not submitted
	Cancelled // an annotation of a skipped task
	Rejected  // an annotation that a reviewer rejected
	Copied    // an annotation that was made of a prediction in bulk
	Earlier   // an annotation that is not its task's latest
	Textless  // an annotation without any text

	Untimed   // a region whose times are not numbers
	Reversed  // a region that ends before it starts
	NoLength  // a region that ends where it starts
	Beyond    // a region that lies outside the recording
	Shortened // a region that was cut to the recording's length; it is in the manifest
	NoText    // a region without a text

	WholeUnknown // a text of a whole recording whose length nothing gives
	WholeBeside  // a text of a whole recording that has regions
	OtherText    // a text that is no transcript of a recording

	reasons = iota
)

// words say what a reason counts, and why.
var words = [reasons]struct{ one, why string }{
	NotAnnotated:  {"task", "not annotated"},
	PredictedOnly: {"task", "predictions only, nothing that people wrote"},
	NoRecording:   {"task", "its data names no recording"},
	Ambiguous:     {"task", "texts about several recordings, and no labelling configuration that says which is which"},
	Draft:         {"draft", "not submitted"},
	Cancelled:     {"annotation", "skipped by the annotator"},
	Rejected:      {"annotation", "rejected by a reviewer"},
	Copied:        {"annotation", "made from a prediction in bulk, and opened by nobody"},
	Earlier:       {"annotation", "the task has a later one"},
	Textless:      {"annotation", "no texts"},
	Untimed:       {"region", "its times are not numbers of seconds"},
	Reversed:      {"region", "the end is before the start"},
	NoLength:      {"region", "start and end are equal"},
	Beyond:        {"region", "outside the recording"},
	Shortened:     {"region", "reached beyond the recording"},
	NoText:        {"region", "no text"},
	WholeUnknown:  {"text", "of a whole recording whose length the export does not give"},
	WholeBeside:   {"text", "of a whole recording, whose regions are in the manifest"},
	OtherText:     {"text", "no transcript of a recording"},
}

// Tally counts what is not in the manifest as it is in the export.
type Tally [reasons]int

// Lines writes the counts that are not zero, one line each: "left out: 2 regions: no text".
func (t *Tally) Lines() []string {
	var lines []string
	for r := range Reason(reasons) {
		if t[r] > 0 {
			lines = append(lines, t.Line(r))
		}
	}
	return lines
}

// Line writes one count.
func (t *Tally) Line(r Reason) string {
	what, plural := "left out", "s"
	if r == Shortened {
		what = "shortened"
	}
	if t[r] == 1 {
		plural = ""
	}
	return fmt.Sprintf("%s: %d %s%s: %s", what, t[r], words[r].one, plural, words[r].why)
}
