package results

import (
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/transcript"
)

// Wanted is a region whose text an annotator waits for.
type Wanted struct {
	ID   string
	Span labelstudio.Span
	// items are all items of the region, as the page sent them.
	items []labelstudio.Item
}

// Wants returns which regions on an annotator's page want a text, the latest first. The
// page sends all regions of the label at hand whenever one is drawn, moved or deleted,
// and does not say which. A region wants a text if it is on the plan's audio and
//
//   - it has none (it was just drawn), and the text is not withheld by its label, or
//   - its text is the one that was predicted, but for another stretch (it was moved).
//
// A text that a person typed or changed is never asked for again. What was predicted is
// known from the item's meta or, where that was lost, from the task's predictions.
//
// Regions in which nothing was said stay without a text, so they are wanted each time.
// The answers of several regions go into one result, one after the other.
func Wants(c *labelstudio.Context, task *labelstudio.Task, p *labelconfig.Plan) []Wanted {
	if c == nil || p.Regions == nil || p.Regions.Text == nil {
		return nil
	}
	var regions []*Wanted
	byID := map[string]*Wanted{}
	for _, it := range c.Result {
		if it.ToName != p.Audio.Name || it.Value.Span == nil || it.ID == "" {
			continue
		}
		w := byID[it.ID]
		if w == nil {
			w = &Wanted{ID: it.ID, Span: *it.Value.Span}
			byID[it.ID] = w
			regions = append(regions, w)
		}
		w.items = append(w.items, it)
	}
	var out []Wanted
	var earlier map[string]labelstudio.Item
	for _, w := range slices.Backward(regions) {
		text := w.item(p.Regions.Text)
		switch {
		case w.Span.End <= w.Span.Start:
			continue
		case text == nil || strings.TrimSpace(strings.Join(text.Value.Text, "")) == "":
			if w.withheld(p.Regions) {
				continue
			}
		default:
			if earlier == nil {
				earlier = predicted(task, p.Regions.Text)
			}
			if !moved(text, w.Span, earlier) {
				continue
			}
		}
		out = append(out, *w)
	}
	return out
}

// item returns the region's item of a control, or nil.
func (w *Wanted) item(c *labelconfig.Control) *labelstudio.Item {
	for i := range w.items {
		if w.items[i].FromName == c.Name {
			return &w.items[i]
		}
	}
	return nil
}

// withheld reports whether the region carries a label with which its text would not be
// shown.
func (w *Wanted) withheld(r *labelconfig.Regions) bool {
	when := r.Text.When
	if len(when.LabelValues) == 0 || r.Labels == nil || when.TagName != "" && when.TagName != r.Labels.Name {
		return false
	}
	labels := w.item(r.Labels)
	if labels == nil {
		return false
	}
	return !slices.ContainsFunc(r.Labels.Labels, func(l labelconfig.Label) bool {
		return slices.Contains(labels.Value.Labels, l.Value) &&
			(slices.Contains(when.LabelValues, l.Value) || slices.Contains(when.LabelValues, l.Name))
	})
}

// sameStretch is how far two edges may be apart and still be one: rounding on the way
// through the page, less than a person can place.
const sameStretch = 5 * time.Millisecond

// moved reports whether the item holds a predicted text for a stretch other than span.
func moved(text *labelstudio.Item, span labelstudio.Span, earlier map[string]labelstudio.Item) bool {
	was := ParseMeta(text.Meta)
	from, predicted := was.Span, was.text()
	if from == nil {
		it, ok := earlier[text.ID]
		if !ok {
			return false
		}
		from, predicted = it.Value.Span, strings.Join(it.Value.Text, " ")
	}
	near := func(a, b time.Duration) bool { return (a - b).Abs() <= sameStretch }
	return strings.Join(text.Value.Text, " ") == predicted &&
		!(near(from.Start, span.Start) && near(from.End, span.End))
}

// predicted returns the text items of the task's predictions by region.
func predicted(task *labelstudio.Task, text *labelconfig.Control) map[string]labelstudio.Item {
	out := map[string]labelstudio.Item{}
	// Predictions that do not decode only mean that less is known.
	stored, _ := task.StoredPredictions()
	for i := range stored {
		for _, it := range stored[i].Result {
			if it.FromName == text.Name && it.Value.Span != nil {
				out[it.ID] = it
			}
		}
	}
	return out
}

// Answer returns the region with its transcript. The answer replaces the region on
// the page, so everything else that it had is in it too: its id, its labels, its choices.
// The transcript's times count from the start of the recording and it may reach beyond
// the region: of segments across its edges only the words count whose middle is inside.
// The result has no items if nothing was said in the region.
func (w *Wanted) Answer(t *transcript.Transcript, p *labelconfig.Plan, o Options) []labelstudio.Item {
	b := builder{plan: p, options: o, length: t.Duration}
	for i := range w.items { // the page knows it; the transcript may be of a part that ends earlier
		b.length = max(b.length, w.items[i].OriginalLength)
	}
	var words []transcript.Word
	var texts []string
	var confidence float64
	var alternatives []transcript.Alternative
	for i := range t.Segments {
		s := &t.Segments[i]
		if p.Split && s.Channel != transcript.Mixed && s.Channel != w.Span.Channel {
			continue
		}
		if text, inside := w.inside(s); text != "" {
			texts = append(texts, text)
			words = append(words, inside...)
			confidence += s.Confidence
			alternatives = s.Alternatives
			if len(inside) < len(s.Words) {
				alternatives = nil
			}
		}
	}
	switch len(texts) {
	case 0:
		return nil
	case 1:
	default: // those of one segment are not those of the region
		alternatives = nil
	}
	text := p.Regions.Text
	for _, it := range w.items {
		if it.FromName != text.Name {
			b.items = append(b.items, it)
		}
	}
	b.add(w.ID, text, confidence/float64(len(texts)), labelstudio.Value{
		Span: &w.Span, Text: []string{strings.Join(texts, " ")},
	}, b.meta(words, &w.Span, alternatives))
	return b.items
}

// inside returns what of a segment was said in the region.
func (w *Wanted) inside(s *transcript.Segment) (string, []transcript.Word) {
	switch {
	case s.End <= w.Span.Start || s.Start >= w.Span.End:
		return "", nil
	case len(s.Words) == 0 || s.Start >= w.Span.Start && s.End <= w.Span.End:
		return clean(s.Text), s.Words
	}
	var texts []string
	var words []transcript.Word
	for _, word := range s.Words {
		if middle := word.Start + (word.End-word.Start)/2; middle >= w.Span.Start && middle < w.Span.End {
			words = append(words, word)
			texts = append(texts, clean(word.Text))
		}
	}
	return strings.Join(texts, " "), words
}
