package transcript

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// readSRT reads SubRip subtitles, one segment a cue, as they are found in the wild: a
// point for the comma, hours or fractions left out, positions after the times, cue
// numbers missing, no blank line before a cue or one inside its text, marks of writing
// direction around numbers and times. The tags of players (<i>, {\an8} and the like) are
// taken off.
func readSRT(r io.Reader) (*Transcript, error) {
	return readCues(r, false)
}

// readVTT reads WebVTT subtitles, one segment a cue. Comments, styles, regions, settings
// and tags are taken off; the voices that writeVTT wrote become channels.
func readVTT(r io.Reader) (*Transcript, error) {
	return readCues(r, true)
}

// A cueReader takes a file line by line. All that stands between one line of times and
// the next is the text of the cue, in WebVTT up to the first empty line, except a line
// of digits right before the times, which is the number of the next cue. So one line is
// always held back.
//
// Lines of no cue are a stray block: in SubRip what comes before the first cue, in WebVTT
// also each block of lines between the cues. The last line before times is a cue's name.
type cueReader struct {
	vtt    bool
	t      *Transcript
	faults faults
	budget budget
	used   int
	header bool // in the header of WebVTT, up to the first empty line
	headed bool // there was one
	open   bool // a cue is being read
	badAt  int  // the line of its times if they cannot be used
	bad    error
	text   lineJoiner // of the cue, without the line held back
	stray  lineJoiner // of the stray block, without the line held back
	first  string     // the first line of the stray block, and its number
	firstN int
	apart  bool // the lines that come are a stray block
	held   string
	holds  bool
	blank  bool // a blank line came since the line held back
}

// cueTime is what may be a time; translators put spaces into it.
const cueTime = `-?[0-9]+(?:\s?[:.,]\s?[0-9]+)*`

var (
	timingLine = regexp.MustCompile(`^\s*(` + cueTime + `)\s*(?:-\s?-\s?>|--&gt;|->|→)\s*(` + cueTime + `|)(\S*)`)
	onlyDigits = regexp.MustCompile(`^\s*[0-9]+\s*$`)
)

func readCues(r io.Reader, vtt bool) (*Transcript, error) {
	in := newLineReader(r)
	c := &cueReader{vtt: vtt, t: &Transcript{}, apart: true}
	lines := false
	for line, ok := in.next(); ok; line, ok = in.next() {
		blank := isBlank(line)
		if !blank && !lines {
			lines = true
			if strings.HasPrefix(plainLine(line), "WEBVTT") {
				c.vtt, c.header, c.headed = true, true, true
				continue
			}
		}
		var err error
		if m := timesOf(line, c.vtt && !c.header); m != nil {
			err = c.begin(in.n, m)
		} else if blank && (!c.vtt || line == "" || c.apart) {
			// In WebVTT a line of spaces is a line of its cue.
			c.blankLine()
		} else if !blank {
			c.textLine(in.n, line)
		}
		if err != nil {
			return nil, in.errorf("%w", err)
		}
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	c.endStray()
	c.finish()
	if len(c.t.Segments) == 0 && lines && !c.headed {
		return nil, in.errorf("no cue in the whole file")
	}
	if err := c.faults.judge(c.t, c.used); err != nil {
		return nil, err
	}
	if !c.vtt {
		takeChannels(c.t.Segments)
	}
	return c.t, nil
}

// timesOf returns the two times of a line that has times, nil for any other. An arrow
// belongs to nothing else in WebVTT, and in SubRip makes a line one of times if a time
// begins it; other arrows do so only between two times, and numbers alone are none.
func timesOf(line string, vtt bool) []string {
	if !strings.ContainsAny(line, ">→;") {
		return nil
	}
	line = strings.TrimSpace(plainLine(line))
	before, after, arrow := strings.Cut(line, "-->")
	if m := timingLine.FindStringSubmatch(line); m != nil {
		from, to := withoutSpaces(m[1]), withoutSpaces(m[2])+m[3]
		if !arrow || !vtt && !strings.ContainsAny(from, ":.,") {
			_, err1 := parseClock(from)
			_, err2 := parseClock(to)
			if err1 != nil || err2 != nil {
				return nil
			}
		}
		return []string{from, to}
	}
	if arrow && (vtt || line[0] >= '0' && line[0] <= '9' && strings.Contains(line, ":")) {
		after, _, _ = strings.Cut(strings.TrimSpace(after), " ")
		return []string{strings.TrimSpace(before), after}
	}
	return nil
}

func (c *cueReader) blankLine() {
	c.header = false
	if c.apart {
		c.endStray()
	}
	c.blank = true
	if c.vtt && c.open && !c.apart {
		c.release(&c.text)
		c.apart = true
	}
}

// release gives the line held back to the lines before it.
func (c *cueReader) release(to *lineJoiner) {
	if c.holds {
		to.add(c.held)
	}
	c.holds = false
}

func (c *cueReader) textLine(n int, line string) {
	switch {
	case c.header:
		return
	case c.apart:
		if !c.holds && c.stray.String() == "" {
			c.first, c.firstN = line, n
		}
		c.release(&c.stray)
	default:
		c.release(&c.text)
	}
	c.held, c.holds, c.blank = line, true, false
}

// begin ends the cue being read and begins one with the given times.
func (c *cueReader) begin(n int, times []string) error {
	number := c.holds && !c.blank && onlyDigits.MatchString(plainLine(c.held))
	if number || c.vtt && c.apart && !c.blank {
		c.holds = false
	}
	if c.apart {
		c.endStray()
	}
	c.finish()
	start, end, err := cueTimes(times[0], times[1])
	c.bad, c.badAt = err, n
	if err != nil {
		start, end = unknown, unknown
	}
	c.open, c.blank, c.apart, c.header = true, false, false, false
	c.t.Segments = append(c.t.Segments, Segment{Start: start, End: end, Channel: Mixed})
	return c.budget.segment()
}

func cueTimes(from, to string) (start, end time.Duration, err error) {
	if start, err = parseClock(from); err != nil {
		return 0, 0, err
	}
	if end, err = parseClock(to); err != nil {
		return 0, 0, err
	}
	if end < start {
		return 0, 0, errors.New("the cue ends before it starts")
	}
	return start, end, nil
}

// endStray judges the block of lines that stood apart from any cue.
func (c *cueReader) endStray() {
	if !c.apart {
		return
	}
	c.release(&c.stray)
	text := c.stray.String()
	c.stray = lineJoiner{}
	switch {
	case text == "" || onlyDigits.MatchString(plainLine(text)):
	case c.vtt && isComment(c.first):
	case c.vtt && c.open && c.text.String() == "":
		c.text.add(text) // a blank line before the text is a slip
	case c.open:
		c.faults.addf(c.firstN, "%s belongs to no cue and is left out", quote(oneLine(text)))
	default:
		c.faults.addf(c.firstN, "text before the first cue, %s, is left out", quote(oneLine(text)))
	}
}

// isComment reports whether a line begins a block of WebVTT that is not shown.
func isComment(line string) bool {
	word, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	return word == "NOTE" || (word == "STYLE" || word == "REGION") && strings.TrimSpace(rest) == ""
}

// finish gives the cue being read its text.
func (c *cueReader) finish() {
	if !c.open {
		return
	}
	if !c.apart {
		c.release(&c.text)
	}
	text := c.text.String()
	c.text, c.open = lineJoiner{}, false
	s := &c.t.Segments[len(c.t.Segments)-1]
	if c.vtt {
		s.Channel = vttChannel(text)
		s.Text = vttText(text)
	} else {
		s.Text = srtText(text)
	}
	if c.bad == nil {
		c.used++
		return
	}
	c.faults.add(c.badAt, fmt.Errorf("%w, so that its times are not used", c.bad))
	if s.Text == "" {
		c.t.Segments = c.t.Segments[:len(c.t.Segments)-1]
	}
}

// isBlank reports whether a line shows nothing.
func isBlank(line string) bool { return strings.TrimSpace(plainLine(line)) == "" }

// plainLine returns a line of numbers and times as it would be typed: without marks of
// writing direction and other signs that are not seen, which editors and translators
// leave around them, and with plain spaces.
func plainLine(line string) string {
	if isASCII(line) {
		return line
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r) && string(r) != guard:
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, line)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func withoutSpaces(s string) string { return strings.Join(strings.Fields(s), "") }
