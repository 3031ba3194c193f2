// Package manifest takes what people wrote out of a Label Studio project: from an export
// in Label Studio's own JSON, one transcript for each recording of each annotated task.
//
// Label Studio's export for speech training writes a line a task and keeps only the first
// text of it, so that of a recording cut into regions all but one region are lost. Here
// every region with a text becomes a segment.
//
// Of a task's annotations the one changed last counts, or each of them; those that were
// skipped or rejected, and drafts, do not. A text for the whole recording becomes one
// segment as long as the recording, if the annotation gives its length, and is left out
// otherwise. A region that reaches beyond the recording is cut. What is left out is
// counted, with the reason: a Tally.
//
// An export is a JSON list of tasks with their annotations. It is read task by task, so
// that its size does not matter.
package manifest

import (
	"fmt"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/transcript"
)

// Options say how tasks are read.
type Options struct {
	// Config says which texts and recordings belong together; nil finds them by their form.
	Config *labelconfig.Config
	Plans  labelconfig.Options
	// All takes every annotation of a task; without it the one changed last counts.
	All bool
}

// Reader reads tasks.
type Reader struct {
	options Options
	plans   []*labelconfig.Plan
	tally   Tally
}

// New returns a reader. A configuration without texts of recordings is an error.
func New(o Options) (*Reader, error) {
	r := &Reader{options: o}
	if o.Config != nil {
		var why string
		if r.plans, why = o.Config.Plans(o.Plans); len(r.plans) == 0 {
			return nil, fmt.Errorf("the labelling configuration has no texts of recordings: %s", why)
		}
	}
	return r, nil
}

// Tally returns the counts of what was left out so far.
func (r *Reader) Tally() Tally { return r.tally }

// Spoken is what people wrote about one recording of a task.
type Spoken struct {
	Task       int64
	Annotation int64
	Plan       int    // which recording of the page, by the configuration; 0 without one
	Value      string // where the recording is, as the task has it
	// Transcript has the texts as segments. Those that are as they were predicted have their
	// words; Words has those of the others.
	Transcript *transcript.Transcript
}

// Read returns what people wrote about the recordings of a task, or nothing if nobody
// did. An error is about this task only.
func (r *Reader) Read(t *labelstudio.Task) ([]Spoken, error) {
	chosen, err := r.annotations(t)
	if err != nil {
		return nil, err
	}
	var out []Spoken
	for i := range chosen {
		read := r.planned
		if r.plans == nil {
			read = r.plain
		}
		out = append(out, read(t, &chosen[i])...)
	}
	return out, nil
}

// annotations returns those of a task that count.
func (r *Reader) annotations(t *labelstudio.Task) ([]labelstudio.Annotation, error) {
	all, err := t.StoredAnnotations()
	if err != nil {
		return nil, err
	}
	r.tally[Draft] += elements(t.Drafts)
	switch {
	case len(all) > 0:
	case elements(t.Predictions) > 0:
		r.tally[PredictedOnly]++
	default:
		r.tally[NotAnnotated]++
	}
	var chosen []labelstudio.Annotation
	for _, a := range all {
		switch {
		case a.WasCancelled:
			r.tally[Cancelled]++
		case a.Rejected:
			r.tally[Rejected]++
		case a.Copied():
			r.tally[Copied]++
		case r.options.All || len(chosen) == 0:
			chosen = append(chosen, a)
		default:
			r.tally[Earlier]++
			if !a.UpdatedAt.Before(chosen[0].UpdatedAt) {
				chosen[0] = a
			}
		}
	}
	return chosen, nil
}

func newSpoken(t *labelstudio.Task, a *labelstudio.Annotation, value string, about func(*labelstudio.Item) bool) Spoken {
	var length time.Duration
	for i := range a.Result {
		if about(&a.Result[i]) {
			length = max(length, a.Result[i].OriginalLength)
		}
	}
	return Spoken{Task: t.ID, Annotation: a.ID, Value: value, Transcript: &transcript.Transcript{Source: value, Duration: length}}
}

// Rounding is how far a region may reach beyond the recording before that is worth a word.
const Rounding = 10 * time.Millisecond

// add adds a region's text. The page's channel means something only if it shows channels
// apart.
func (r *Reader) add(s *Spoken, region *results.Region, split bool) {
	span, text := region.Span, region.Text
	length := s.Transcript.Duration
	if length <= 0 {
		length = max(span.Start, span.End) // nothing says where the recording ends
	}
	switch {
	case text == "":
		r.tally[NoText]++
		return
	case span.End < span.Start:
		r.tally[Reversed]++
		return
	case span.End == span.Start:
		r.tally[NoLength]++
		return
	case span.Start >= length, span.End <= 0:
		r.tally[Beyond]++
		return
	case span.Start < -Rounding, span.End > length+Rounding:
		r.tally[Shortened]++
	}
	seg := transcript.Segment{Start: max(span.Start, 0), End: min(span.End, length), Text: text, Channel: transcript.Mixed}
	if split {
		seg.Channel = span.Channel
	}
	if region.HasWordTimes() {
		seg.Words = inside(&seg, region.Words)
	}
	s.Transcript.Segments = append(s.Transcript.Segments, seg)
}

// inside returns words whose times do not reach beyond their segment: what reads a sample has
// nothing beyond its ends.
func inside(s *transcript.Segment, words []transcript.Word) []transcript.Word {
	out := slices.Clone(words)
	for i := range out {
		w := &out[i]
		w.Start = min(max(w.Start, s.Start), s.End)
		w.End = min(max(w.End, w.Start), s.End)
	}
	return out
}

// whole adds a text for the whole recording, if there are no regions.
func (r *Reader) whole(s *Spoken, text string) {
	switch d := s.Transcript.Duration; {
	case text == "":
	case len(s.Transcript.Segments) > 0:
		r.tally[WholeBeside]++
	case d <= 0:
		r.tally[WholeUnknown]++
	default:
		s.Transcript.Segments = append(s.Transcript.Segments, transcript.Segment{End: d, Text: text, Channel: transcript.Mixed})
	}
}
