package corrections

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/transcript"
	"github.com/asr-backend/asr-backend/wer"
)

// Correction is a prediction and what a person made of it.
type Correction struct {
	Task       int64     `json:"task"`
	Annotation int64     `json:"annotation"`
	Version    string    `json:"version"` // of the prediction
	At         time.Time `json:"at"`
	// Outcome says what the person did. It is empty in corrections of earlier programs.
	Outcome   Outcome   `json:"outcome,omitempty"`
	Predicted []Passage `json:"predicted"`
	Corrected []Passage `json:"corrected"`
	// Errors are those of the prediction, the correction being right.
	Errors wer.Errors `json:"errors"`
	// NotCompared says why texts and errors are missing: one of the texts is too long.
	NotCompared string `json:"not_compared,omitempty"`
	// Transcripts are the jobs whose transcripts the prediction was built from, by plan.
	Transcripts map[int]string `json:"transcripts,omitempty"`
}

// Outcome is what a person did with a prediction.
type Outcome string

// The outcomes.
const (
	Changed   Outcome = "changed"   // texts are other than predicted
	Unchanged Outcome = "unchanged" // they were opened and submitted as they were
	// Copied annotations were made of predictions in bulk, by "Create annotations from predictions":
	// nobody has read them, so they say nothing about the predictions.
	Copied Outcome = "copied"
)

// outcome returns what a person did who made an annotation of a prediction.
func (c *Correction) outcome(a *labelstudio.Annotation) Outcome {
	same := slices.EqualFunc(c.Predicted, c.Corrected, func(p, q Passage) bool {
		return p.Text == q.Text && p.Plan == q.Plan
	})
	switch {
	case !same:
		return Changed
	case a.Copied():
		return Copied
	}
	return Unchanged
}

// Passage is a region's text, or with an End of zero the text of the whole recording.
type Passage struct {
	Start   float64 `json:"start"` // seconds
	End     float64 `json:"end"`
	Text    string  `json:"text"`
	Plan    int     `json:"plan,omitempty"` // the recording's, of a page with several
	Channel int     `json:"channel,omitempty"`
	// Words are there where a person wrote the text. Other texts have their words in the
	// annotation or the transcript.
	Words []Word `json:"words,omitempty"`
	// Timed says that words were looked for; a text may have none.
	Timed bool `json:"timed,omitempty"`

	// untimed says that a person wrote the text and that its words are not known yet.
	untimed bool
}

// Word is a word of a text that a person wrote, and when it is said, in seconds. One that is
// not said has no length and no confidence.
type Word struct {
	Text       string  `json:"text"`
	Start      float64 `json:"start"`
	End        float64 `json:"end"`
	Confidence float64 `json:"confidence"`
}

// MaxWords is how many words the prediction and the correction may each have to be compared:
// what is said in a day without a pause.
const MaxWords = 250_000

// measure counts the errors of the prediction. The texts of a correction that is too long are
// dropped: nothing that a person has transcribed by ear has so many words, and whatever it is
// must not take the memory of the service or the time of other corrections.
func (c *Correction) measure(ctx context.Context) (err error) {
	c.Errors, err = wer.CompareContext(ctx, text(c.Corrected), text(c.Predicted), MaxWords)
	if errors.Is(err, wer.ErrTooLong) {
		c.Predicted, c.Corrected = []Passage{}, []Passage{}
		c.NotCompared = fmt.Sprintf("the annotation or its prediction has more than %d words", MaxWords)
		return nil
	}
	return err
}

// digest is a digest of what an annotation says.
func (c *Correction) digest() string {
	said := slices.Clone(c.Corrected)
	for i := range said {
		said[i].Words, said[i].Timed = nil, false
	}
	return projects.Fingerprint(said)
}

// markUnchanged marks the texts of whole recordings that are as they were predicted.
func (c *Correction) markUnchanged() {
	for i := range c.Corrected {
		p := &c.Corrected[i]
		p.untimed = p.untimed && !(p.End == 0 && slices.ContainsFunc(c.Predicted, func(q Passage) bool { return q.End == 0 && q.Plan == p.Plan && q.Text == p.Text }))
	}
}

// reuseTimes takes over the words of what the annotation said before and still says.
func (c *Correction) reuseTimes(before *Correction) {
	for i := range c.Corrected {
		p := &c.Corrected[i]
		for _, b := range before.Corrected {
			if p.untimed && b.Timed && b.Start == p.Start && b.End == p.End && b.Text == p.Text && b.Plan == p.Plan && b.Channel == p.Channel {
				p.Words, p.Timed, p.untimed = b.Words, true, false
			}
		}
	}
}

// says reports whether both say the same of the recording.
func (c *Correction) says(other *Correction) bool {
	return slices.EqualFunc(c.Corrected, other.Corrected, func(a, b Passage) bool {
		return a.Text == b.Text && a.Start == b.Start && a.End == b.End && a.Plan == b.Plan && a.Channel == b.Channel
	})
}

// showing returns the names of the TextAreas that show a text of the task's data, where the
// plan put the transcript.
func showing(c *labelconfig.Config, plan *labelconfig.Plan) []string {
	var names []string
	for _, t := range c.Controls {
		if t.On(plan.Audio.Name) && t.Is("TextArea") && !t.PerRegion && slices.Contains(plan.TextKeys, t.Key()) {
			names = append(names, t.Name)
		}
	}
	return names
}

// passages returns the texts of a result list: of regions, or else of the whole recording in
// the plan's own TextArea or one of those named in shown. Of several it is the last that
// differs from what was predicted.
func passages(items []labelstudio.Item, plan *labelconfig.Plan, shown []string, predicted string) []Passage {
	var out []Passage
	read := results.Read(items, plan)
	for _, r := range read.Regions {
		if r.Text != "" {
			out = append(out, Passage{Start: r.Span.Start.Seconds(), End: r.Span.End.Seconds(), Text: r.Text, Plan: plan.Index, Channel: r.Span.Channel, untimed: !r.HasWordTimes()})
		}
	}
	if len(out) == 0 && read.HasWhole {
		out = append(out, Passage{Text: read.Whole, Plan: plan.Index, untimed: true})
	}
	if len(out) > 0 {
		return out
	}
	for i := range items {
		it := &items[i]
		text := strings.TrimSpace(strings.Join(it.Value.Text, " "))
		if it.ToName == plan.Audio.Name && slices.Contains(shown, it.FromName) && text != "" && (out == nil || text != predicted) {
			out = []Passage{{Text: text, Plan: plan.Index, untimed: true}}
		}
	}
	return out
}

func text(passages []Passage) string {
	var texts []string
	for _, p := range passages {
		texts = append(texts, p.Text)
	}
	return strings.Join(texts, " ")
}

// timed returns words as they are kept.
func timed(words []transcript.Word) []Word {
	out := make([]Word, len(words))
	for i, w := range words {
		out[i] = Word{w.Text, w.Start.Seconds(), w.End.Seconds(), math.Round(w.Confidence*1e4) / 1e4}
	}
	return out
}
