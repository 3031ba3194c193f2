package results

import (
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/transcript"
)

// Text is what a result list says in words, a prediction's or an annotation's.
type Text struct {
	// Regions are those with a text or a label, ordered by start.
	Regions []Region
	// Whole is the text of the whole recording, and HasWhole whether the list has one.
	Whole    string
	HasWhole bool
}

// Region is a stretch of the recording and what was written about it.
type Region struct {
	ID     string
	Span   labelstudio.Span
	Labels []string
	Text   string // several submissions joined by spaces
	Words  []transcript.Word
}

// HasWordTimes reports whether the region's words are those of its text and lie within it:
// nobody has changed the text or moved the region since they were found.
func (r *Region) HasWordTimes() bool {
	for _, w := range r.Words {
		if middle := w.Start + (w.End-w.Start)/2; middle < r.Span.Start || middle > r.Span.End {
			return false
		}
	}
	return transcript.JoinWords(r.Words) == strings.Join(strings.Fields(r.Text), " ")
}

// Read returns the words of a result list under a plan: the inverse of Build, for
// learning what people corrected. Items of other controls are passed over.
func Read(items []labelstudio.Item, p *labelconfig.Plan) Text {
	var out Text
	index := map[string]int{}
	at := func(it *labelstudio.Item) *Region {
		i, ok := index[it.ID]
		if !ok {
			i = len(out.Regions)
			index[it.ID] = i
			out.Regions = append(out.Regions, Region{ID: it.ID, Span: *it.Value.Span})
		}
		return &out.Regions[i]
	}
	for i := range items {
		it := &items[i]
		text := strings.TrimSpace(strings.Join(it.Value.Text, " "))
		switch {
		case it.ToName != p.Audio.Name:
		case p.Whole != nil && it.FromName == p.Whole.Name:
			out.Whole, out.HasWhole = text, true
		case p.Regions == nil || it.Value.Span == nil:
		case p.Regions.Labels != nil && it.FromName == p.Regions.Labels.Name:
			at(it).Labels = it.Value.Labels
		case p.Regions.Text != nil && it.FromName == p.Regions.Text.Name:
			r := at(it)
			r.Text, r.Words = text, ParseMeta(it.Meta).Words
		}
	}
	slices.SortStableFunc(out.Regions, func(a, b Region) int {
		return int(min(max(a.Span.Start-b.Span.Start, -1), 1))
	})
	return out
}
