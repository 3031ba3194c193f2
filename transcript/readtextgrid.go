package transcript

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// readTextGrid reads Praat's TextGrid, long and short text form, UTF-8 or UTF-16. As in
// Praat, only numbers, quoted strings and <flags> that stand alone count; all else is
// decoration.
//
// A tier named "words" or "word", alone or after a prefix as in "Anna - words", gives
// words, which go to the regions of the same prefix; tiers of phones and of points are
// left out; the intervals of any other tier are segments. Intervals without text are
// silence.
func readTextGrid(r io.Reader) (*Transcript, error) {
	p := &praatReader{r: bufio.NewReader(decodeValid(r)), line: 1}
	t, err := p.textGrid()
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", p.line, explain(err))
	}
	if err := p.faults.judge(t, p.used); err != nil {
		return nil, err
	}
	return t, nil
}

// voice is what the tiers of one prefix say.
type voice struct {
	channel  int
	segments []Segment
	words    []Word
}

func (p *praatReader) textGrid() (*Transcript, error) {
	for _, want := range []string{"ooTextFile", "TextGrid"} {
		got, err := p.str()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if strings.TrimSuffix(got, " short") != want {
			return nil, errors.New("not a TextGrid in one of Praat's text forms")
		}
	}
	if _, err := p.time(); err != nil { // xmin
		return nil, err
	}
	end, err := p.time()
	if err != nil {
		return nil, err
	}
	t := &Transcript{Duration: end}
	flag, err := p.flag()
	if err != nil {
		return nil, err
	}
	if flag != "exists" {
		return t, nil
	}
	tiers, err := p.count()
	if err != nil {
		return nil, err
	}
	voices := map[string]*voice{}
	var order []*voice
	for range tiers {
		class, err := p.str()
		if err != nil {
			return nil, err
		}
		name, err := p.str()
		if err != nil {
			return nil, err
		}
		prefix, holds := tierHolds(name)
		v := voices[prefix]
		if v == nil {
			v = &voice{channel: tierChannel(prefix)}
			voices[prefix] = v
			order = append(order, v)
		}
		if err := cmp.Or(p.budget.segment(), p.tier(class, holds, v)); err != nil {
			return nil, err
		}
	}
	for _, v := range order {
		placeUntimed(v.segments)
		fillTimes(v.words, 0)
		slices.SortStableFunc(v.segments, bySegment)
		slices.SortStableFunc(v.words, byStart)
		t.Segments = append(t.Segments, attach(v.segments, v.words, v.channel)...)
	}
	return t, nil
}

// tier reads one tier from its xmin on.
func (p *praatReader) tier(class, holds string, v *voice) error {
	if class != "IntervalTier" && class != "TextTier" {
		return fmt.Errorf("a tier of unknown class %s", quote(class))
	}
	for range 2 { // xmin, xmax
		if _, err := p.time(); err != nil {
			return err
		}
	}
	n, err := p.count()
	if err != nil {
		return err
	}
	for range n {
		start, end, text, err := p.interval(class == "IntervalTier")
		if err != nil {
			return err
		}
		if text == "" || class == "TextTier" {
			continue
		}
		switch holds {
		case "words":
			v.words = append(v.words, Word{Start: start, End: end, Text: text})
			err = p.budget.word()
		case "regions":
			v.segments = append(v.segments, Segment{Start: start, End: end, Text: text, Channel: v.channel})
			err = p.budget.segment()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// interval reads an interval, or a point, which has one time. Praat's times may be
// negative, which those of a recording are not.
func (p *praatReader) interval(two bool) (start, end time.Duration, text string, err error) {
	from, err := p.want(aNumber)
	if err != nil {
		return 0, 0, "", err
	}
	to := from
	if two {
		if to, err = p.want(aNumber); err != nil {
			return 0, 0, "", err
		}
	}
	if text, err = p.str(); err != nil {
		return 0, 0, "", err
	}
	text = oneLine(text)
	start, end, bad := tableTimes(from, to, parseSeconds)
	if bad == nil {
		p.used++
	} else if text != "" {
		p.faults.addf(p.line, "interval %s: %w, so that its times are not used", quote(text), bad)
	}
	return start, end, text, nil
}

// tierHolds splits the name of a tier into a prefix and what the tier holds: words,
// phones or regions.
func tierHolds(name string) (prefix, holds string) {
	prefix, last := "", name
	if i := strings.LastIndex(name, " - "); i >= 0 {
		prefix, last = name[:i], name[i+3:]
	}
	switch strings.ToLower(strings.TrimSpace(last)) {
	case "words", "word":
		return prefix, "words"
	case "phones", "phone", "phonemes", "phoneme":
		return prefix, "phones"
	}
	return prefix, "regions"
}

// tierChannel returns the channel of a prefix that writeTextGrid wrote.
func tierChannel(prefix string) int {
	if n, ok := strings.CutPrefix(prefix, "Channel "); ok {
		return parseChannel(n)
	}
	return Mixed
}
