package transcript

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// writeCTM writes time marked conversation as NIST's sclite and Kaldi read it: a line a
// word with recording, channel, start, duration, word and confidence, sorted by channel
// in ASCII order and then by start. Channels count from one; a mixed recording is 1.
//
// The format holds words alone. Where the words of a segment are not those of its text,
// the text is written, with the segment's time shared out by width.
func writeCTM(w *bufio.Writer, t *Transcript, o *WriteOptions) {
	name := recordingName(o.Audio)
	channels := t.channels()
	slices.SortFunc(channels, func(a, b int) int { return strings.Compare(ctmChannel(a), ctmChannel(b)) })
	channels = slices.CompactFunc(channels, func(a, b int) bool { return ctmChannel(a) == ctmChannel(b) })
	for _, c := range channels {
		channel := ctmChannel(c)
		var words []Word
		for i := range t.Segments {
			if s := &t.Segments[i]; ctmChannel(s.Channel) == channel {
				words = append(words, s.spoken()...)
			}
		}
		slices.SortStableFunc(words, func(a, b Word) int { return cmp.Compare(millis(a.Start), millis(b.Start)) })
		for i := range words {
			text := solid(words[i].Text)
			if text == "" {
				continue
			}
			start := words[i].Start.Round(ctmStep)
			length := words[i].End.Round(ctmStep) - start
			fmt.Fprintf(w, "%s %s %s %s %s %.4f\n", name, channel, fixed(start, 3), fixed(length, 3), text, words[i].Confidence)
		}
	}
}

const ctmStep = time.Millisecond

func ctmChannel(c int) string { return strconv.Itoa(max(c, 0) + 1) }

// spoken returns the words of a segment, or those of its text if it has others.
func (s *Segment) spoken() []Word {
	text := s.text()
	if text == "" || locate(text, s.Words) != nil {
		return s.Words
	}
	atoms := appendSpan(nil, span{text, s.Start, s.End})
	words := make([]Word, len(atoms))
	for i, a := range atoms {
		words[i] = Word{Start: a.start, End: a.end, Text: a.text, Confidence: s.Confidence}
	}
	return words
}

// solid returns a word without white space inside, which the fields of CTM cannot hold.
func solid(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return '_'
		}
		return r
	}, oneLine(word))
}

// recordingName returns the name of a file or URL without folder and extension.
func recordingName(source string) string {
	name := strings.ReplaceAll(source, `\`, "/")
	if u, err := url.Parse(source); err == nil && u.Scheme != "" && u.Host != "" {
		name = u.Path
	}
	name = path.Base(name)
	if ext := path.Ext(name); len(ext) <= 5 && strings.ContainsFunc(ext, unicode.IsLetter) {
		name = strings.TrimSuffix(name, ext)
	}
	name = strings.TrimLeft(solid(name), ";") // two of them begin a comment
	switch name {
	case "", "-", ".", "/":
		return "recording"
	}
	return name
}

// readCTM reads time marked conversation: one segment a channel, since the format has no
// regions. Channels are numbers or letters (A is the first); if the first is the only
// one, the recording counts as mixed. Of alternatives the first is taken. A confidence
// outside 0..1, as older recognisers write it, counts as unknown.
func readCTM(r io.Reader) (*Transcript, error) {
	c := &ctmReader{t: &Transcript{}, segments: map[int]int{}}
	err := eachLine(r, func(n int, line string) error {
		err := c.record(strings.Fields(line))
		if _, bad := errors.AsType[badRecord](err); bad {
			c.faults.addf(n, "%w, so that it is left out", err)
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := c.faults.judge(c.t, c.budget.words); err != nil {
		return nil, err
	}
	for i := range c.t.Segments {
		s := &c.t.Segments[i]
		slices.SortStableFunc(s.Words, byStart)
		s.Start = s.Words[0].Start
		s.Text = JoinWords(s.Words)
		if len(c.t.Segments) == 1 && s.Channel == 0 {
			s.Channel = Mixed
		}
	}
	return c.t, nil
}

type ctmReader struct {
	t           *Transcript
	segments    map[int]int // the segment of each channel
	faults      faults
	budget      budget
	alternative int // which of several alternatives we are in, from one; zero outside
}

// badRecord says what is wrong with a line that is left out.
type badRecord struct{ error }

func (c *ctmReader) record(f []string) error {
	if len(f) == 0 || strings.HasPrefix(f[0], ";;") {
		return nil
	}
	if len(f) < 5 {
		return badRecord{fmt.Errorf("%d fields where recording, channel, start, duration and word should stand", len(f))}
	}
	c.t.Source = cmp.Or(c.t.Source, f[0])
	if f[0] != c.t.Source {
		return fmt.Errorf("a second recording, %s after %s: split the file first", quote(f[0]), quote(c.t.Source))
	}
	switch f[4] {
	case "<ALT_BEGIN>":
		c.alternative = 1
		return nil
	case "<ALT>":
		c.alternative++
		return nil
	case "<ALT_END>":
		c.alternative = 0
		return nil
	}
	if c.alternative > 1 {
		return nil
	}
	start, err := parseSeconds(f[2])
	if err != nil {
		return badRecord{err}
	}
	length, err := parseSeconds(f[3])
	if err != nil {
		return badRecord{err}
	}
	word := Word{Start: start, End: start + length, Text: f[4]}
	if len(f) > 5 {
		if score, err := strconv.ParseFloat(f[5], 64); err == nil && unit(score) == score {
			word.Confidence = score
		}
	}
	return c.add(ctmChannelIndex(f[1]), word)
}

func (c *ctmReader) add(channel int, word Word) error {
	i, ok := c.segments[channel]
	if !ok {
		i = len(c.t.Segments)
		c.segments[channel] = i
		c.t.Segments = append(c.t.Segments, Segment{Channel: channel})
		if err := c.budget.segment(); err != nil {
			return err
		}
	}
	c.t.Segments[i].Words = append(c.t.Segments[i].Words, word)
	return c.budget.word()
}

// ctmChannelIndex returns the zero-based channel for 1, 2, … or A, B, …
func ctmChannelIndex(s string) int {
	if len(s) == 1 && s[0] >= 'A' && s[0] <= 'Z' {
		return int(s[0] - 'A')
	}
	return parseChannel(s)
}
