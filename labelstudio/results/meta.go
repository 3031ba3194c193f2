package results

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// Meta is the meta of a textarea item.
type Meta struct {
	Words []transcript.Word // text, times and confidence only
	// Span is the part of the recording that was transcribed, or nil.
	Span *labelstudio.Span
}

// text returns the words joined by spaces.
func (m *Meta) text() string {
	words := make([]string, len(m.Words))
	for i := range m.Words {
		words[i] = m.Words[i].Text
	}
	return strings.Join(words, " ")
}

// ParseMeta reads the meta of a textarea item. Meta that is missing or not ours reads as
// empty.
func ParseMeta(raw json.RawMessage) Meta {
	var w struct {
		Words [][]json.RawMessage `json:"words"`
		Span  []float64           `json:"span"`
		Heard []float64           `json:"heard"` // the span's name in predictions of earlier versions
	}
	var m Meta
	if json.Unmarshal(raw, &w) != nil {
		return m
	}
	for _, fields := range w.Words {
		if word, err := parseWord(fields); err == nil {
			m.Words = append(m.Words, word)
		}
	}
	span := w.Span
	if span == nil {
		span = w.Heard
	}
	if len(span) == 2 {
		m.Span = &labelstudio.Span{Start: timeline.FromSeconds(span[0]), End: timeline.FromSeconds(span[1])}
	}
	return m
}

var errNotWord = errors.New("not a word with times")

func parseWord(fields []json.RawMessage) (w transcript.Word, err error) {
	if len(fields) < 3 {
		return w, errNotWord
	}
	var start, end float64
	if json.Unmarshal(fields[0], &w.Text) != nil ||
		json.Unmarshal(fields[1], &start) != nil || json.Unmarshal(fields[2], &end) != nil {
		return w, errNotWord
	}
	if len(fields) > 3 {
		_ = json.Unmarshal(fields[3], &w.Confidence)
	}
	w.Start, w.End = timeline.FromSeconds(start), timeline.FromSeconds(end)
	return w, nil
}

// meta writes words, the span that was transcribed and other texts that were possible, or
// returns nil if there is nothing.
func (b *builder) meta(words []transcript.Word, span *labelstudio.Span, alternatives []transcript.Alternative) json.RawMessage {
	if b.options.NoWords {
		words = nil
	}
	if len(words) == 0 && span == nil && len(alternatives) == 0 {
		return nil
	}
	const typical = 40 // bytes a word
	m := make([]byte, 0, 64+typical*len(words))
	m = append(m, '{')
	for i := range words {
		w := &words[i]
		if i == 0 {
			m = append(m, `"words":[[`...)
		} else {
			m = append(m, `],[`...)
		}
		m = append(labelstudio.AppendString(m, clean(w.Text)), ',')
		m = append(labelstudio.AppendSeconds(m, w.Start), ',')
		m = append(labelstudio.AppendSeconds(m, w.End), ',')
		m = labelstudio.AppendNumber(m, unit(w.Confidence))
	}
	if len(words) > 0 {
		m = append(m, `]]`...)
	}
	if span != nil {
		if len(words) > 0 {
			m = append(m, ',')
		}
		m = append(labelstudio.AppendSeconds(append(m, `"span":[`...), span.Start), ',')
		m = append(labelstudio.AppendSeconds(m, span.End), ']')
	}
	for i := range alternatives {
		switch {
		case i > 0:
			m = append(m, `,[`...)
		case len(m) > 1:
			m = append(m, `,"alternatives":[[`...)
		default:
			m = append(m, `"alternatives":[[`...)
		}
		m = append(labelstudio.AppendString(m, clean(alternatives[i].Text)), ',')
		m = append(labelstudio.AppendNumber(m, unit(alternatives[i].Probability)), ']')
	}
	if len(alternatives) > 0 {
		m = append(m, ']')
	}
	return append(m, '}')
}

// exact writes a time as a decimal number of seconds without loss.
type exact time.Duration

func (e exact) MarshalJSON() ([]byte, error) {
	return labelstudio.AppendSeconds(nil, time.Duration(e)), nil
}
