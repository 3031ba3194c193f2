// Package manifest takes what people wrote out of a Label Studio project: from an export
// in Label Studio's own JSON, one transcript for each recording of each annotated task.
//
// Label Studio's export for speech training writes a line a task and keeps only the first
// text of it, so that of a recording cut into regions all but one region are lost. Here
// every region with a text becomes a segment.
//
// Of a task's annotations the one changed last counts; skipped ones do not. A text for the
// whole recording becomes one segment as long as the recording, if the annotation tells
// its length, and is left out otherwise.
//
// An export is a JSON list of tasks with their annotations. It is read task by task, so
// that its size does not matter.
package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"asr-backend/labelstudio"
	"asr-backend/labelstudio/labelconfig"
	"asr-backend/labelstudio/results"
	"asr-backend/transcript"
)

// Tasks reads the tasks of an export one by one. An error ends the sequence.
func Tasks(r io.Reader) iter.Seq2[labelstudio.Task, error] {
	return func(yield func(labelstudio.Task, error) bool) {
		d := json.NewDecoder(r)
		if t, err := d.Token(); err != nil || t != json.Delim('[') {
			yield(labelstudio.Task{}, fmt.Errorf("manifest: this is not an export: want a JSON list of tasks, as \"JSON\" under Export gives (%v)", errors.Join(err, tokenError(t))))
			return
		}
		for n := 1; d.More(); n++ {
			var t labelstudio.Task
			if err := d.Decode(&t); err != nil {
				yield(t, fmt.Errorf("manifest: task %d of the export: %w", n, err))
				return
			}
			if !yield(t, nil) {
				return
			}
		}
		if _, err := d.Token(); err != nil {
			yield(labelstudio.Task{}, fmt.Errorf("manifest: the export is cut off: %w", err))
		}
	}
}

func tokenError(t json.Token) error {
	if t == nil {
		return nil
	}
	return fmt.Errorf("it begins with %v", t)
}

// Spoken is what people wrote about one recording of a task.
type Spoken struct {
	Task       int64
	Annotation int64
	Value      string // where the recording is, as the task has it
	Transcript *transcript.Transcript
	// Skipped counts texts without a stretch of their own in a recording whose length
	// the annotation does not tell.
	Skipped int
}

// Read returns what people wrote about the recordings of a task, or nothing if nobody
// did. The configuration says which texts and recordings belong together; with nil they
// are found by their form.
func Read(t *labelstudio.Task, config *labelconfig.Config, o labelconfig.Options) ([]Spoken, error) {
	a, err := latest(t)
	if err != nil || a == nil {
		return nil, err
	}
	if config == nil {
		return plain(t, a), nil
	}
	plans, why := config.Plans(o)
	if len(plans) == 0 {
		return nil, fmt.Errorf("manifest: the project has no texts of recordings: %s", why)
	}
	var out []Spoken
	for _, plan := range plans {
		value, ok := plan.Recording(t.Data)
		if !ok {
			continue
		}
		s := Spoken{Task: t.ID, Annotation: a.ID, Value: value, Transcript: &transcript.Transcript{Source: value, Duration: length(a.Result)}}
		text := results.Read(a.Result, plan)
		for _, r := range text.Regions {
			s.add(r.Span, r.Text, plan.Split)
		}
		if text.HasWhole && len(s.Transcript.Segments) == 0 {
			s.whole(text.Whole)
		}
		out = append(out, s)
	}
	return out, nil
}

// latest returns the annotation that counts, or nil.
func latest(t *labelstudio.Task) (*labelstudio.Annotation, error) {
	if len(t.Annotations) == 0 {
		return nil, nil
	}
	var all []labelstudio.Annotation
	if err := json.Unmarshal(t.Annotations, &all); err != nil {
		return nil, fmt.Errorf("manifest: annotations of task %d: %w", t.ID, err)
	}
	var best *labelstudio.Annotation
	for i := range all {
		a := &all[i]
		if !a.WasCancelled && (best == nil || !a.UpdatedAt.Before(best.UpdatedAt)) {
			best = a
		}
	}
	return best, nil
}

// add adds a region's text. The page's channel means something only if it shows channels
// apart.
func (s *Spoken) add(span labelstudio.Span, text string, split bool) {
	if text == "" || span.End <= span.Start {
		return
	}
	seg := transcript.Segment{Start: span.Start, End: span.End, Text: text, Channel: transcript.Mixed}
	if split {
		seg.Channel = span.Channel
	}
	s.Transcript.Segments = append(s.Transcript.Segments, seg)
}

func (s *Spoken) whole(text string) {
	switch d := s.Transcript.Duration; {
	case text == "":
	case d <= 0:
		s.Skipped++
	default:
		s.Transcript.Segments = append(s.Transcript.Segments, transcript.Segment{End: d, Text: text, Channel: transcript.Mixed})
	}
}
