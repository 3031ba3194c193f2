package transcript

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// segment reads one segment. What is wrong with a part of it is noted and costs that part.
// Prefix is what survey puts before unknown keys, none if it need not know them.
func (d *jsonReader) segment(prefix string) error {
	n := len(d.t.Segments)
	s, err := d.readSegment(prefix)
	if err != nil {
		if err = d.pass(fmt.Errorf("segment %d: %w", n, err)); err != nil {
			return err
		}
		return d.budget.segment() // what was left out takes time, too
	}
	d.t.Segments = append(d.t.Segments, s)
	return d.budget.segment()
}

func (d *jsonReader) readSegment(prefix string) (Segment, error) {
	s := Segment{Start: unknown, End: unknown, Channel: Mixed}
	n := len(d.t.Segments)
	sound, known := true, false
	part := func(key string) error {
		switch key {
		case "start", "startTime": // of the podcast namespace
			return d.time(&s.Start)
		case "end", "endTime":
			return d.time(&s.End)
		case "timestamp": // of Hugging Face's pipelines
			return d.times(&s)
		case "timestamps": // of whisper.cpp
			return d.fromTo(&s, func(to *time.Duration) error { return d.clock(to) })
		case "offsets": // of whisper.cpp; they are those of timestamps
			return d.fromTo(&s, func(to *time.Duration) error { return d.millis(to) })
		case "text", "body":
			return d.value(&s.Text)
		case "confidence":
			return d.value(&s.Confidence)
		case "channel":
			return d.value(&s.Channel)
		case "words":
			return d.list(func() error { return d.pass(d.word(&s.Words)) })
		}
		known = false
		if prefix == "" {
			return d.skip()
		}
		return d.survey(prefix + key)
	}
	err := d.object(func(key string) error {
		was := known
		known = true
		err := part(key)
		known = known || was
		if bad := (misfit{}); errors.As(err, &bad) {
			sound = false
			return d.pass(fmt.Errorf("segment %d: %w", n, err))
		}
		return err
	})
	if err != nil {
		return s, err
	}
	if !known {
		return s, misfit{errors.New("no text and no times")}
	}
	d.known = true
	s.Text = strings.TrimSpace(s.Text)
	if s.Start != unknown && s.End != unknown && s.End < s.Start {
		sound = false
		if err := d.pass(misfit{fmt.Errorf("segment %d ends before it starts, so that its times are not used", n)}); err != nil {
			return s, err
		}
		s.Start, s.End = unknown, unknown
	}
	s.fillTimes()
	if sound {
		d.used++
	}
	return s, nil
}

// fillTimes gives a segment the times of its words where it has none, and words without
// times those of their neighbours. Where nothing has times the words are given up: their
// text is that of the segment.
func (s *Segment) fillTimes() {
	if s.Start == unknown {
		i := slices.IndexFunc(s.Words, func(w Word) bool { return w.Start != unknown })
		if i < 0 {
			s.Text = cmp.Or(s.Text, JoinWords(s.Words))
			s.Words = nil
			return
		}
		s.Start = s.Words[i].Start
	}
	end := fillTimes(s.Words, s.Start)
	if s.End == unknown {
		s.End = max(s.Start, end)
	}
}

// times reads a list of a start and an end.
func (d *jsonReader) times(s *Segment) error {
	i := 0
	return d.list(func() error {
		i++
		switch i {
		case 1:
			return d.time(&s.Start)
		case 2:
			return d.time(&s.End)
		}
		return d.skip()
	})
}

// fromTo reads an object of a start and an end.
func (d *jsonReader) fromTo(s *Segment, read func(*time.Duration) error) error {
	return d.object(func(key string) error {
		switch key {
		case "from":
			return read(&s.Start)
		case "to":
			return read(&s.End)
		}
		return d.skip()
	})
}

func (d *jsonReader) word(to *[]Word) error {
	w := struct {
		Word        string  `json:"word"`
		Text        string  `json:"text"`
		Start       seconds `json:"start"`
		End         seconds `json:"end"`
		Confidence  float64 `json:"confidence"`
		Probability float64 `json:"probability"`
		Score       float64 `json:"score"`
		Conf        float64 `json:"conf"`
	}{Start: unknown, End: unknown}
	if err := d.value(&w); err != nil {
		return err
	}
	if err := d.budget.word(); err != nil {
		return err
	}
	text := strings.TrimSpace(cmp.Or(w.Word, w.Text))
	if text == "" {
		d.budget.words--
		return nil // some have the spaces between words in their lists
	}
	word := Word{
		Start: time.Duration(w.Start), End: time.Duration(w.End), Text: text,
		Confidence: cmp.Or(w.Confidence, w.Probability, w.Score, w.Conf),
	}
	if w.Start != unknown && w.End != unknown && w.End < w.Start {
		word.Start, word.End = unknown, unknown
		*to = append(*to, word)
		return misfit{fmt.Errorf("word %s ends before it starts, so that its times are not used", quote(text))}
	}
	*to = append(*to, word)
	d.used++
	return nil
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
