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

// meta writes words and the span that was transcribed, or returns nil if there is neither.
func (b *builder) meta(words []transcript.Word, span *labelstudio.Span) json.RawMessage {
	if b.options.NoWords {
		words = nil
	}
	if len(words) == 0 && span == nil {
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
	return append(m, '}')
}

// exact writes a time as a decimal number of seconds without loss.
type exact time.Duration

func (e exact) MarshalJSON() ([]byte, error) {
	return labelstudio.AppendSeconds(nil, time.Duration(e)), nil
}
