// Package results turns transcripts into Label Studio's results, and annotations back into
// texts.
//
// # Regions
//
// A segment becomes a region: items that share an id and carry the same times.
//
//	{"id":"s0001","type":"labels",  "value":{"start":12.34,"end":17.9,"channel":0,"labels":["Speech"]}, ...}
//	{"id":"s0001","type":"textarea","value":{"start":12.34,"end":17.9,"channel":0,"text":["hello world"]},
//	 "meta":{"words":[["hello",12.4,12.8,0.98],["world",12.9,13.4,0.95]],"span":[12.34,17.9]}, ...}
//
// The labels item comes first, because the editor decides by the first item of an id what
// kind of region it is. There is one string in a text list: several would show as several
// submissions. Word times live in the textarea item's meta, the one place that survives a
// submit: as [word, start, end, confidence] in seconds from the start of the recording.
// "span" is the part of the recording that was transcribed. It differs from the region once
// somebody moves the region.
//
// # Texts and task data
//
// The whole recording's text is one textarea item without times. Paragraphs, and
// TextAreas that show a key of the task's data, are filled by changing that data: see
// Output.Patch.
//
// # Guarantees
//
// The same transcript gives the same bytes. Ids are unique in a result and have no '#'.
// Scores are in 0..1 and a low score means doubt. Text is valid UTF-8 without U+0000,
// which Label Studio's database cannot hold. Validate checks results by the rules of
// label-studio-sdk's LabelInterface and those of the editor.
package results

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/transcript"
)

// Options choose what goes into results. The zero value is what most projects want.
type Options struct {
	// NoWords leaves word times out.
	NoWords bool
	// Author names the speaker in Paragraphs; default DefaultAuthor.
	Author string
	// Speakers are the names of who speaks on the channels, from the first: in Paragraphs, and as
	// labels of regions if the configuration has them.
	Speakers []string `json:",omitempty"`
	// Overwrite replaces task data that people or other programs filled.
	Overwrite bool
	// Ours says whether rows of Paragraphs that are marked with a version were made by the
	// caller, and may be replaced; nil takes every mark for the caller's. It is no part of a
	// project's settings.
	Ours func(version string) bool `json:"-"`
}

// DefaultAuthor says in Paragraphs that the text was not typed by a person.
const DefaultAuthor = "ASR"

// Output is what a transcript gives for one plan.
type Output struct {
	// Predict says that the plan takes predictions. Items may be empty all the same: then
	// nothing was said in the recording, which is worth storing.
	Predict bool
	Items   []labelstudio.Item
	// Score is the prediction's, in 0..1.
	Score float64
	// Patch are the keys of the task's data to replace, nil for none. A plan that only
	// patches does not predict; a prediction without items may mark the task as done all
	// the same, once the patch is in place: the page shows each text once.
	Patch labelstudio.Data
	// Notes say what was left as it is, and why.
	Notes []string
}

// Prediction returns the items as a prediction of a version.
func (o *Output) Prediction(version string) labelstudio.Prediction {
	return labelstudio.Prediction{ModelVersion: version, Score: o.Score, Result: o.Items}
}

// Build turns a transcript into results for a task with the given data.
func Build(t *transcript.Transcript, p *labelconfig.Plan, data labelstudio.Data, o Options) (Output, error) {
	out := Output{Predict: p.Regions != nil || p.Whole != nil, Score: unit(t.Confidence)}
	b := builder{plan: p, options: o, length: t.Duration}
	if r := p.Regions; r != nil {
		b.label = func(channel int) string { return r.ChannelLabel(channel, data) }
		b.items = make([]labelstudio.Item, 0, 2*len(t.Segments)+1)
		for i := range t.Segments {
			b.region(fmt.Sprintf("%s%04d", b.prefix(), i+1), &t.Segments[i])
		}
	}
	if p.Whole != nil {
		b.whole(t)
	}
	if len(b.items) > 0 {
		out.Items = b.items
	}
	var err error
	out.Patch, out.Notes, err = patch(t, p, data, o)
	return out, err
}

type builder struct {
	plan    *labelconfig.Plan
	options Options
	label   func(channel int) string
	length  time.Duration
	items   []labelstudio.Item
}

// prefix keeps the ids of several plans in one prediction apart.
func (b *builder) prefix() string {
	if b.plan.Index == 0 {
		return "s"
	}
	return fmt.Sprintf("s%d_", b.plan.Index+1)
}

// region appends the items of one segment; one without text makes none where text is
// wanted.
func (b *builder) region(id string, s *transcript.Segment) {
	text := clean(s.Text)
	r := b.plan.Regions
	if r.Text != nil && text == "" {
		return
	}
	span := b.span(s)
	add := func(c *labelconfig.Control, v labelstudio.Value, meta json.RawMessage) {
		v.Span = &span
		b.add(id, c, s.Confidence, v, meta)
	}
	label := b.label(s.Channel)
	if r.Labels != nil && (label != "" || r.Text == nil) {
		labels := []string{}
		if label != "" {
			labels = []string{label}
		}
		add(r.Labels, labelstudio.Value{Labels: labels}, nil)
	}
	if r.Choice != nil {
		add(r.Choice, labelstudio.Value{Choices: []string{r.ChoiceValue}}, nil)
	}
	if r.Text != nil {
		add(r.Text, labelstudio.Value{Text: []string{text}}, b.meta(s.Words, &span, s.Alternatives))
	}
}

// whole appends the text of the whole recording. Its word times are only written where no
// region has them.
func (b *builder) whole(t *transcript.Transcript) {
	text := clean(t.Text())
	if text == "" {
		return
	}
	var words []transcript.Word
	if b.plan.Regions == nil || b.plan.Regions.Text == nil {
		for i := range t.Segments {
			words = append(words, t.Segments[i].Words...)
		}
	}
	id := "whole"
	if b.plan.Index > 0 {
		id = fmt.Sprintf("whole%d", b.plan.Index+1)
	}
	b.add(id, b.plan.Whole, t.Confidence, labelstudio.Value{Text: []string{text}}, b.meta(words, nil, nil))
}

func (b *builder) add(id string, c *labelconfig.Control, confidence float64, v labelstudio.Value, meta json.RawMessage) {
	b.items = append(b.items, labelstudio.Item{
		ID: id, FromName: c.Name, ToName: b.plan.Audio.Name, Type: strings.ToLower(c.Tag.Tag),
		OriginalLength: b.length, Score: new(unit(confidence)), Value: v, Meta: meta,
	})
}

// span puts a segment on the page's time line: inside the recording, and never of no
// length, which could not be clicked.
func (b *builder) span(s *transcript.Segment) labelstudio.Span {
	start, end := max(s.Start, 0), s.End
	if b.length > 0 {
		start, end = min(start, b.length), min(end, b.length)
	}
	if end <= start {
		end = start + 10*time.Millisecond
	}
	channel := 0
	if b.plan.Split && s.Channel > 0 {
		channel = s.Channel
	}
	return labelstudio.Span{Start: start, End: end, Channel: channel}
}

// unit limits a confidence to 0..1 with six significant digits, so that tasks can be sorted by it;
// what is not a number is doubt.
func unit(c float64) float64 {
	if math.IsNaN(c) {
		return 0
	}
	c = min(max(c, 0), 1)
	scale := 1e6
	for tenth := 0.1; c < tenth && scale < 1e12; tenth /= 10 {
		scale *= 10
	}
	return math.Round(c*scale) / scale
}

// clean makes text that every part of Label Studio can hold.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\x00", "")
	return strings.TrimSpace(s)
}
