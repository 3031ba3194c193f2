package transcript

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// readJSON reads what writeJSON writes, and what Whisper and services in its shape write:
// unknown keys are skipped, "probability" is a confidence, texts are trimmed, numbers may
// stand in quotes, words may lack times (they get those of their neighbours) and may
// stand in the flat list alone (they go to the segment around their middle). A bare list
// of segments is read too.
func readJSON(r io.Reader) (*Transcript, error) {
	in := &lineCounter{r: decodeValid(r)}
	d := &jsonReader{Decoder: json.NewDecoder(in), t: &Transcript{}}
	err := d.transcript()
	if err == nil {
		if _, end := d.Token(); end == nil {
			err = errors.New("something follows the transcript")
		} else if !errors.Is(end, io.EOF) {
			err = end
		}
	}
	if err != nil {
		// What the decoder holds but has not taken comes after the error.
		rest := &lineCounter{r: d.Buffered()}
		io.Copy(io.Discard, rest)
		return nil, fmt.Errorf("line %d: %w", in.n-rest.n+1, explain(err))
	}
	return d.t, nil
}

// jsonReader walks the tokens, so that what it holds grows with what it keeps and not
// with what the input has. It must stay within the limits of the budget.
type jsonReader struct {
	*json.Decoder
	t      *Transcript
	text   string // of the outer object
	flat   []Word // of the outer object
	budget budget
}

func (d *jsonReader) transcript() error {
	tok, err := d.Token()
	if err != nil {
		return err
	}
	switch tok {
	case json.Delim('['):
		err = d.items(d.segment)
	case json.Delim('{'):
		err = d.members(d.member)
	default:
		return errors.New("not a transcript: no object or list")
	}
	if err != nil {
		return err
	}
	return d.join()
}

// join brings together what the outer object has beside its segments.
func (d *jsonReader) join() error {
	t := d.t
	fillTimes(d.flat, 0)
	slices.SortStableFunc(d.flat, byStart)
	if len(t.Segments) == 0 && (d.text != "" || len(d.flat) > 0) {
		s := Segment{End: t.Duration, Text: d.text, Confidence: t.Confidence, Channel: Mixed, Words: d.flat}
		or(&s.Text, joinWords(d.flat))
		t.Segments = []Segment{s}
		return d.budget.segment()
	}
	if d.budget.words > len(d.flat) {
		return nil // the segments have words of their own
	}
	slices.SortStableFunc(t.Segments, bySegment)
	t.Segments = attach(t.Segments, d.flat, Mixed)
	return nil
}

func (d *jsonReader) member(key string) error {
	t := d.t
	switch key {
	case "text":
		err := d.Decode(&d.text)
		d.text = strings.TrimSpace(d.text)
		return err
	case "duration":
		return d.time(&t.Duration)
	case "language":
		return d.Decode(&t.Language)
	case "model":
		return d.Decode(&t.Model)
	case "model_version":
		return d.Decode(&t.ModelVersion)
	case "source":
		return d.Decode(&t.Source)
	case "confidence":
		return d.Decode(&t.Confidence)
	case "segments":
		return d.list(d.segment)
	case "words":
		if d.budget.words > len(d.flat) {
			return d.list(func() error { return d.Decode(new(ignored)) }) // the segments had them already
		}
		return d.list(func() error { return d.word(&d.flat) })
	case "diagnostics":
		return d.object(d.diagnostic)
	}
	return d.skip()
}

func (d *jsonReader) diagnostic(key string) error {
	g := &d.t.Diagnostics
	switch key {
	case "warnings":
		return d.list(func() error {
			var s string
			err := d.Decode(&s)
			g.Warnings = append(g.Warnings, s)
			return errors.Join(err, d.budget.segment())
		})
	case "windows":
		return d.Decode(&g.Windows)
	case "windows_skipped":
		return d.Decode(&g.WindowsSkipped)
	case "seam_disagreement":
		return d.Decode(&g.SeamDisagreement)
	case "unheard_speech":
		return d.time(&g.UnheardSpeech)
	}
	return d.skip()
}

// unknown marks a time that the file does not give.
const unknown = -1

func (d *jsonReader) segment() error {
	s := Segment{Start: unknown, End: unknown, Channel: Mixed}
	err := d.object(func(key string) error {
		switch key {
		case "start":
			return d.time(&s.Start)
		case "end":
			return d.time(&s.End)
		case "text":
			return d.Decode(&s.Text)
		case "confidence":
			return d.Decode(&s.Confidence)
		case "channel":
			return d.Decode(&s.Channel)
		case "words":
			return d.list(func() error { return d.word(&s.Words) })
		}
		return d.skip()
	})
	if err != nil {
		return fmt.Errorf("segment %d: %w", len(d.t.Segments), err)
	}
	s.Text = strings.TrimSpace(s.Text)
	at := fillTimes(s.Words, max(s.Start, 0))
	if s.Start == unknown && len(s.Words) > 0 {
		s.Start = s.Words[0].Start
	}
	s.Start = max(s.Start, 0)
	if s.End == unknown {
		s.End = max(s.Start, at)
	}
	if s.End < s.Start {
		return fmt.Errorf("segment %d ends before it starts", len(d.t.Segments))
	}
	d.t.Segments = append(d.t.Segments, s)
	return d.budget.segment()
}

func (d *jsonReader) word(to *[]Word) error {
	w := struct {
		Word, Text                     string
		Start, End                     seconds
		Confidence, Probability, Score float64
	}{Start: unknown, End: unknown}
	if err := d.Decode(&w); err != nil {
		return err
	}
	text := strings.TrimSpace(cmp.Or(w.Word, w.Text))
	if w.Start != unknown && w.End != unknown && w.End < w.Start {
		return fmt.Errorf("word %s ends before it starts", quote(text))
	}
	*to = append(*to, Word{
		Start: time.Duration(w.Start), End: time.Duration(w.End), Text: text,
		Confidence: cmp.Or(w.Confidence, w.Probability, w.Score),
	})
	return d.budget.word()
}

// fillTimes puts words whose times are unknown between their neighbours, and returns the
// end of the last word, or at if there is none. Whisper's descendants leave the times
// out for what they could not align, such as numerals.
func fillTimes(words []Word, at time.Duration) time.Duration {
	for i := range words {
		w := &words[i]
		if w.Start == unknown {
			w.Start = at
			if w.End != unknown {
				w.Start = min(at, w.End)
			}
		}
		if w.End == unknown {
			w.End = w.Start
		}
		at = w.End
	}
	return at
}
